import { describe, expect, inject, test, vi } from 'vitest'
import type { Id } from '../../src/core/id.js'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import type { InboundDescription } from '../../src/signaling/signaling.js'
import { encode } from '../../src/signaling/exchange/codec.js'
import { Chance, expectSurvival, type Scene, type Surface } from '../support/hostile/attacks.js'
import { direct } from '../support/fakes/fake-bus.js'
import { areConnected, countLosses, expectNothingLeft, identityOf, isConnected, joinHonest, Outsider } from './attack-scene.js'
import { type HostileRelay, makeHostile } from './hostile-relay.js'
import { type Node, TOPIC, World } from './world.js'

const VICTIM = '00'.repeat(20)
/** The attacker's keys, generated once: each signs one offer for a tracker and one bound to the victim. */
const KEYS = { first: 100, count: 150 }
/** Slightly more than 100 offers per second. */
const GAP = 8
/** Attempts may use a quarter of the connection budget, and each keeps its slot for 1 s: see `HalfOpenConnections`. */
const ATTEMPTS_A_SECOND = 64
/** Members of a bus that are dialled at the same time, and connections that are gathered ahead: see `DialPolicy` and `OfferPool`. */
const CALLS = 64
const AHEAD = 20
const AT_A_TIME = ATTEMPTS_A_SECOND + CALLS + AHEAD
/** How long an honest newcomer may take to connect during the flood. */
const PATIENCE = 10_000

interface Signed {
  /** `open` as a tracker hands it out, the other bound to the victim. */
  open: InboundDescription
  bound: InboundDescription
  text: { open: string; bound: string }
}

interface Flooded extends Scene {
  world: World
  victim: Node
  eve: Node
  relay: HostileRelay
  next: () => Signed
}

let pool: Signed[] | undefined

/** Signs in a separate world: no connection in any other world is behind these offers. */
async function signAll(): Promise<Signed[]> {
  const world = new World({ seed: 99 })
  const outsider = new Outsider(world)
  const chance = new Chance(99)
  const made: Signed[] = []
  for (let nth = 0; nth < KEYS.count; nth++) {
    const identity = await identityOf(KEYS.first + nth)
    const forgery = { identity, announceId: newAnnounceId(identity, world.env), alone: nth % 3 === 0 }
    const loose = await outsider.dead(forgery, chance)
    const bound = await outsider.dead({ ...forgery, to: VICTIM }, chance)
    made.push({ open: loose, bound, text: { open: loose.sdp.text, bound: bound.sdp.text } })
  }
  return made
}

async function open(chance: Chance): Promise<Flooded> {
  const signed = (pool ??= await signAll())
  const world = new World({ seed: chance.below(1_000) + 1, hubs: [{}], buses: [{}] })
  const { env } = world
  const victim = await joinHonest(world, 0, { announceId: VICTIM, bound: false })
  const bob = await joinHonest(world, 1, { bound: false })
  const eve = await joinHonest(world, 2, { bound: false })
  await env.advance(0)
  const relay = await makeHostile(eve)
  const honest = [victim, bob]
  await env.until(() => areConnected([...honest, eve]), 20_000)
  await env.advance(2_000)
  const losses = countLosses(honest)
  const began = { at: env.now(), created: victim.engine.connections.length, verified: 0, offers: 0 }
  let verified = 0
  const subtle = vi.spyOn(crypto.subtle, 'verify')
  let at = chance.below(signed.length)
  const scene: Flooded = {
    env,
    world,
    victim,
    eve,
    relay,
    next() {
      began.offers++
      const item = signed[at++ % signed.length]
      if (item === undefined) throw new Error('no offers')
      return item
    },
    check() {
      verified = subtle.mock.calls.length
      const seconds = (env.now() - began.at) / 1_000
      const created = victim.engine.connections.length - began.created
      expect(created, `connections in ${seconds.toFixed(1)} s`).toBeLessThanOrEqual(
        ATTEMPTS_A_SECOND * (seconds + 1) + CALLS + AHEAD,
      )
      expect(verified, 'signatures that were verified').toBeLessThanOrEqual(2 * began.offers + 100)
      expect(victim.runtime.inbound?.halfOpen.size, 'attempts at a time').toBeLessThanOrEqual(ATTEMPTS_A_SECOND)
      expect(victim.engine.alive.length, 'connections at a time').toBeLessThanOrEqual(AT_A_TIME)
      expect(victim.runtime.budget.used, 'slots').toBeLessThanOrEqual(AT_A_TIME)
      expect([losses(), areConnected(honest)], 'honest connections').toEqual([0, true])
    },
    async end() {
      let flooding = true
      const next = () => {
        if (!flooding) return
        byTracker(scene)
        env.timer(GAP, next)
      }
      next()
      await env.advance(2_000)
      await scene.check()
      const newcomer = await joinHonest(world, 3, { bound: false })
      await env.until(() => isConnected(newcomer, victim) && isConnected(victim, newcomer), PATIENCE)
      flooding = false
      subtle.mockRestore()
      await env.advance(GAP)
      await expectNothingLeft(world)
    },
  }
  return scene
}

function byTracker({ victim, next }: Flooded): void {
  const { open: offer } = next()
  for (const client of victim.clients) client.hear(TOPIC, listener => listener.offer(offer))
}

function byBus({ world, next }: Flooded, kind: 'open' | 'bound'): void {
  const { [kind]: offer, text } = next()
  world.bus.write(direct(TOPIC, VICTIM), { kind: 'offer', from: offer.from, offerId: offer.offerId, sdp: text[kind] })
}

function byPeer({ relay, next }: Flooded, kind: 'open' | 'bound', from?: Id): void {
  const { [kind]: offer, text } = next()
  const body = new TextEncoder().encode(text[kind])
  const payload = { kind: 'offer', offerId: offer.offerId, body } as const
  relay.writes(VICTIM, encode({ type: 'forwarded', topic: TOPIC, peer: from ?? offer.from, payload }))
}

async function flood(scene: Flooded, times: number, each: () => void): Promise<void> {
  for (let i = 0; i < times; i++) {
    each()
    await scene.env.advance(GAP)
  }
}

const surface: Surface<Flooded> = {
  name: 'floods of valid signatures',
  open,
  moves: {
    'by a tracker': async (scene, chance) => await flood(scene, 1 + chance.below(2), () => byTracker(scene)),
    'by a tracker, all at once'(scene, chance) {
      for (let i = 0; i < 2 + chance.below(3); i++) byTracker(scene)
    },
    'by a bus': async (scene, chance) => await flood(scene, 1 + chance.below(2), () => byBus(scene, 'bound')),
    'by a bus, without a receiver': scene => byBus(scene, 'open'),
    'by a bus, with all announced'(scene, chance) {
      for (let i = 0; i < 1 + chance.below(2); i++) {
        const { from } = scene.next().open
        scene.world.bus.write(['swarm', TOPIC], { kind: 'announce', from, started: true, want: 50 })
      }
    },
    'through a peer': async (scene, chance) => await flood(scene, 1 + chance.below(2), () => byPeer(scene, 'bound')),
    'through a peer, without a receiver': scene => byPeer(scene, 'open'),
    'through all of them'(scene) {
      byTracker(scene)
      byBus(scene, 'bound')
      byPeer(scene, 'bound')
    },
  },
  pause: GAP, // all cases of a round form one flood
}

describe('floods of validly signed offers, each with its own key', () => {
  test('cost a bounded number of connections, and an honest newcomer connects during the flood [X2] [X4] [Law 6]', async () => {
    await expectSurvival(surface, inject('attacks'))
  })
})
