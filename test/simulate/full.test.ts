import { describe, expect, test } from 'vitest'
import { sleep } from '../../../src/core/env.js'
import { randomId } from '../../../src/core/id.js'
import { TopicPeer } from '../../../src/peer/topic-peer.js'
import { Coordinator } from '../../../src/swarm/coordinator.js'
import { SWARM_DEFAULTS } from '../../../src/swarm/swarm-options.js'
import { Chance } from '../../support/attacks.js'
import { VirtualEnv } from '../../support/virtual-env.js'
import { joinHonest, Outsider } from './attack-scene.js'
import { BUS } from './bus-world.js'
import { type Node, World } from './world.js'

const FURTHER = 'aa'.repeat(20)

/** Everybody whom this node reaches over others. */
function reached(world: World, from: Node): Set<string> {
  const found = new Set([from.announceId])
  for (const id of found) {
    const node = world.nodes.find(({ announceId }) => announceId === id)
    for (const { remote } of node?.swarm.peers ?? []) found.add(remote.announceId)
  }
  return found
}

describe('X2 a newcomer to a swarm in which everybody has as many peers as allowed', () => {
  test.each([1, 2, 3, 4, 5, 6])('finds a place, and nobody else loses all of his (seed %i)', async seed => {
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

  test.each([1, 2, 3, 4])('finds a place over a bus, where nobody calls who has no room (seed %i) [B12]', async seed => {
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

  test.each([1, 3, 10])('finds a place while %i offers a second say the same and never connect', async rate => {
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
    // One peer of each member in ten seconds, and both ends lose it.
    const gaps = Math.floor((world.env.now() - began + 4_000) / 10_000) + 1
    expect(losses).toBeLessThanOrEqual(2 * members.length * gaps)
    isOver = true
    await world.env.advance(1_000)
    await flooding
    await world.closeAll()
  })

  test('costs one of the others at a time, and not again for ten seconds, however many come', async () => {
    const env = new VirtualEnv()
    const coordinator = new Coordinator<never>(env, randomId(env), () => false, { ...SWARM_DEFAULTS, maxPeers: 3 })
    coordinator.places.exchanges = true
    const come = () => {
      const claim = coordinator.registry.claim(randomId(env), 'callee', true)
      claim.peer = Object.create(TopicPeer.prototype) as TopicPeer // only who it is counts
      coordinator.registry.opened(claim)
      return claim.peer
    }
    const peers = [come(), come(), come()]
    expect([coordinator.places.has(), coordinator.places.has(true)]).toEqual([false, true])
    const newcomer = come()
    expect(coordinator.places.has(true)).toBe(false) // as long as that one is under way
    const goes = coordinator.places.yields(newcomer)
    expect(peers).toContain(goes)
    for (const claim of coordinator.registry.claims()) if (claim.peer === goes) claim.release()
    expect(coordinator.places.yields(newcomer)).toBeUndefined()
    await env.advance(9_999)
    expect(coordinator.places.has(true)).toBe(false)
    await env.advance(1)
    expect(coordinator.places.has(true)).toBe(true)
  })

  test('is not sent away for the next one in its first two seconds, in which no other peer may know of it [X2]', async () => {
    const env = new VirtualEnv()
    const coordinator = new Coordinator<never>(env, randomId(env), () => false, { ...SWARM_DEFAULTS, maxPeers: 3 })
    coordinator.places.exchanges = true
    const come = () => {
      const claim = coordinator.registry.claim(randomId(env), 'callee', true)
      claim.peer = Object.create(TopicPeer.prototype) as TopicPeer // only who it is counts
      claim.since = env.now()
      coordinator.registry.opened(claim)
      return claim.peer
    }
    const settled = come()
    await env.advance(2_000)
    const recent = [come(), come()]
    const newcomer = come()
    for (let i = 0; i < 20; i++) expect(coordinator.places.yields(newcomer)).toBe(settled)
    for (const claim of coordinator.registry.claims()) if (claim.peer === settled) claim.release()
    const last = come()
    expect([...recent, newcomer]).toContain(coordinator.places.yields(last)) // where all are new one of them goes
  })

  test('finds a place also when it is connected to all of them for another topic [X2]', async () => {
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
        nodes.map(() => places + 1), // one connection for each peer
      )
      await world.closeAll()
    }
  })

  test('is turned away by those who do not exchange: nobody would find another', async () => {
    const world = new World()
    world.joinMany(3, { limits: { maxPeers: 2 } })
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    const newcomer = world.join({ limits: { maxPeers: 2 } })
    await world.env.advance(30_000)
    expect(newcomer.swarm.peers).toEqual([])
    await world.closeAll()
  })
})
