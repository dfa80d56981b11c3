import { describe, expect, test } from 'vitest'
import { introduce } from '../../simulate/introduce.js'
import { type Node, World } from '../../simulate/world.js'

const A = 'aa'.repeat(20)

const ports = ({ runtime }: Node) => runtime.sharedTopics.exchange?.status().ports
const calls = ({ swarm }: Node) => swarm.stagesBySignaling()['exchange']?.offered ?? 0

/** Counts the exchange frames that each node receives from now on. */
function watch(nodes: Node[]): () => number[] {
  const heard = nodes.map(() => 0)
  for (const [nth, { runtime }] of nodes.entries()) {
    const { exchange } = runtime.sharedTopics
    if (exchange === undefined) continue
    const received = exchange.received.bind(exchange)
    exchange.received = (port, message) => {
      heard[nth] = (heard[nth] ?? 0) + 1
      received(port, message)
    }
  }
  return () => heard
}

describe('a peer without peer exchange', () => {
  test.each(['offerer', 'answerer'])('says so, and is neither queried nor named: a %s [X2]', async role => {
    const world = new World({ hubs: [] })
    const [hermit, first] = [world.join(), world.join({ exchange: true })]
    await (role === 'offerer' ? introduce(world, first, hermit) : introduce(world, hermit, first)) // the newcomer is the caller
    await world.env.advance(1_000)
    expect([...hermit.runtime.sharedTopics.sessions].map(session => session.role)).toEqual([role])
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

  test('shares its topics all the same, and none of them makes it a relay [X2]', async () => {
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

describe('two peers with peer exchange', () => {
  test("know each other's capability once connected, and query without delay [X2]", async () => {
    const world = new World()
    const nodes = world.joinMany(2, { exchange: true })
    await world.env.until(() => world.missingLinks() === 0, 10_000)
    const heard = watch(nodes)
    await world.env.advance(50)
    const links = nodes.map(({ runtime }) => [...runtime.sharedTopics.sessions])
    expect(links.flat().map(({ exchanges }) => exchanges)).toEqual([true, true])
    await world.env.advance(100) // a new peer is queried after 50 to 100 ms
    expect(heard().every(count => count > 0)).toBe(true)
    await world.closeAll()
  })
})
