import { describe, expect, test } from 'vitest'
import { sleep } from '../../src/core/env.js'
import { randomId } from '../../src/core/id.js'
import { TopicPeer } from '../../src/peer/topic-peer.js'
import { swarmContext } from '../support/fakes/swarm-context.js'
import { SWARM_DEFAULTS } from '../../src/swarm/swarm-options.js'
import { Chance } from '../support/hostile/attacks.js'
import { VirtualEnv } from '../support/fakes/virtual-env.js'
import { joinHonest, Outsider } from './attack-scene.js'
import { BUS } from './bus-world.js'
import { type Node, World } from './world.js'

const FURTHER = 'aa'.repeat(20)

/** Ids of all members that this node reaches over others. */
function reached(world: World, from: Node): Set<string> {
  const found = new Set([from.announceId])
  for (const id of found) {
    const node = world.nodes.find(({ announceId }) => announceId === id)
    for (const { remote } of node?.swarm.peers ?? []) found.add(remote.announceId)
  }
  return found
}

describe('a newcomer to a full swarm', () => {
  test.each([1, 2, 3, 4, 5, 6])('finds a slot, and no member is cut off (seed %i) [X2]', async seed => {
    const world = new World({ seed })
    const maxPeers = 2 + (seed % 2)
    const old = world.joinMany(maxPeers + 1, { exchange: true, limits: { maxPeers } })
    await world.env.until(() => old.every(({ swarm }) => swarm.peers.length === maxPeers), 30_000)
    await world.env.advance(5_000)
    const newcomer = world.join({ exchange: true, limits: { maxPeers } })
    await world.env.until(() => newcomer.swarm.peers.length > 0, 6_000)
    await world.env.until(() => reached(world, newcomer).size === world.nodes.length, 60_000)
    expect(world.nodes.every(({ swarm }) => swarm.peers.length <= maxPeers)).toBe(true)
    await world.closeAll()
  })

  test.each([1, 2, 3, 4])('finds a slot over a bus, where no full member dials (seed %i) [B12] [X2]', async seed => {
    const world = new World({ ...BUS, seed })
    const old = world.joinMany(4, { exchange: true, limits: { maxPeers: 3 } })
    await world.env.until(() => old.every(({ swarm }) => swarm.peers.length === 3), 30_000)
    await world.env.advance(15_000)
    const newcomer = world.join({ exchange: true, limits: { maxPeers: 3 } })
    await world.env.until(() => newcomer.swarm.peers.length > 0, 3_000)
    await world.env.until(() => reached(world, newcomer).size === world.nodes.length, 120_000)
    expect(world.nodes.every(({ swarm }) => swarm.peers.length <= 3)).toBe(true)
    await world.closeAll()
  })

  test.each([1, 3, 10])('finds a slot while %i offers a second claim the same and never connect [X2]', async rate => {
    const world = new World()
    const chance = new Chance(1)
    const limits = { maxPeers: 3 }
    const members: Node[] = []
    for (let nth = 0; nth < 4; nth++) members.push(await joinHonest(world, nth, { limits }))
    await world.env.until(() => members.every(({ swarm }) => swarm.peers.length === limits.maxPeers), 30_000)
    await world.env.advance(5_000)
    const outsider = new Outsider(world)
    let [isOver, losses] = [false, 0]
    for (const { swarm } of members) swarm.on('lost', () => losses++)
    const flood = async () => {
      while (!isOver) {
        const dead = await outsider.dead({ announceId: chance.id(), alone: true }, chance)
        for (const member of members) outsider.tell(member, dead)
        await sleep(world.env, 1_000 / rate, new AbortController().signal)
      }
    }
    const flooding = flood()
    await world.env.advance(4_000)
    const began = world.env.now()
    const newcomer = await joinHonest(world, 4, { limits })
    await world.env.until(() => newcomer.swarm.peers.length > 0, 15_000)
    // Each member loses at most one peer in 10 s, and both ends lose it.
    const gaps = Math.floor((world.env.now() - began + 4_000) / 10_000) + 1
    expect(losses).toBeLessThanOrEqual(2 * members.length * gaps)
    isOver = true
    await world.env.advance(1_000)
    await flooding
    await world.closeAll()
  })

  test('evicts one peer at a time, and no other for 10 s, whatever the number of newcomers [X2]', async () => {
    const env = new VirtualEnv()
    const context = swarmContext({ env, self: randomId(env), maxPeers: 3 })
    context.policy.exchanges = true
    const come = () => {
      const entry = context.registry.claim(randomId(env), 'answerer', true)
      entry.peer = Object.create(TopicPeer.prototype) as TopicPeer // only its identity counts
      context.registry.opened(entry, 0)
      return entry.peer
    }
    const peers = [come(), come(), come()]
    expect([context.policy.acceptsOffer('', false), context.policy.acceptsOffer('', true)]).toEqual([false, true])
    const newcomer = come()
    expect(context.policy.acceptsOffer('', true)).toBe(false) // while the first eviction is pending
    const goes = context.policy.evicts(newcomer)
    expect(peers).toContain(goes)
    for (const entry of context.registry.entries()) if (entry.peer === goes) entry.release()
    expect(context.policy.evicts(newcomer)).toBeUndefined()
    await env.advance(9_999)
    expect(context.policy.acceptsOffer('', true)).toBe(false)
    await env.advance(1)
    expect(context.policy.acceptsOffer('', true)).toBe(true)
  })

  test('is not evicted for the next one in its first 2 s, in which no other peer may know of it [X2]', async () => {
    const env = new VirtualEnv()
    const context = swarmContext({ env, self: randomId(env), maxPeers: 3 })
    context.policy.exchanges = true
    const come = () => {
      const entry = context.registry.claim(randomId(env), 'answerer', true)
      entry.peer = Object.create(TopicPeer.prototype) as TopicPeer // only its identity counts
      context.registry.opened(entry, env.now())
      return entry.peer
    }
    const settled = come()
    await env.advance(2_000)
    const recent = [come(), come()]
    const newcomer = come()
    for (let i = 0; i < 20; i++) expect(context.policy.evicts(newcomer)).toBe(settled)
    for (const entry of context.registry.entries()) if (entry.peer === settled) entry.release()
    const last = come()
    expect([...recent, newcomer]).toContain(context.policy.evicts(last)) // where all are recent one of them is evicted
  })

  test('finds a slot also when it is connected to all members for another topic [X2]', async () => {
    for (const [places, seed] of [
      [3, 1],
      [3, 2],
      [6, 3],
    ] as const) {
      const world = new World({ seed })
      const limits = { ...SWARM_DEFAULTS, maxPeers: places }
      const nodes = world.joinMany(places + 2, { exchange: true })
      await world.env.until(() => world.missingLinks() === 0, 60_000)
      const [newcomer, ...old] = nodes.toReversed()
      const full = old.map(node => node.also(FURTHER, { limits }))
      await world.env.until(() => full.every(({ peers }) => peers.length === places), 60_000)
      await world.env.advance(5_000)
      const late = newcomer?.also(FURTHER, { limits })
      await world.env.until(() => late?.peers.length !== 0, 15_000)
      await world.env.advance(30_000)
      const counts = [...full, late].map(swarm => swarm?.peers.length ?? 0)
      expect(Math.min(...counts)).toBeGreaterThan(0)
      expect(Math.max(...counts)).toBeLessThanOrEqual(places)
      expect(nodes.map(({ engine }) => engine.alive.filter(({ state }) => state === 'connected').length)).toEqual(
        nodes.map(() => places + 1), // one connection per peer
      )
      await world.closeAll()
    }
  })

  test('is refused by members without peer exchange: an evicted peer would find no other [X2]', async () => {
    const world = new World()
    world.joinMany(3, { limits: { maxPeers: 2 } })
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    const newcomer = world.join({ limits: { maxPeers: 2 } })
    await world.env.advance(30_000)
    expect(newcomer.swarm.peers).toEqual([])
    await world.closeAll()
  })
})
