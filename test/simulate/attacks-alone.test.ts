import { describe, expect, inject, test } from 'vitest'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import { type Chance, expectSurvival, type Scene, type Surface } from '../support/hostile/attacks.js'
import { countLosses, expectNothingLeft, identityOf, isConnected, joinHonest, Outsider } from './attack-scene.js'
import { type Node, World } from './world.js'

const MAX_PEERS = 2
/** A full swarm evicts at most one peer per this time for a peer that is alone: see `PeerSlots`. */
const EVICTION_GAP = 10_000
/** The attacker's keys. The honest members have the first ones. */
const KEYS = { first: 10, count: 40 }

interface FullSwarm extends Scene {
  world: World
  members: Node[]
  outsider: Outsider
}

async function open(chance: Chance): Promise<FullSwarm> {
  const world = new World({ seed: chance.below(1_000) + 1 })
  const members: Node[] = []
  for (let nth = 0; nth <= MAX_PEERS; nth++) members.push(await joinHonest(world, nth, { limits: { maxPeers: MAX_PEERS } }))
  const isFull = () => members.every(({ swarm }) => swarm.peers.length === MAX_PEERS)
  await world.env.until(isFull, 30_000)
  await world.env.advance(5_000)
  const outsider = new Outsider(world)
  const losses = countLosses(members)
  const { env } = world
  const began = env.now()
  return {
    env,
    world,
    members,
    outsider,
    check() {
      // Each eviction loses a peer at both ends.
      const evictions = members.length * (Math.floor((env.now() - began) / EVICTION_GAP) + 1)
      expect(losses(), 'honest connections that were evicted').toBeLessThanOrEqual(2 * evictions)
      for (const { swarm, runtime, engine } of members) {
        expect(swarm.peers.length, 'peers').toBeLessThanOrEqual(MAX_PEERS)
        expect(engine.alive.length, 'connections').toBeLessThanOrEqual(100)
        expect(runtime.budget.used, 'slots').toBeLessThanOrEqual(100)
      }
    },
    async end() {
      outsider.hangUp()
      const newcomer = await joinHonest(world, 9, { limits: { maxPeers: MAX_PEERS } })
      await env.until(() => members.some(member => isConnected(newcomer, member)), 30_000)
      await env.until(() => members.every(({ swarm }) => swarm.peers.length > 0), 60_000)
      await expectNothingLeft(world)
    },
  }
}

async function claim(
  scene: FullSwarm,
  chance: Chance,
  how: { alive: boolean; signed?: boolean; isolated?: boolean; alone?: boolean },
) {
  const { world, outsider } = scene
  const identity = await identityOf(KEYS.first + chance.below(KEYS.count))
  const forgery = {
    identity: how.signed === false ? undefined : identity,
    announceId: how.signed === false ? chance.id() : newAnnounceId(identity, world.env),
    alone: how.alone ?? true,
    isolated: how.isolated ?? false,
  }
  return how.alive ? await outsider.alive(forgery, chance) : await outsider.dead(forgery, chance)
}

const toOne = async (scene: FullSwarm, chance: Chance, how: Parameters<typeof claim>[2]) =>
  scene.outsider.tell(chance.pick(scene.members), await claim(scene, chance, how))

const surface: Surface<FullSwarm> = {
  name: 'members that claim to be alone',
  open,
  moves: {
    'a peer that connects': async (scene, chance) => await toOne(scene, chance, { alive: true }),
    'a peer that never connects': async (scene, chance) => await toOne(scene, chance, { alive: false }),
    'a stock peer that connects': async (scene, chance) => await toOne(scene, chance, { alive: true, signed: false }),
    'a private peer that connects': async (scene, chance) => await toOne(scene, chance, { alive: true, isolated: true }),
    'a peer that is not alone': async (scene, chance) => await toOne(scene, chance, { alive: true, alone: false }),
    async 'one offer to every member'(scene, chance) {
      const offer = await claim(scene, chance, { alive: chance.flip() })
      for (const member of scene.members) scene.outsider.tell(member, offer)
    },
    async 'three peers at once'(scene, chance) {
      const member = chance.pick(scene.members)
      const offers = []
      for (let nth = 0; nth < 3; nth++) offers.push(await claim(scene, chance, { alive: nth % 2 === 0 }))
      for (const offer of offers) scene.outsider.tell(member, offer)
    },
    'closes its connections': ({ outsider }) => outsider.hangUp(),
    'closes one connection': ({ outsider }) => outsider.hangUp(outsider.live.slice(0, 1)),
    'waits for the next eviction': async ({ env }) => await env.advance(EVICTION_GAP),
  },
}

describe('a full swarm attacked by peers that claim to be alone', () => {
  test('evicts at most one peer per member in 10 s, and admits a newcomer that is alone [X2]', async () => {
    await expectSurvival(surface, inject('attacks'))
  })
})
