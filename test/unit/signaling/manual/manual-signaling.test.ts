import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import { randomId } from '../../../../src/core/id.js'
import { MAX_SDP_LENGTH, parseSdp } from '../../../../src/core/sdp.js'
import { signDescription } from '../../../../src/identity/proof.js'
import { ManualSignaling, readSignal, type Signal } from '../../../../src/signaling/manual/manual-signaling.js'
import type { InboundDescription, OutboundOffer, Signaling, SignalingListener } from '../../../../src/signaling/signaling.js'
import { FakeConnection } from '../../../support/fakes/fake-engine.js'
import { hostileDescriptions } from '../../../support/hostile/hostile-sdp.js'
import { answerSdp, offerSdp, samples } from '../../../support/sdp-samples.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import { TOPIC, World, type NodeOptions } from '../../../simulate/world.js'

const OTHER_TOPIC = 'ba'.repeat(20)
const ALICE = 'a1'.repeat(20)
const BOB = 'b0'.repeat(20)
const OFFER = 'cd'.repeat(20)
const INVITATION: Signal = { type: 'offer', infoHash: TOPIC, from: ALICE, offerId: OFFER, sdp: offerSdp }
const ANSWER: Signal = { type: 'answer', infoHash: TOPIC, from: BOB, offerId: OFFER, to: ALICE, sdp: answerSdp }

/** The value of a promise, or the code that it rejects with. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.catch((error: unknown) => (error instanceof SwarmlinkError ? error.code : error))
}

function failure(read: () => unknown): SwarmlinkError {
  try {
    read()
  } catch (error) {
    if (error instanceof SwarmlinkError) return error
    throw error
  }
  throw new Error('it did not throw')
}

describe('an invitation and its answer as text [X2]', () => {
  test.each(samples)('decodes both of $engine to equal ones, from an object and from its JSON', ({ offer, answer }) => {
    for (const signal of [
      { ...INVITATION, sdp: offer },
      { ...ANSWER, sdp: answer },
    ]) {
      const read = { ...signal, sdp: parseSdp(signal.sdp).text }
      expect(readSignal(signal)).toEqual(read)
      expect(readSignal(JSON.stringify(signal))).toEqual(read)
      expect(readSignal(`\n  ${JSON.stringify(signal, undefined, 2)}\n`)).toEqual(read)
      expect(readSignal(JSON.stringify(read))).toEqual(read)
    }
  })

  test('ignores unknown fields', () => {
    const read = readSignal({ ...INVITATION, to: BOB, why: 'friends', toString: 7 })
    expect(Object.keys(read).toSorted()).toEqual(['from', 'infoHash', 'offerId', 'sdp', 'type'])
  })

  test.each(['type', 'infoHash', 'from', 'offerId', 'to'])('refuses a missing or wrong field: %s', field => {
    for (const wrong of [undefined, null, 7, '', 'toString', OFFER.slice(1), OFFER.toUpperCase(), `${OFFER}\n`, [OFFER], {}]) {
      const error = failure(() => readSignal({ ...ANSWER, [field]: wrong }))
      expect(error.code).toBe('ERR_INVALID_ARGUMENT')
      expect(error.message).toContain(field)
    }
  })

  test.each(hostileDescriptions(offerSdp))('refuses $name [Law 6]', ({ sdp }) => {
    expect(failure(() => readSignal({ ...INVITATION, sdp })).code).toBe('ERR_BAD_SDP')
  })

  test('says what to do when a text was cut or changed', () => {
    const text = JSON.stringify(INVITATION)
    for (const wrong of ['', 'hello', offerSdp, text.slice(0, -1), text.slice(1), text.replaceAll('"', '”')]) {
      const error = failure(() => readSignal(wrong))
      expect([error.code, error.message]).toEqual(['ERR_INVALID_ARGUMENT', expect.stringContaining('the whole text')])
    }
    for (const wrong of [undefined, null, 7, true, 'null', '7', '[]', '"offer"', []])
      expect(failure(() => readSignal(wrong)).code).toBe('ERR_INVALID_ARGUMENT')
  })

  test('takes the longest description, and does not parse a longer text [Law 6]', () => {
    const fill = 's=-'.padEnd(MAX_SDP_LENGTH - offerSdp.length + 3, '\\')
    const longest = { ...INVITATION, sdp: offerSdp.replace('s=-', () => fill) }
    expect(readSignal(JSON.stringify(longest)).sdp).toContain(fill)
    expect(failure(() => readSignal(JSON.stringify(longest).padEnd(40_000))).message).toContain('longer than')
  })

  test('decodes any value or throws an error with a code [Law 1]', () => {
    const field = fc.oneof(fc.anything(), fc.constantFrom('offer', 'answer', ALICE, OFFER, offerSdp))
    const signal = fc.record({ type: field, infoHash: field, from: field, offerId: field, to: field, sdp: field })
    const changed = fc.tuple(fc.nat(900), fc.string()).map(([at, text]) => {
      const good = JSON.stringify(INVITATION)
      return good.slice(0, at) + text + good.slice(at + text.length)
    })
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.string(), fc.json(), signal, changed), data => {
        let code = 'none'
        try {
          expect(readSignal(data).infoHash).toHaveLength(40)
        } catch (error) {
          code = error instanceof SwarmlinkError ? error.code : String(error)
        }
        expect(['none', 'ERR_INVALID_ARGUMENT', 'ERR_BAD_SDP']).toContain(code)
      }),
      { numRuns: 2_000 },
    )
  })
})

/** A listener that records its events and does nothing else. */
class Listener implements SignalingListener {
  readonly heard: string[] = []
  readonly offers: InboundDescription[] = []
  wanted = true
  onAnswer = () => {}
  open = () => void this.heard.push('open')
  close = () => void this.heard.push('close')
  counts = () => void this.heard.push('counts')
  warning = () => void this.heard.push('warning')
  wants = () => this.wanted
  offer(offer: InboundDescription): void {
    this.heard.push('offer')
    this.offers.push(offer)
  }
  answer(): void {
    this.heard.push('answer')
    this.onAnswer()
  }
}

function setUp() {
  const env = new VirtualEnv()
  const signaling = new ManualSignaling(env)
  const listener = new Listener()
  const unsubscribe = signaling.subscribe(TOPIC, listener)
  const answer = (to = ALICE, topic = TOPIC, offerId = OFFER) =>
    signaling.answer({ topic, from: BOB, to, offerId, sdp: answerSdp })
  return { env, signaling, listener, unsubscribe, answer }
}

describe('ManualSignaling [X2]', () => {
  test('passes an invitation to the swarm as an offer, and its answer to the inviter', async () => {
    const alice = setUp()
    const bob = setUp()
    const invitation = alice.signaling.invitation(TOPIC, ALICE, { id: OFFER, sdp: offerSdp })
    expect(invitation).toEqual(INVITATION)
    const answering = bob.signaling.receive(readSignal(JSON.stringify(invitation)))
    expect(bob.listener.offers).toEqual([{ from: ALICE, offerId: OFFER, sdp: parseSdp(offerSdp) }])
    expect(bob.answer()).toBe(true)
    const answer = await answering
    expect(answer).toEqual(ANSWER)
    expect(await alice.signaling.receive(readSignal(JSON.stringify(answer)))).toBeUndefined()
    expect([alice.listener.heard, bob.listener.heard]).toEqual([['answer'], ['offer']])
    expect([alice.env.pendingTimers, bob.env.pendingTimers]).toEqual([0, 0])
  })

  test('tells equal offer ids of two senders and of two topics apart', async () => {
    const { signaling, answer } = setUp()
    signaling.subscribe(OTHER_TOPIC, new Listener())
    const carol = 'c0'.repeat(20)
    const first = signaling.receive(INVITATION)
    const second = signaling.receive({ ...INVITATION, from: carol })
    const third = signaling.receive({ ...INVITATION, infoHash: OTHER_TOPIC })
    expect([answer(ALICE, OTHER_TOPIC), answer(carol), answer()]).toEqual([true, true, true])
    expect(await first).toMatchObject({ infoHash: TOPIC, to: ALICE })
    expect(await second).toMatchObject({ infoHash: TOPIC, to: carol })
    expect(await third).toMatchObject({ infoHash: OTHER_TOPIC, to: ALICE })
  })

  test('refuses an answer of the swarm that no call waits for', async () => {
    const { signaling, answer } = setUp()
    expect(answer()).toBe(false)
    const answering = signaling.receive(INVITATION)
    expect([answer(BOB), answer(ALICE, OTHER_TOPIC), answer(ALICE, TOPIC, BOB), answer(), answer()]).toEqual([
      false,
      false,
      false,
      true,
      false,
    ])
    await answering
  })

  test('does not pass on a signal of a peer that the swarm does not want', async () => {
    const { env, signaling, listener } = setUp()
    signaling.invitation(TOPIC, ALICE, { id: OFFER, sdp: offerSdp })
    listener.wanted = false
    expect(await outcomeOf(signaling.receive({ ...INVITATION, from: BOB }))).toBe('ERR_REFUSED')
    expect(await outcomeOf(signaling.receive(ANSWER))).toBe('ERR_REFUSED')
    expect([listener.heard, env.pendingTimers]).toEqual([[], 0])
  })

  test('rejects at once when the swarm refuses', async () => {
    const { env, signaling } = setUp()
    const answering = outcomeOf(signaling.receive(INVITATION))
    expect(signaling.refuse({ topic: TOPIC, from: BOB, to: ALICE, offerId: OFFER })).toBe(true)
    expect(await answering).toBe('ERR_REFUSED')
    expect(signaling.refuse({ topic: TOPIC, from: BOB, to: ALICE, offerId: OFFER })).toBe(false)
    expect(env.pendingTimers).toBe(0)
  })

  test('rejects an answer that the swarm refuses within the call, and says why', async () => {
    const { env, signaling, listener } = setUp()
    signaling.invitation(TOPIC, ALICE, { id: OFFER, sdp: offerSdp })
    listener.onAnswer = () => void signaling.refuse({ topic: TOPIC, from: ALICE, to: BOB, offerId: OFFER })
    await expect(signaling.receive(ANSWER)).rejects.toMatchObject({
      code: 'ERR_REFUSED',
      message: expect.stringContaining('make a new one'),
    })
    expect(env.pendingTimers).toBe(0)
  })

  test('times out after five seconds when the swarm does not decide [Law 6]', async () => {
    const { env, signaling, answer } = setUp()
    let outcome: unknown
    void outcomeOf(signaling.receive(INVITATION)).then(code => (outcome = code))
    await env.advance(4_999)
    expect(outcome).toBeUndefined()
    await env.advance(1)
    expect(outcome).toBe('ERR_REQUEST_TIMEOUT')
    expect(answer()).toBe(false)
  })

  test('rejects signals for other clients before they reach the swarm', async () => {
    const { env, signaling, listener } = setUp()
    const invalid = async (signal: Signal) => expect(await outcomeOf(signaling.receive(signal))).toBe('ERR_INVALID_ARGUMENT')
    await invalid({ ...INVITATION, infoHash: OTHER_TOPIC }) // a topic that is not here
    await invalid(ANSWER) // an answer without an invitation
    signaling.invitation(TOPIC, ALICE, { id: OFFER, sdp: offerSdp })
    await invalid(INVITATION) // our own invitation
    await invalid({ ...ANSWER, to: BOB }) // an answer for another inviter
    expect(() => signaling.invitation(OTHER_TOPIC, ALICE, { id: OFFER, sdp: offerSdp })).toThrow('add its torrent')
    expect(await outcomeOf(signaling.receive({ ...INVITATION, from: BOB, sdp: 'v=0' }))).toBe('ERR_BAD_SDP')
    expect([listener.heard, env.pendingTimers]).toEqual([[], 0])
  })

  test('answers an invitation once when it is handed in twice', async () => {
    const { signaling, listener, answer } = setUp()
    const answering = signaling.receive(INVITATION)
    expect(await outcomeOf(signaling.receive(INVITATION))).toBe('ERR_INVALID_ARGUMENT')
    answer()
    expect(await answering).toEqual(ANSWER)
    expect(listener.heard).toEqual(['offer'])
  })

  test('rejects when its signal aborts, and a later answer leaves nothing behind [Law 4]', async () => {
    const { env, signaling, listener, answer } = setUp()
    expect(await outcomeOf(signaling.receive(INVITATION, AbortSignal.abort()))).toBe('ERR_ABORTED')
    expect(listener.heard).toEqual([])
    const abort = new AbortController()
    const answering = outcomeOf(signaling.receive(INVITATION, abort.signal))
    abort.abort(new Error('enough'))
    expect(await answering).toBe('ERR_ABORTED')
    expect([answer(), env.pendingTimers]).toEqual([false, 0])
  })

  test('does not reject another call when a signal aborts late', async () => {
    const { signaling, answer } = setUp()
    const abort = new AbortController()
    const first = signaling.receive(INVITATION, abort.signal)
    answer()
    await first
    const second = signaling.receive(INVITATION)
    abort.abort()
    expect(answer()).toBe(true)
    await second
  })

  test('lets at most sixteen signals wait at a time [Law 6]', async () => {
    const { env, signaling, listener } = setUp()
    const signals = Array.from({ length: 17 }, () => ({ ...INVITATION, offerId: randomId(env) }))
    const outcomes = signals.map(signal => outcomeOf(signaling.receive(signal)))
    expect(await outcomes.at(-1)).toBe('ERR_QUEUE_FULL')
    expect(listener.offers).toHaveLength(16)
    await env.advance(5_000)
    expect(await Promise.all(outcomes.slice(0, -1))).toEqual(Array(16).fill('ERR_REQUEST_TIMEOUT'))
    const again = outcomeOf(signaling.receive(INVITATION))
    expect(listener.offers).toHaveLength(17)
    signaling.close()
    await again
  })

  test('rejects the call whose listener throws', async () => {
    const { env, signaling, listener } = setUp()
    listener.offer = () => {
      throw new Error('broken')
    }
    expect(await outcomeOf(signaling.receive(INVITATION))).toBe('ERR_SIGNALING_LINK')
    expect(env.pendingTimers).toBe(0)
  })

  test('rejects only the calls of a topic that is unsubscribed', async () => {
    const { env, signaling, listener, unsubscribe, answer } = setUp()
    expect(() => signaling.subscribe(TOPIC, new Listener())).toThrow('has a listener already')
    signaling.subscribe(OTHER_TOPIC, new Listener())
    const left = outcomeOf(signaling.receive(INVITATION))
    const kept = signaling.receive({ ...INVITATION, infoHash: OTHER_TOPIC })
    unsubscribe()
    expect(await left).toBe('ERR_CLOSED')
    expect(answer(ALICE, OTHER_TOPIC)).toBe(true)
    await kept
    signaling.subscribe(TOPIC, listener)
    unsubscribe() // a second call has no effect
    const again = signaling.receive(INVITATION)
    expect(answer()).toBe(true)
    await again
    expect(env.pendingTimers).toBe(0)
  })

  test('close() rejects every waiting call and ends every topic, once [Law 5]', async () => {
    const { env, signaling, listener } = setUp()
    const answering = outcomeOf(signaling.receive(INVITATION))
    signaling.close()
    signaling.close()
    expect(await answering).toBe('ERR_CLOSED')
    expect(await outcomeOf(signaling.receive(INVITATION))).toBe('ERR_CLOSED')
    expect(() => signaling.subscribe(TOPIC, listener)).toThrow('is closed')
    expect([listener.heard, env.pendingTimers]).toEqual([['offer', 'close'], 0])
  })
})

/** An inviter without a swarm. */
async function inviter(world: World) {
  const connection = new FakeConnection(world.net)
  const channel = connection.createChannel('first')
  const making = connection.createOffer()
  await world.env.advance(10)
  const sdp = await making
  return { connection, channel, invitation: { ...INVITATION, sdp }, fingerprint: parseSdp(sdp).fingerprint }
}

async function swarmByHand(options: NodeOptions = {}) {
  const world = new World({ hubs: [] })
  const node = world.join(options)
  const manual = new ManualSignaling(world.env)
  node.swarm.attach(manual)
  await world.env.advance(100)
  return { world, node, manual }
}

describe('a swarm with manual signalling [X2]', () => {
  test('answers an invitation, and connects when the answer arrives', async () => {
    const { world, node, manual } = await swarmByHand()
    const { connection, channel, invitation } = await inviter(world)
    const answering = manual.receive(invitation)
    await world.env.advance(50)
    const answer = await answering
    expect(answer).toMatchObject({ type: 'answer', infoHash: TOPIC, from: node.announceId, to: ALICE, offerId: OFFER })
    await connection.acceptAnswer(answer?.sdp ?? '')
    await world.env.advance(200)
    expect(node.swarm.peers.map(({ remote }) => remote.announceId)).toEqual([ALICE])
    expect(channel.state).toBe('open')
    expect(await outcomeOf(manual.receive({ ...invitation, offerId: BOB }))).toBe('ERR_REFUSED') // connected already
    await world.closeAll()
    manual.close()
    connection.close()
    await world.env.advance(100)
    expect([node.engine.alive.length, world.env.pendingTimers]).toEqual([0, 0])
  })

  test('connects two swarms without a tracker: one invites, the other answers', async () => {
    const { world, node: alice, manual } = await swarmByHand()
    const bob = world.join()
    const bobs = new ManualSignaling(world.env)
    bob.swarm.attach(bobs)
    // An invitation is made of an offer that the swarm would announce to a tracker.
    const offers: OutboundOffer[] = []
    const source: Signaling = {
      name: 'source',
      source: 'signaling',
      maxOffers: 1,
      open: true,
      subscribe: (_topic, listener) => {
        listener.open()
        return () => {}
      },
      announce: announcement => offers.push(...announcement.offers) > 0,
      answer: () => false,
    }
    alice.swarm.attach(source)
    await world.env.until(() => offers.length > 0)
    const [offer] = offers
    if (offer === undefined) throw new Error('no offer')
    const text = JSON.stringify(manual.invitation(TOPIC, alice.announceId, offer))
    const answering = bobs.receive(readSignal(text))
    await world.env.advance(50)
    const answer = readSignal(JSON.stringify(await answering))
    expect(await manual.receive(answer)).toBeUndefined()
    expect(await outcomeOf(manual.receive(answer))).toBe('ERR_REFUSED') // connecting already
    await world.env.until(() => world.missingLinks() === 0, 1_000)
    await world.closeAll()
    for (const signaling of [manual, bobs]) signaling.close()
    await world.env.advance(1_000)
    expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  })

  test('keeps sixteen invitations open at a time', async () => {
    const { world, node, manual } = await swarmByHand()
    const asked = Array.from({ length: 20 }, () => outcomeOf(node.swarm.invite(manual)))
    await world.env.advance(1_000)
    const outcomes = await Promise.all(asked)
    expect(outcomes.filter(outcome => outcome === 'ERR_QUEUE_FULL')).toHaveLength(4)
    expect(node.swarm.stages().offered).toBe(16)
    await world.closeAll()
    manual.close()
  })

  test.each([
    ['no connection is allowed', 'ERR_QUEUE_FULL', { maxConnections: 0 }, {}],
    ['the engine makes no offer', 'ERR_ENGINE', {}, { engineFails: true }],
    ['the swarm is closed', 'ERR_CLOSED', {}, { closes: true }],
  ])(
    'rejects an invitation when %s',
    async (_, code, options, { engineFails = false, closes = false }: { engineFails?: boolean; closes?: boolean }) => {
      onTestFinished(() => void vi.restoreAllMocks())
      const { world, node, manual } = await swarmByHand(options)
      if (engineFails) vi.spyOn(FakeConnection.prototype, 'createOffer').mockRejectedValue(new Error('no offers today'))
      if (engineFails || closes) node.runtime.pool.drain()
      const asked = outcomeOf(node.swarm.invite(manual))
      if (closes) await world.closeAll()
      await world.env.advance(10_000)
      expect(await asked).toBe(code)
      await world.closeAll()
      manual.close()
      await world.env.advance(1_000)
      expect(world.env.pendingTimers).toBe(0)
    },
  )

  test('rejects at once when it does not want the inviter', async () => {
    const setUps: NodeOptions[] = [
      { paused: () => true },
      { limits: { maxPeers: 0 } },
      { alias: INVITATION.from },
      { admit: () => false },
      { maxConnections: 0 },
    ]
    for (const options of setUps) {
      const { world, node, manual } = await swarmByHand(options)
      const { invitation } = await inviter(world)
      let outcome: unknown
      void outcomeOf(manual.receive(invitation)).then(code => (outcome = code))
      await world.env.advance(20)
      expect(outcome).toBe('ERR_REFUSED')
      expect(node.swarm.peers).toEqual([])
      await world.closeAll()
      manual.close()
    }
  })

  test('rejects an answer to an expired invitation at once', async () => {
    const { world, node, manual } = await swarmByHand()
    manual.invitation(TOPIC, node.announceId, { id: OFFER, sdp: offerSdp }) // as if the offer had expired
    expect(await outcomeOf(manual.receive({ ...ANSWER, to: node.announceId }))).toBe('ERR_REFUSED')
    expect(node.swarm.stages().refused).toEqual({ 'unknown-offer': 1 })
    await world.closeAll()
    manual.close()
  })

  test('times out on an invitation whose identity belongs to another sender [X3]', async () => {
    const { world, node, manual } = await swarmByHand()
    const { invitation } = await inviter(world)
    const identity = { peerId: randomId(world.env) }
    const sdp = await signDescription(invitation.sdp, { role: 'offer', topic: TOPIC, identity, announceId: BOB })
    const answering = outcomeOf(manual.receive({ ...invitation, sdp }))
    await world.env.advance(5_000)
    expect(await answering).toBe('ERR_REQUEST_TIMEOUT')
    expect(node.swarm.stages().failed).toEqual({ ERR_IDENTITY: 1 })
    await world.closeAll()
    manual.close()
  })

  test('closes the connection when the call is aborted meanwhile [Law 5]', async () => {
    const { world, node, manual } = await swarmByHand()
    const created = node.engine.connections.length
    const { invitation } = await inviter(world)
    const abort = new AbortController()
    const answering = outcomeOf(manual.receive(invitation, abort.signal))
    await world.env.until(() => node.engine.connections.length > created)
    const connection = node.engine.connections.at(-1)
    abort.abort()
    expect(await answering).toBe('ERR_ABORTED')
    await world.env.advance(100)
    expect(connection?.state).toBe('closed')
    await world.closeAll()
    manual.close()
  })

  test('makes no announcements and leaves no timers', async () => {
    const { world, node, manual } = await swarmByHand()
    await world.env.advance(300_000)
    expect([node.swarm.stages().announced, world.env.pendingTimers]).toEqual([0, 0])
    await world.closeAll()
    manual.close()
  })
})
