import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import { randomId, type Id } from '../../../../src/core/id.js'
import { MAX_MEMBERS, MEMBER_TIMEOUT, Members, PRESENCE_INTERVAL } from '../../../../src/signaling/pubsub/members.js'
import { MemoryDriver } from '../../../../src/signaling/drivers/memory-driver.js'
import { PubSubSignaling } from '../../../../src/signaling/pubsub/pubsub-signaling.js'
import { BROADCAST_GAP, YOUNG } from '../../../../src/signaling/pubsub/pubsub-topic.js'
import type { Announcement, InboundCandidate, InboundRefusal } from '../../../../src/signaling/signaling.js'
import { FakeBus } from '../../../support/fakes/fake-bus.js'
import { RecordingListener } from '../../../support/fakes/fake-tracker-listener.js'
import { answerSdp, offerSdp } from '../../../support/sdp-samples.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const TOPIC = 'ab'.repeat(20)
const LOW = '11'.repeat(20)
const SELF = '55'.repeat(20)
const HIGH = '99'.repeat(20)
const OFFER = 'cd'.repeat(20)
const toAll = (topic: Id) => ['swarm', topic]
const toMember = (topic: Id, id: Id) => ['swarm', topic, id]
const CANDIDATE = { candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }

class Listener extends RecordingListener {
  readonly named: Id[] = []
  readonly candidates: InboundCandidate[] = []
  readonly refusals: InboundRefusal[] = []
  wanted: (id: Id) => boolean = () => true

  wants(id: Id): boolean {
    return this.wanted(id)
  }

  dialable(id: Id): void {
    this.named.push(id)
  }

  candidate(candidate: InboundCandidate): void {
    this.candidates.push(candidate)
  }

  refused(refusal: InboundRefusal): void {
    this.refusals.push(refusal)
  }
}

const announcement = (event?: Announcement['event'], more: Partial<Announcement> = {}): Announcement => ({
  topic: TOPIC,
  from: SELF,
  ...(event !== undefined && { event }),
  uploaded: 0,
  downloaded: 0,
  left: 1,
  numwant: 50,
  port: 1,
  offers: [],
  ...more,
})

function setUp() {
  const env = new VirtualEnv()
  const bus = new FakeBus(env)
  const driver = bus.driver('ws://bus.test')
  const signaling = new PubSubSignaling(driver, { env })
  const warnings: SwarmlinkError[] = []
  signaling.on('warning', error => warnings.push(error))
  const listener = new Listener()
  const unsubscribe = signaling.subscribe(TOPIC, listener)
  /** Delivers a message of another member. `sent` returns the messages of this client. */
  const hear = async (namespace: readonly string[], message: unknown) => {
    bus.write(namespace, message)
    await env.advance(bus.latency)
  }
  const sent = (from = SELF) => bus.heard.filter(({ message }) => message?.from === from)
  return { env, bus, driver, signaling, warnings, listener, unsubscribe, hear, sent }
}

/** The same, announced so long ago that it is no newcomer. */
async function settled() {
  const all = setUp()
  all.signaling.announce(announcement('started'))
  await all.env.advance(2 * YOUNG)
  return all
}

describe('PubSubSignaling and its driver [B12]', () => {
  test('listens while a topic is subscribed: to broadcasts at once, to direct messages from the first announcement on', async () => {
    const { env, driver, signaling, unsubscribe } = setUp()
    expect([driver.handlers, driver.watchers]).toEqual([1, 1])
    signaling.announce(announcement('started'))
    signaling.announce(announcement())
    expect(driver.handlers).toBe(2)
    const other = signaling.subscribe('ef'.repeat(20), new Listener())
    expect(driver.handlers).toBe(3)
    other()
    unsubscribe()
    unsubscribe()
    expect([driver.handlers, driver.watchers]).toEqual([0, 0])
    expect(env.pendingTimers).toBe(1) // the announcement in flight
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('listens under a new id instead of the former one', async () => {
    const { signaling, driver, listener, hear } = setUp()
    signaling.announce(announcement('started'))
    signaling.announce(announcement('started', { from: HIGH }))
    expect(driver.handlers).toBe(2)
    await hear(toMember(TOPIC, SELF), { kind: 'offer', from: LOW, offerId: OFFER, sdp: offerSdp })
    expect(listener.offers).toEqual([])
    await hear(toMember(TOPIC, HIGH), { kind: 'offer', from: LOW, offerId: OFFER, sdp: offerSdp })
    expect(listener.offers).toMatchObject([{ from: LOW, offerId: OFFER }])
  })

  test('is open while its driver is, and opens and closes every topic with it', async () => {
    const { driver, signaling, listener, warnings } = setUp()
    expect([signaling.open, listener.log]).toEqual([true, ['open']])
    driver.turn(false)
    expect([signaling.open, signaling.announce(announcement('started'))]).toEqual([false, false])
    expect(warnings.map(({ code }) => code)).toEqual(['ERR_SIGNALING_LINK'])
    const late = new Listener()
    signaling.subscribe('ef'.repeat(20), late)
    expect(late.log).toEqual([])
    driver.turn(true)
    expect([signaling.open, listener.log, late.log]).toEqual([true, ['open', 'close', 'open'], ['open']])
    expect(signaling.status()).toMatchObject({ name: 'driver:ws://bus.test', state: 'open', topics: 2 })
  })

  test('takes a driver of three methods as always open', async () => {
    const [first, second] = [new MemoryDriver()].flatMap(driver => [driver, new MemoryDriver(driver)])
    const [a, b] = [first, second].map(driver => new PubSubSignaling(driver ?? new MemoryDriver()))
    const [here, there] = [new Listener(), new Listener()]
    a?.subscribe(TOPIC, here)
    b?.subscribe(TOPIC, there)
    expect([a?.name, a?.open, here.log]).toEqual(['driver:own', true, ['open']])
    a?.announce(announcement('started', { from: HIGH }))
    b?.announce(announcement('started', { from: LOW }))
    await there.until(({ stats }) => stats.length > 0)
    expect(new Set(here.named)).toEqual(new Set([LOW]))
    expect(there.named).toEqual([])
    a?.close()
    b?.close()
  })

  test('turns what a listener throws into a warning, and other topics go on', async () => {
    const { driver, signaling, warnings } = setUp()
    const broken = new Listener()
    broken.onOpen = () => {
      throw new Error('the listener failed')
    }
    const healthy = new Listener()
    signaling.subscribe('01'.repeat(20), broken)
    signaling.subscribe('02'.repeat(20), healthy)
    driver.turn(false)
    driver.turn(true)
    expect(healthy.log).toEqual(['open', 'close', 'open'])
    expect(warnings.map(({ message }) => message).filter(message => message.includes('the listener failed'))).toHaveLength(2)
    expect(signaling.status().dropped).toEqual({ listener: 2 })
  })

  test('close() is idempotent, ends every topic, leaves the driver open, and takes no more topics [Law 5]', async () => {
    const { env, driver, signaling, listener } = setUp()
    signaling.announce(announcement('started'))
    signaling.close()
    signaling.close()
    expect([driver.handlers, driver.watchers, driver.open, signaling.open]).toEqual([0, 0, true, false])
    expect(listener.log).toEqual(['open', 'close'])
    expect(() => signaling.subscribe(TOPIC, new Listener())).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    expect(signaling.announce(announcement('started'))).toBe(false)
    await env.advance(5_000)
    expect(env.pendingTimers).toBe(0)
    expect(listener.stats).toEqual([])
  })

  test('has one listener per topic, which may unsubscribe within open()', () => {
    const { signaling, driver, unsubscribe } = setUp()
    expect(() => signaling.subscribe(TOPIC, new Listener())).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    unsubscribe()
    const fickle = new Listener()
    fickle.onOpen = () => signaling.close()
    signaling.subscribe(TOPIC, fickle)()
    expect([driver.handlers, driver.watchers]).toEqual([0, 0])
  })
})

describe('the rate of messages of PubSubSignaling [B12]', () => {
  test('suppresses a repeated announcement for 30 s, and reports the counts all the same', async () => {
    const { env, signaling, listener, sent } = setUp()
    signaling.announce(announcement('started'))
    await env.advance(10)
    expect(listener.stats).toEqual([{ complete: 0, incomplete: 1, interval: PRESENCE_INTERVAL }])
    for (let i = 0; i < 10; i++) {
      expect(signaling.announce(announcement())).toBe(true)
      await env.advance(BROADCAST_GAP / 10)
    }
    expect(sent().map(({ message }) => message)).toEqual([{ kind: 'announce', from: SELF, started: true, want: 50 }])
    expect(listener.stats).toHaveLength(11)
    signaling.announce(announcement())
    expect(sent().at(-1)?.message).toEqual({ kind: 'announce', from: SELF, want: 50 })
    // An announcement with an event leaves at once.
    signaling.announce(announcement('completed', { left: 0 }))
    expect(sent().at(-1)?.message).toEqual({ kind: 'announce', from: SELF, done: true, want: 50 })
    signaling.announce(announcement('stopped'))
    expect(sent().at(-1)?.message).toEqual({ kind: 'leave', from: SELF })
    expect(signaling.status()).toMatchObject({ broadcasts: 4, messagesOut: 0 })
  })

  test('sends no leave message when it was never announced', () => {
    const { signaling, bus } = setUp()
    expect(signaling.announce(announcement('stopped'))).toBe(true)
    expect(bus.heard).toEqual([])
  })

  test('batches changes of the counts, once per second', async () => {
    const { env, bus, listener } = await settled()
    const before = listener.stats.length
    for (let i = 0; i < 100; i++) bus.write(toAll(TOPIC), { kind: 'announce', from: randomId(env), done: i < 30, want: 0 })
    await env.advance(1_100)
    expect(listener.stats.slice(before)).toEqual([{ complete: 30, incomplete: 71, interval: PRESENCE_INTERVAL }])
    await env.advance(5_000)
    expect(listener.stats.slice(before)).toHaveLength(1)
  })

  test('limits the rate of here messages', async () => {
    const { env, bus, hear, sent } = await settled()
    for (let i = 0; i < 1_000; i++)
      bus.write(toAll(TOPIC), { kind: 'announce', from: `ff${randomId(env).slice(2)}`, want: 1_000 })
    await env.advance(20)
    expect(sent().filter(({ message }) => message.kind === 'here')).toHaveLength(50)
    await env.advance(200)
    await hear(toAll(TOPIC), { kind: 'announce', from: `ff${randomId(env).slice(2)}`, want: 1_000 })
    expect(sent().filter(({ message }) => message.kind === 'here')).toHaveLength(51)
  })
})

describe('which member dials [B12]', () => {
  const announce = (from: Id, more: object = {}) => ({ kind: 'announce', from, want: 50, ...more })

  test.each([
    ['dials a newcomer with a lower id', LOW, { started: true }, 'dialled'],
    ['dials a newcomer with a higher id', HIGH, { started: true }, 'dialled'],
    ['dials an earlier member with a lower id', LOW, {}, 'dialled'],
    ['sends here to an earlier member with a higher id', HIGH, {}, 'here'],
    ['ignores a newcomer that wants no peer', LOW, { started: true, want: 0 }, 'neither'],
  ])('%s', async (_, from, more, outcome) => {
    const { listener, hear, sent, signaling } = await settled()
    await hear(toAll(TOPIC), announce(from, more))
    expect(listener.named).toEqual(outcome === 'dialled' ? [from] : [])
    expect(signaling.dialable(TOPIC)).toEqual(outcome === 'dialled' ? [from] : [])
    const told = sent().filter(({ message }) => message.kind === 'here')
    expect(told.map(({ namespace, message }) => ({ namespace, message }))).toEqual(
      outcome === 'here' ? [{ namespace: toMember(TOPIC, from), message: { kind: 'here', from: SELF } }] : [],
    )
  })

  test.each([
    ['dials the lower id', LOW, 'dialled'],
    ['sends here to the higher id', HIGH, 'here'],
  ])('%s of two members that came within a second', async (_, from, outcome) => {
    const { env, signaling, listener, hear, sent } = setUp()
    signaling.announce(announcement('started'))
    await env.advance(YOUNG - 100)
    await hear(toAll(TOPIC), announce(from, { started: true }))
    expect(listener.named).toEqual(outcome === 'dialled' ? [from] : [])
    expect(sent().filter(({ message }) => message.kind === 'here')).toHaveLength(outcome === 'here' ? 1 : 0)
  })

  test('dials a member that sent here, whatever its id', async () => {
    const { listener, hear, signaling } = await settled()
    await hear(toMember(TOPIC, SELF), { kind: 'here', from: HIGH })
    await hear(toMember(TOPIC, SELF), { kind: 'here', from: LOW })
    expect(listener.named).toEqual([HIGH, LOW])
    expect(signaling.dialable(TOPIC)).toEqual([LOW, HIGH]) // the latest first
  })

  test('neither dials nor answers a member that the swarm does not want', async () => {
    const { listener, hear, sent } = await settled()
    listener.wanted = () => false
    await hear(toAll(TOPIC), announce(LOW, { started: true }))
    await hear(toAll(TOPIC), announce(HIGH))
    await hear(toMember(TOPIC, SELF), { kind: 'here', from: HIGH })
    expect([listener.named, sent().length]).toEqual([[], 1])
  })

  test('dials no member before its own announcement', async () => {
    const { listener, hear, sent, signaling } = setUp()
    await hear(toAll(TOPIC), announce(LOW, { started: true }))
    expect([listener.named, sent(), signaling.dialable(TOPIC)]).toEqual([[], [], []])
  })

  test('lets only some members of a large swarm dial, about three per peer that a newcomer wants', async () => {
    const { env, bus, listener, hear } = await settled()
    for (let i = 0; i < 999; i++) bus.write(toAll(TOPIC), { kind: 'announce', from: randomId(env), want: 0 })
    await env.advance(100)
    for (let i = 0; i < 1_000; i++) await hear(toAll(TOPIC), announce(randomId(env), { started: true, want: 50 }))
    expect(listener.named.length).toBeGreaterThan(90)
    expect(listener.named.length).toBeLessThan(220) // three per wanted peer: 150 of 1000
  })
})

describe('messages through PubSubSignaling [B12]', () => {
  test('carries offers, answers, candidates and refusals both ways', async () => {
    const { env, bus, signaling, listener, hear, sent } = await settled()
    await hear(toMember(TOPIC, SELF), { kind: 'offer', from: LOW, offerId: OFFER, sdp: offerSdp })
    await hear(toMember(TOPIC, SELF), { kind: 'answer', from: LOW, offerId: OFFER, sdp: answerSdp })
    await hear(toMember(TOPIC, SELF), { kind: 'candidate', from: LOW, offerId: OFFER, candidate: CANDIDATE })
    await hear(toMember(TOPIC, SELF), { kind: 'refusal', from: LOW, offerId: OFFER })
    expect(listener).toMatchObject({
      offers: [{ from: LOW, offerId: OFFER }],
      answers: [{ from: LOW, offerId: OFFER }],
      candidates: [{ from: LOW, offerId: OFFER, candidate: CANDIDATE }],
      refusals: [{ from: LOW, offerId: OFFER }],
    })
    const before = bus.heard.length
    const route = { topic: TOPIC, from: SELF, to: LOW, offerId: OFFER }
    signaling.dial({ ...route, sdp: offerSdp })
    signaling.answer({ ...route, sdp: answerSdp })
    signaling.candidate({ ...route, candidate: CANDIDATE })
    signaling.refuse(route)
    expect(bus.heard.slice(before).map(({ namespace, message: { kind } }) => [namespace, kind])).toEqual(
      ['offer', 'answer', 'candidate', 'refusal'].map(kind => [toMember(TOPIC, LOW), kind]),
    )
    expect(sent()).toHaveLength(5)
    await env.advance(2_000)
    expect(signaling.status()).toMatchObject({ broadcasts: 1, messagesOut: 4, messagesIn: 5, members: 1, dropped: {} })
  })

  test('drops and counts malformed messages, with one warning per kind until the driver opens anew [Law 6]', async () => {
    const { driver, signaling, listener, hear } = await settled()
    const bad = async () => {
      for (let i = 0; i < 20; i++) {
        await hear(toAll(TOPIC), 'hello')
        await hear(toAll(TOPIC), { kind: 'announce', from: 'me', want: 1 })
        await hear(toMember(TOPIC, SELF), { kind: 'offer', from: LOW, offerId: OFFER, sdp: 'v=0' })
        await hear(toAll(TOPIC), { kind: 'of a later version' })
        await hear(toAll(TOPIC), { kind: 'offer', from: LOW, offerId: OFFER, sdp: offerSdp }) // as a broadcast
        await hear(toMember(TOPIC, SELF), { kind: 'leave', from: LOW }) // as a direct message
        await hear(toMember(TOPIC, SELF), { kind: 'here', from: SELF }) // under our own id
      }
    }
    await bad()
    expect(listener.warnings.map(({ code }) => code)).toEqual(['ERR_BAD_FRAME', 'ERR_BAD_FRAME', 'ERR_BAD_SDP'])
    expect(signaling.status().dropped).toEqual({
      'not-an-object': 20,
      'bad-from': 20,
      'bad-sdp': 20,
      'unknown-kind': 20,
      misplaced: 60,
    })
    expect([listener.offers, listener.named]).toEqual([[], []])
    driver.turn(false)
    driver.turn(true)
    await bad()
    expect(listener.warnings).toHaveLength(6)
  })

  test('drops a value whose getter throws [Law 6]', () => {
    const handlers: Array<(message: unknown) => void> = []
    const signaling = new PubSubSignaling({ on: (_, handler) => void handlers.push(handler), off: () => {}, emit: () => {} })
    signaling.subscribe(TOPIC, new Listener())
    const trap = {
      get kind(): string {
        throw new Error('a trap')
      },
    }
    for (const handler of handlers) handler(trap)
    expect(signaling.status().dropped).toEqual({ 'not-an-object': 1 })
  })
})

describe('the members of a topic [B12]', () => {
  test('removes a member that leaves at once, and a silent one after MEMBER_TIMEOUT', async () => {
    const { env, signaling, hear, listener } = await settled()
    for (const from of [LOW, HIGH]) await hear(toAll(TOPIC), { kind: 'announce', from, want: 1 })
    expect(signaling.status().members).toBe(2)
    await hear(toAll(TOPIC), { kind: 'leave', from: HIGH })
    expect(signaling.status().members).toBe(1)
    await env.advance(1_100)
    expect(listener.stats.at(-1)).toMatchObject({ incomplete: 2 })
    await env.advance(MEMBER_TIMEOUT - 1_200)
    expect(signaling.status().members).toBe(1)
    await env.advance(200)
    expect([signaling.status().members, signaling.dialable(TOPIC)]).toEqual([0, []])
  })

  test('keeps MAX_MEMBERS members, the most recently heard', () => {
    const members = new Members()
    const env = new VirtualEnv()
    const ids = Array.from({ length: MAX_MEMBERS + 500 }, () => randomId(env))
    for (const [at, id] of ids.entries()) members.heard(id, at, { weDial: true })
    expect(members.size).toBe(MAX_MEMBERS)
    expect(members.dialable(2_000)).toEqual(ids.slice(-MAX_MEMBERS).toReversed())
  })

  test('keeps the fields that an update does not mention', () => {
    const members = new Members()
    expect(members.heard(LOW, 0, { done: true, weDial: true })).toBe(true)
    expect(members.heard(LOW, 1)).toBe(false)
    expect([members.counts(1), members.dialable(1)]).toEqual([{ complete: 1, incomplete: 0 }, [LOW]])
    expect(members.heard(LOW, 2, { done: false })).toBe(true)
    expect(members.left(LOW)).toBe(true)
    expect(members.left(LOW)).toBe(false)
  })
})
