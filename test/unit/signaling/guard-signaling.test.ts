import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { SwarmlinkError } from '../../../src/core/errors.js'
import { guardSignaling } from '../../../src/signaling/guard-signaling.js'
import { isDirect, type Announcement, type Signaling, type SignalingListener } from '../../../src/signaling/signaling.js'
import { RecordingListener } from '../../support/fakes/fake-tracker-listener.js'
import { offerSdp } from '../../support/sdp-samples.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const TOPIC = 'ab'.repeat(20)
const SELF = '55'.repeat(20)
const OFFER = 'cd'.repeat(20)
const ANNOUNCEMENT: Announcement = {
  topic: TOPIC,
  from: SELF,
  uploaded: 0,
  downloaded: 0,
  left: 1,
  numwant: 5,
  port: 1,
  offers: [],
}
const ANSWER = { topic: TOPIC, from: SELF, to: '99'.repeat(20), offerId: OFFER, sdp: offerSdp }

/** Faults that an object of the application may have. */
const throws = () => {
  throw new Error('it failed')
}
const rejects = () => Promise.reject(new Error('it failed')) as never

function setUp(methods: object = {}) {
  const env = new VirtualEnv()
  const listeners: SignalingListener[] = []
  const left = vi.fn<() => void>()
  const own = {
    name: 'own',
    source: 'signaling',
    maxOffers: 3,
    open: true,
    subscribe(_topic: string, listener: SignalingListener) {
      listeners.push(listener)
      listener.open()
      return left
    },
    announce: () => true,
    answer: () => true,
    ...methods,
  } as unknown as Signaling
  const warnings: SwarmlinkError[] = []
  const signaling = guardSignaling(own, env, error => warnings.push(error))
  const messages = () => warnings.map(({ code, message }) => `${code} ${message}`)
  return { env, signaling, listeners, left, messages }
}

describe("a signalling of the application's own", () => {
  test('is used as it is when it keeps the contract [B12]', () => {
    const { signaling, listeners, left, messages } = setUp({ dial: () => true, dialable: () => [SELF], refuse: () => false })
    const listener = new RecordingListener()
    const leave = signaling.subscribe(TOPIC, listener)
    expect(signaling).toMatchObject({ name: 'own', source: 'signaling', maxOffers: 3, open: true })
    expect([signaling.announce(ANNOUNCEMENT), signaling.answer(ANSWER), signaling.refuse?.(ANSWER)]).toEqual([true, true, false])
    expect([isDirect(signaling) && signaling.dialable(TOPIC), 'candidate' in signaling]).toEqual([[SELF], false])
    listeners[0]?.offer({ from: SELF, offerId: OFFER, sdp: { text: offerSdp } as never })
    listeners[0]?.counts({ complete: 2, interval: 0, minInterval: 1e12, incomplete: Number.NaN })
    expect(listener.offers).toMatchObject([{ from: SELF, offerId: OFFER, sdp: { fingerprint: expect.any(String) } }])
    expect(listener.stats).toEqual([{ complete: 2, interval: 1_000, minInterval: 3_600_000 }])
    leave()
    listeners[0]?.offer({ from: SELF, offerId: OFFER, sdp: { text: offerSdp } as never })
    expect([left.mock.calls.length, listener.offers.length, messages()]).toEqual([1, 1, []])
  })

  test.each([
    ['throws', throws],
    ['returns no function', () => 5 as never],
    ['rejects', rejects],
  ])('is subscribed again after a second when subscribe() %s once [B12]', async (_how, fail) => {
    const subscribe = vi.fn<Signaling['subscribe']>(() => () => {}).mockImplementationOnce(fail)
    const { env, signaling } = setUp({ subscribe })
    const leave = signaling.subscribe(TOPIC, new RecordingListener())
    await env.advance(1_300)
    expect(subscribe).toHaveBeenCalledTimes(2)
    leave()
    await env.advance(60_000)
    expect([subscribe.mock.calls.length, env.pendingTimers]).toEqual([2, 0])
  })

  test.each([
    ['throws', throws],
    ['rejects', rejects],
  ])('causes one warning per method in ten seconds when every method %s [B12]', async (_how, fail) => {
    const methods = ['announce', 'answer', 'dial', 'candidate', 'refuse', 'distrust', 'dialable'] as const
    const { env, signaling, messages } = setUp(Object.fromEntries(methods.map(name => [name, fail])))
    for (let i = 0; i < 3; i++) {
      signaling.announce(ANNOUNCEMENT)
      signaling.answer(ANSWER)
      signaling.candidate?.({ ...ANSWER, candidate: {} })
      signaling.refuse?.(ANSWER)
      signaling.distrust?.({ from: SELF, offerId: OFFER, sdp: {} as never })
      expect(isDirect(signaling) && signaling.dialable(TOPIC)).toEqual([])
      if (isDirect(signaling)) signaling.dial(ANSWER)
    }
    await env.advance(1)
    expect(messages().toSorted()).toEqual(
      methods.map(name => `ERR_SIGNALING_LINK the signalling own failed in ${name}: it failed`).toSorted(),
    )
  })

  test('may subscribe in a promise, and is unsubscribed once, also when the topic is left before [B12]', async () => {
    const left = vi.fn<() => void>()
    const subscribe = vi.fn<() => Promise<() => void>>(() => Promise.resolve(left))
    const { env, signaling, messages } = setUp({ subscribe })
    const leave = signaling.subscribe(TOPIC, new RecordingListener())
    await env.advance(100_000)
    expect([subscribe.mock.calls.length, left.mock.calls.length]).toEqual([1, 0])
    leave()
    signaling.subscribe(TOPIC, new RecordingListener())()
    await env.advance(0)
    expect([left.mock.calls.length, messages(), env.pendingTimers]).toEqual([2, [], 0])
  })

  test.each([
    ['nothing', () => undefined],
    ['a promise of nothing', () => Promise.resolve()],
  ])('is warned about when subscribe() returns %s, and subscribed again [B12]', async (_what, subscribe) => {
    const { env, signaling, messages } = setUp({ subscribe })
    const leave = signaling.subscribe(TOPIC, new RecordingListener())
    await env.advance(5_000)
    expect(messages()).toEqual([expect.stringMatching(/failed in subscribe: it gave no function: return one that unsubscribes/)])
    leave()
    expect(env.pendingTimers).toBe(0)
  })

  test('is warned about when subscribe() returns a promise that never settles [B12]', async () => {
    const { env, signaling, messages } = setUp({ subscribe: () => new Promise(() => {}) })
    const leave = signaling.subscribe(TOPIC, new RecordingListener())
    await env.advance(60_000)
    expect(messages()).toEqual([expect.stringMatching(/failed in subscribe: it did not settle within 10 s/)])
    leave()
    expect(env.pendingTimers).toBe(0)
  })

  test('counts as closed when open throws, and is left even when its unsubscribe throws [B12]', () => {
    const own = { subscribe: () => throws, maxOffers: 'many', source: 'elsewhere' }
    Object.defineProperty(own, 'open', { get: throws, enumerable: false })
    const { signaling } = setUp()
    const broken = guardSignaling(Object.assign(own, { name: 'own' }) as unknown as Signaling, new VirtualEnv(), () => {})
    expect([signaling.open, broken.open, broken.maxOffers, broken.source]).toEqual([true, false, 0, 'signaling'])
    expect(broken.subscribe(TOPIC, new RecordingListener())).not.toThrow()
  })

  test('does no harm when it calls its listener with garbage [B12]', () => {
    const { signaling, listeners } = setUp()
    const listener = new RecordingListener()
    signaling.subscribe(TOPIC, listener)
    const events = [
      'open',
      'close',
      'offer',
      'answer',
      'counts',
      'candidate',
      'refused',
      'wants',
      'answerer',
      'known',
      'warning',
    ] as const
    const value = fc.oneof(fc.anything(), fc.record({ from: fc.constant(SELF), offerId: fc.constant(OFFER), sdp: fc.anything() }))
    fc.assert(
      fc.property(fc.constantFrom(...events), value, (method, garbage) => {
        ;(listeners[0] as unknown as Record<string, (value: unknown) => unknown>)[method]?.(garbage)
      }),
      { numRuns: 500 },
    )
    expect([listener.offers, listener.answers]).toEqual([[], []])
  })
})
