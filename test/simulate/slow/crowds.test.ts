/** Large swarms that take seconds of processor time: too slow for a suite that runs at every change. */
import { describe, expect, test } from 'vitest'
import { randomId } from '../../../src/core/id.js'
import { broadcast } from '../../support/fakes/fake-bus.js'
import { BUS, end, flood, kinds } from '../bus-world.js'
import { expectMesh } from '../join-at-once.js'
import { linked, TOPIC, World } from '../world.js'

describe('swarms that meet over one tracker', () => {
  test.each([1, 2, 3])('form a full mesh of thirty within 5 s, seed %i [X4]', async seed => {
    // Trackers count and pick at random, so the last connections of a large mesh depend on chance.
    await expectMesh({ count: 30, within: 5_000, announces: 5, offers: 5 }, seed)
  })

  test('find twenty peers each, or nearly so, when two hundred join at once [X4]', async () => {
    const world = new World({ seed: 200, latency: 20 })
    const nodes = world.joinMany(200, { limits: { maxPeers: 20 } })
    await world.env.advance(30_000)
    const peers = nodes.map(({ swarm }) => swarm.peers.length)
    for (const node of nodes) linked(node, nodes)
    const report = `${Math.min(...peers)}–${Math.max(...peers)} peers each, ${world.hub.heard.length} announcements, ${world.hub.offers} offers`
    expect(Math.max(...peers), report).toBeLessThanOrEqual(20)
    expect(Math.min(...peers), report).toBeGreaterThan(5)
    expect(peers.filter(count => count >= 18).length, report).toBeGreaterThan(180)
    // The swarm is not partitioned.
    const reached = new Set([nodes[0]?.announceId])
    const byId = new Map(nodes.map(node => [node.announceId, node]))
    for (const id of reached) for (const peer of byId.get(id ?? '')?.swarm.peers ?? []) reached.add(peer.remote.announceId)
    expect(reached.size, report).toBe(200)
    await world.closeAll()
    await world.env.advance(500)
    expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  })
})

describe('swarms that meet over a bus', () => {
  test.each([1, 2])('form a full mesh of thirty in half a second with one offer per connection, seed %i [X4]', async seed => {
    const world = new World({ ...BUS, seed })
    const nodes = world.joinMany(30)
    await world.env.until(() => world.missingLinks() === 0, 500)
    const links = (30 * 29) / 2
    expect(nodes.flatMap(({ warnings }) => warnings)).toEqual([])
    expect(kinds(world)).toEqual({ announce: 30, here: links, offer: links, answer: links })
    await end(world)
  })

  test('dial as many peers as they have slots for when sixty have five each, and most fill up at once [X4]', async () => {
    const world = new World({ ...BUS, seed: 5 })
    const nodes = world.joinMany(60, { limits: { maxPeers: 5 } })
    for (let i = 0; i < 20; i++) {
      await world.env.advance(100)
      for (const { swarm } of nodes) expect(swarm.peers.length).toBeLessThanOrEqual(5)
    }
    const satisfied = nodes.filter(({ swarm }) => swarm.peers.length === 5).length
    expect(satisfied).toBeGreaterThan(50)
    expect(kinds(world)['offer']).toBeLessThan(60 * 15)
    expect(nodes.flatMap(({ swarm }) => Object.keys(swarm.stages().failed))).toEqual([]) // no swarm waits for an answer in vain
    await world.env.advance(100_000)
    for (const { swarm } of nodes) expect(swarm.peers.length).toBeLessThanOrEqual(5)
    // By chance the last members with free slots may all know each other.
    const roomy = nodes.filter(({ swarm }) => swarm.peers.length < 5)
    for (const node of roomy)
      expect(roomy.filter(other => other !== node && !linked(node, nodes).has(other.announceId))).toEqual([])
    await end(world)
  })

  test.each([
    ['ten a second keeps no newcomer out', 100, 2_000],
    ['a hundred a second keeps newcomers out for a minute longer at most', 10, 65_000],
  ])('bound calls and offers under a flood of invented members: %s [Law 6]', async (_, gap, within) => {
    const world = new World({ ...BUS, seed: 13 })
    world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0)
    const since = world.bus.heard.length
    const invent = () =>
      world.bus.write(broadcast(TOPIC), { kind: 'announce', from: randomId(world.env), started: true, want: 50 })
    await flood(world, 15, gap, invent)
    expect(world.missingLinks()).toBe(0)
    const newcomer = world.join()
    await flood(world, 5, gap, invent)
    // 50 at once, and 20 a second.
    for (const { announceId, engine, runtime, signalings } of world.nodes) {
      const calls = world.bus.heard.slice(since).filter(({ message }) => message.kind === 'offer' && message.from === announceId)
      expect(calls.length).toBeLessThanOrEqual(50 + 20 * 20)
      expect(engine.connections.length).toBeLessThan(150)
      expect(runtime.budget.used).toBeLessThan(100)
      expect(signalings[0]?.status().members).toBeLessThanOrEqual(1_000)
    }
    await world.env.until(() => linked(newcomer, world.nodes).size === 2, within)
    await world.env.advance(200_000)
    for (const { engine, signalings } of world.nodes) {
      expect(engine.alive.length).toBeLessThan(30)
      expect(signalings[0]?.status().members).toBe(2)
    }
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })
})
