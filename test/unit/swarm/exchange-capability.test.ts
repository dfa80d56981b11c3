import { describe, expect, test } from 'vitest'
import { introduce } from './introduce.js'
import { type Node, World } from './world.js'

const A = 'aa'.repeat(20)

const ports = ({ network }: Node) => network.sharing.relay?.status().ports
const calls = ({ swarm }: Node) => swarm.stagesBySignaling()['exchange']?.offered ?? 0

/** How many frames of exchange each of them was handed, from now on. */
function watch(nodes: Node[]): () => number[] {
  const heard = nodes.map(() => 0)
  for (const [nth, { network }] of nodes.entries()) {
    const { relay } = network.sharing
    if (relay === undefined) continue
    const received = relay.received.bind(relay)
    relay.received = (port, message) => {
      heard[nth] = (heard[nth] ?? 0) + 1
      received(port, message)
    }
  }
  return () => heard
}

describe('X2 a peer that does not exchange', () => {
  test.each(['caller', 'callee'])('says so, and is neither asked nor named: a %s', async role => {
    const world = new World({ hubs: [] })
    const [hermit, first] = [world.join(), world.join({ exchange: true })]
    await (role === 'caller' ? introduce(world, first, hermit) : introduce(world, hermit, first)) // the newcomer calls
    await world.env.advance(1_000)
    expect([...hermit.network.sharing.links].map(link => link.role)).toEqual([role])
    expect(ports(first)).toBe(0)
    const newcomers = [world.join({ exchange: true }), world.join({ exchange: true })]
    for (const newcomer of newcomers) await introduce(world, first, newcomer)
    await world.env.advance(60_000)
    expect([hermit, first, ...newcomers].map(({ swarm }) => swarm.peers.length)).toEqual([1, 3, 2, 2])
    expect(newcomers.map(calls).reduce((sum, count) => sum + count)).toBe(1) // each other
    expect([first, ...newcomers].map(ports)).toEqual([2, 2, 2])
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })

  test('shares its topics all the same, and none of them makes it a relay', async () => {
    const world = new World()
    const [hermit, first] = [world.join(), world.join({ exchange: true })]
    await world.env.until(() => world.missingLinks() === 0, 10_000)
    const further = [hermit.also(A), first.also(A)]
    await world.env.until(() => further.every(({ peers }) => peers.length === 1), 10_000)
    await world.env.advance(1_000)
    expect(ports(first)).toBe(0)
    await world.closeAll()
  })
})

describe('X2 two that exchange', () => {
  test('know it of each other as soon as they are connected, and ask as early as ever', async () => {
    const world = new World()
    const nodes = world.joinMany(2, { exchange: true })
    await world.env.until(() => world.missingLinks() === 0, 10_000)
    const heard = watch(nodes)
    await world.env.advance(50)
    const links = nodes.map(({ network }) => [...network.sharing.links])
    expect(links.flat().map(({ exchanges }) => exchanges)).toEqual([true, true])
    await world.env.advance(100) // who comes is asked after 50 to 100 ms
    expect(heard().every(count => count > 0)).toBe(true)
    await world.closeAll()
  })
})
