import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../src/core/id.js'
import { createIdentity } from '../../src/identity/key-pair.js'
import { signDescription } from '../../src/identity/proof.js'
import type { ExchangeFrame } from '../../src/signaling/exchange/codec.js'
import { type HostileRelay, makeHostile } from './hostile-relay.js'
import { introduce } from './introduce.js'
import { type Node, TOPIC, World } from './world.js'

/** Ann and Bob know only Eve, who is hostile. Ann is the one who is dialled. */
async function setUp(plot: (eve: Node, relay: HostileRelay) => HostileRelay['plot'] | Promise<HostileRelay['plot']>) {
  const world = new World({ hubs: [] })
  const join = async (announceId = randomId(world.env)) =>
    world.join({ exchange: true, announceId, identity: await createIdentity({ env: world.env }) })
  const [ann, bob, eve] = [await join(`00${randomId(world.env).slice(2)}`), await join(), await join()]
  await world.env.advance(0) // until Eve's relay exists
  const relay = await makeHostile(eve)
  relay.plot = await plot(eve, relay)
  for (const node of [ann, bob]) await introduce(world, eve, node)
  /** Joins an honest member that both know. */
  const joinHonest = async () => {
    const carl = await join()
    for (const node of [ann, bob]) await introduce(world, carl, node)
    return carl
  }
  return { world, join, ann, bob, eve, relay, joinHonest }
}

const text = new TextDecoder()
const utf8 = new TextEncoder()
const created = ({ engine }: Node) => engine.connections.length
const ports = ({ runtime }: Node) => runtime.sharedTopics.exchange?.status().ports
const isConnected = (node: Node, to: Node) => node.swarm.peers.some(({ remote }) => remote.announceId === to.announceId)
/** Members under whose announce id another identity is connected. */
const impostors = (node: Node, others: Node[]) =>
  others.filter(({ announceId, runtime }) =>
    node.swarm.peers.some(({ remote }) => remote.announceId === announceId && remote.peerId !== runtime.identity.peerId),
  )

/** What Eve makes of a description that she is to forward. When she signs it, she signs an offer. */
type Swap = (swapped: string, eve: Node) => string | Promise<string>

const SWAPS: Record<string, Swap> = {
  'leaves the signature as it was': swapped => swapped,
  'signs it as herself': async (swapped, { runtime, announceId }) =>
    await signDescription(unsigned(swapped), { role: 'offer', topic: TOPIC, identity: runtime.identity, announceId }),
  'leaves the identity out': swapped => unsigned(swapped),
}

const unsigned = (sdp: string) => sdp.replace(/a=swarmlink:.*\r\n/, '')

/** Swaps the certificate in all descriptions of one kind. */
function swapping(kind: 'offer' | 'answer', swap: Swap) {
  return async (eve: Node, relay: HostileRelay) => {
    const { fingerprint } = eve.engine.createConnection()
    return (from: Id, message: ExchangeFrame) => {
      if (message.type !== 'forward' || message.payload.kind !== kind) return false
      const { peer, payload } = message
      const sdp = text.decode(payload.body)
      const swapped = sdp.replace(/a=fingerprint:.*/, `a=fingerprint:sha-256 ${fingerprint}`)
      const send = async () => relay.brings(peer, from, { ...payload, body: utf8.encode(await swap(swapped, eve)) })
      void send()
      return true
    }
  }
}

describe('a member that swaps descriptions', () => {
  for (const kind of ['offer', 'answer'] as const)
    test.each(Object.entries(SWAPS))(`never gets between two others: of an ${kind} she %s [X2] [X3]`, async (name, swap) => {
      const { world, ann, bob, eve, joinHonest } = await setUp(swapping(kind, swap))
      const before = created(ann) + created(bob)
      await world.env.advance(60_000)
      expect([isConnected(ann, bob), impostors(ann, [bob, eve]), impostors(bob, [ann, eve])]).toEqual([false, [], []])
      expect(created(ann) + created(bob) - before).toBeLessThanOrEqual(6) // the pool replaces each used offer
      // A peer that received a false signature ignores Eve from then on.
      const deceived = kind === 'offer' ? ann : bob
      if (name !== 'leaves the identity out')
        expect([deceived.swarm.stages().failed['ERR_IDENTITY'], ports(deceived)]).toEqual([1, 0])
      const carl = await joinHonest()
      await world.env.until(() => isConnected(ann, bob) && isConnected(bob, ann), 60_000)
      expect([impostors(ann, [bob, carl]), impostors(bob, [ann, carl])]).toEqual([[], []])
      await world.closeAll()
      expect(world.net.alive).toBe(1) // the one made for its certificate
    })
})

describe('a member that invents, floods and replays', () => {
  test('costs 32 offers and then half an offer a second with invented members, and delays no other dial [X2]', async () => {
    let calls = 0
    const { world, join, ann, relay, joinHonest } = await setUp((eve, hostile) => (from, message) => {
      if (message.type === 'forward' && message.payload.kind === 'offer') calls++
      const members = Array.from({ length: 50 }, () => randomId(eve.runtime.env))
      if (message.type === 'query') hostile.says(from, { type: 'members', topic: TOPIC, members })
      return true
    })
    const carl = await joinHonest()
    const ready = created(ann)
    for (let i = 0; i < 600; i++) {
      relay.brings(ann.announceId, randomId(world.env), { kind: 'dial-request' })
      await world.env.advance(100)
    }
    // Two peers are asked to dial: 32 at once, then one in two seconds for a little more than a minute.
    expect(calls).toBeLessThanOrEqual(2 * (32 + 32))
    expect(calls).toBeGreaterThan(32)
    expect(created(ann) - ready).toBeLessThanOrEqual(70)
    const newcomer = await join()
    await introduce(world, carl, newcomer)
    await world.env.until(() => isConnected(newcomer, ann) && isConnected(ann, newcomer), 2_000)
    await world.closeAll()
  })

  test('gets one connection at a time for a flood of forwarded offers, and other peers still connect [X2]', async () => {
    const { world, join, ann, bob, eve, relay, joinHonest } = await setUp(() => () => true)
    const carl = await joinHonest()
    await introduce(world, carl, eve)
    const victim = await join()
    await introduce(world, carl, victim)
    await world.env.until(() => isConnected(victim, ann) && isConnected(victim, bob), 2_000)
    const dead = eve.engine.createConnection()
    dead.createChannel('never opened')
    const making = dead.createOffer()
    await world.env.advance(10)
    const { identity } = eve.runtime
    const proof = { role: 'offer', topic: TOPIC, to: victim.announceId, identity, announceId: eve.announceId } as const
    const sdp = await signDescription(await making, proof)
    dead.close()
    const before = created(victim)
    const passedOn = () => carl.runtime.sharedTopics.exchange?.status().passedOn ?? 0
    const [quiet, body] = [passedOn(), utf8.encode(sdp)]
    for (let i = 0; i < 600; i++) {
      for (let j = 0; j < 10; j++) {
        const payload = { kind: 'offer', offerId: randomId(world.env), body } as const
        relay.says(carl.announceId, { type: 'forward', topic: TOPIC, peer: victim.announceId, payload })
      }
      await world.env.advance(100)
    }
    expect(passedOn() - quiet).toBeLessThanOrEqual(250 + 60 * 25 + 20)
    // Each of Eve's offers takes 10 s to fail, and after two failures she is left alone for a while.
    expect(created(victim) - before).toBeGreaterThan(0)
    expect(created(victim) - before).toBeLessThanOrEqual(6)
    expect(ports(victim)).toBe(3) // no relay lied
    const newcomer = await join()
    await introduce(world, carl, newcomer)
    await world.env.until(() => isConnected(newcomer, victim) && isConnected(victim, newcomer), 30_000)
    await world.closeAll()
  })

  test('gets a few answers a minute for a replayed offer, and is never taken for its sender [X2]', async () => {
    const kept: Array<{ from: Id; to: Id; offerId: Id; body: Uint8Array }> = []
    const { world, ann, bob, relay } = await setUp(() => (from, message) => {
      if (message.type === 'forward' && message.payload.kind === 'offer')
        kept.push({ from, to: message.peer, offerId: message.payload.offerId, body: message.payload.body })
      return false
    })
    await world.env.until(() => isConnected(ann, bob) && isConnected(bob, ann), 5_000)
    const [offer] = kept
    expect(offer).toMatchObject({ from: bob.announceId, to: ann.announceId })
    if (offer === undefined) return
    bob.kill()
    const replay = async (times: number) => {
      for (let i = 0; i < times; i++) {
        relay.brings(ann.announceId, bob.announceId, { kind: 'offer', offerId: offer.offerId, body: offer.body })
        await world.env.advance(200)
      }
    }
    const before = created(ann)
    await replay(20)
    expect(created(ann)).toBe(before) // Bob is still connected
    await world.env.until(() => !isConnected(ann, bob), 60_000)
    await replay(1_500)
    expect(created(ann) - before).toBeGreaterThan(0)
    expect(created(ann) - before).toBeLessThanOrEqual(5 * 4)
    expect(isConnected(ann, bob)).toBe(false)
    expect(ports(ann)).toBe(1) // Eve's payloads are genuine
    await world.closeAll()
  })
})
