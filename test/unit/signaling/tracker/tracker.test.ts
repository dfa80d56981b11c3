import { describe, expect, test } from 'vitest'
import { hexToBinary } from '../../../../src/core/bytes.js'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import type { Announcement, SignalingListener } from '../../../../src/signaling/signaling.js'
import { MAX_OFFERS, Tracker, validateTrackerUrl, WARM_FOR } from '../../../../src/signaling/tracker/tracker.js'
import { FakeTracker } from '../../../support/fakes/fake-tracker.js'
import { RecordingListener } from '../../../support/fakes/fake-tracker-listener.js'
import { hostileFrames } from '../../../support/hostile/hostile-frames.js'
import { answerSdp, offerSdp } from '../../../support/sdp-samples.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const topic = 'aa'.repeat(20)
const otherTopic = 'ab'.repeat(20)
const alice = '0a'.repeat(20)
const bob = '0b'.repeat(20)
const offerId = '80'.repeat(20)

function announcement(values: Partial<Announcement> = {}): Announcement {
  return { topic, from: alice, uploaded: 0, downloaded: 0, left: 1, numwant: 50, port: 6881, offers: [], ...values }
}

function setUp(options: ConstructorParameters<typeof FakeTracker>[1] = {}) {
  const env = new VirtualEnv()
  const server = new FakeTracker(env, options)
  env.dial = server.dial
  const tracker = new Tracker(server.url, env)
  const warnings: SwarmlinkError[] = []
  tracker.on('warning', error => warnings.push(error))
  return { env, server, tracker, warnings }
}

async function setUpOpen(options: ConstructorParameters<typeof FakeTracker>[1] = {}) {
  const all = setUp(options)
  const listener = new RecordingListener()
  const unsubscribe = all.tracker.subscribe(topic, listener)
  await all.env.until(() => all.tracker.open)
  return { ...all, listener, unsubscribe }
}

describe('Tracker', () => {
  test('takes only ws: and wss: URLs [A1]', () => {
    expect(validateTrackerUrl('wss://tracker.example')).toBe('wss://tracker.example/')
    expect(validateTrackerUrl('ws://127.0.0.1:8000/announce?x=1#y')).toBe('ws://127.0.0.1:8000/announce?x=1')
    for (const bad of [
      '',
      'tracker.example',
      'http://tracker.example',
      'udp://tracker.example:80',
      'wss://',
      'ws:',
      'javascript:0',
      undefined,
      null,
      {},
      7,
    ]) {
      expect(() => validateTrackerUrl(bad)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    }
    expect(() => new Tracker('http://tracker.example')).toThrow('ws: or wss:')
  })

  test('dials with the first topic, and closes after the last one, when `stopped` was sent [A4]', async () => {
    const { env, server, tracker } = setUp()
    await env.advance(1_000)
    expect([server.dials, tracker.status().state]).toEqual([0, 'idle'])
    const first = tracker.subscribe(topic, new RecordingListener())
    const second = tracker.subscribe(otherTopic, new RecordingListener())
    await env.until(() => tracker.open)
    expect(server.dials).toBe(1)
    tracker.announce(announcement())
    await env.advance(100)
    first()
    first()
    await env.advance(1_000)
    expect(tracker.open).toBe(true)
    tracker.announce(announcement({ topic: otherTopic, event: 'stopped' }))
    second()
    await env.advance(1_000)
    expect([server.connections, tracker.open, tracker.status().state, env.pendingTimers]).toEqual([0, false, 'idle', 0])
    expect(server.heard.at(-1)).toMatchObject({ topic: otherTopic, event: 'stopped' })
    expect([server.members(topic), server.members(otherTopic)]).toEqual([0, 0])
  })

  test('keeps the socket when one topic replaces another, and dials anew for a later one [A4]', async () => {
    const { env, server, tracker, unsubscribe } = await setUpOpen()
    unsubscribe()
    const swap = tracker.subscribe(otherTopic, new RecordingListener())
    await env.advance(1_000)
    expect([server.dials, tracker.open]).toEqual([1, true])
    swap()
    await env.advance(1)
    const listener = new RecordingListener()
    tracker.subscribe(topic, listener)
    await env.until(() => tracker.open)
    expect([server.dials, server.connections, listener.log]).toEqual([2, 1, ['open']])
    expect(tracker.status()).toMatchObject({ reconnects: 0, topics: 1 })
    await tracker.close()
  })

  test('serves a topic that comes during the close handshake on the next socket [A4]', async () => {
    const { env, server, tracker, unsubscribe } = await setUpOpen()
    unsubscribe()
    await Promise.resolve() // the close handshake begins
    const listener = new RecordingListener()
    tracker.subscribe(topic, listener)
    expect([tracker.open, tracker.announce(announcement())]).toEqual([false, false])
    await env.until(() => tracker.open)
    await env.advance(100)
    expect([server.dials, server.connections, listener.log]).toEqual([2, 1, ['open']])
    await tracker.close()
  })

  test('opens a later topic at once [A4]', async () => {
    const { tracker } = await setUpOpen()
    const listener = new RecordingListener()
    tracker.subscribe(otherTopic, listener)
    expect(listener.log).toEqual(['open'])
    await tracker.close()
    expect(listener.log).toEqual(['open', 'close'])
  })

  test('is closed for good by close(), which is idempotent [A4]', async () => {
    const { env, server, tracker, listener } = await setUpOpen()
    await Promise.all([tracker.close(), tracker.close(), tracker[Symbol.asyncDispose]()])
    await env.advance(100_000)
    expect([server.connections, env.pendingTimers, tracker.status().state]).toEqual([0, 0, 'closed'])
    expect(listener.log).toEqual(['open', 'close'])
    expect(() => tracker.subscribe(topic, listener)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    expect([tracker.announce(announcement()), tracker.answer({ topic, from: alice, to: bob, offerId, sdp: answerSdp })]).toEqual([
      false,
      false,
    ])
    const unused = new Tracker('ws://tracker.test')
    await unused.close()
    expect(unused.status().state).toBe('closed')
  })

  test('announces, reports counts, and carries an offer and its answer [A12]', async () => {
    const { env, server, tracker, listener } = await setUpOpen({ interval: 90, minInterval: 7 })
    const other = new Tracker(server.url, env)
    const bobs = new RecordingListener()
    other.subscribe(topic, bobs)
    await env.until(() => other.open)
    expect(other.announce(announcement({ from: bob, event: 'started', left: 0 }))).toBe(true)
    await env.advance(50)
    expect(tracker.announce(announcement({ event: 'started', offers: [{ id: offerId, sdp: offerSdp }] }))).toBe(true)
    await env.until(() => bobs.offers.length === 1)
    expect(listener.stats).toEqual([{ complete: 1, incomplete: 1, interval: 90_000, minInterval: 7_000 }])
    expect(bobs.offers[0]).toMatchObject({ from: alice, offerId, sdp: { text: offerSdp } })
    expect(other.answer({ topic, from: bob, to: alice, offerId, sdp: answerSdp })).toBe(true)
    await env.until(() => listener.answers.length === 1)
    expect(listener.answers[0]).toMatchObject({ from: bob, offerId, sdp: { text: answerSdp } })
    expect(server.complaints).toEqual([])
    expect(tracker.status()).toMatchObject({ announces: 1, framesOut: 1, framesIn: 2, dropped: {} })
    await Promise.all([tracker.close(), other.close()])
  })

  test('shares one socket between many topics, and gives each only its own frames [A6]', async () => {
    const { env, server, tracker } = setUp()
    const topics = Array.from({ length: 500 }, (_, i) => i.toString(16).padStart(40, '0'))
    const listeners = topics.map(id => {
      const listener = new RecordingListener()
      listener.onOpen = () => tracker.announce(announcement({ topic: id }))
      tracker.subscribe(id, listener)
      return listener
    })
    await env.advance(1_000)
    expect(server.dials).toBe(1)
    expect(listeners.every(({ log }) => log.join() === 'open,counts')).toBe(true)
    await tracker.close()
  })

  test('sends at most 20 offers per announcement [A6]', async () => {
    const { env, server, tracker } = await setUpOpen()
    const offers = Array.from({ length: 25 }, (_, i) => ({ id: i.toString(16).padStart(40, '0'), sdp: offerSdp }))
    tracker.announce(announcement({ offers }))
    await env.advance(100)
    expect([server.heard[0]?.offers, tracker.maxOffers, MAX_OFFERS]).toEqual([20, 20, 20])
    await tracker.close()
  })

  test('closes and reopens every topic after a lost connection [A6]', async () => {
    const { env, server, tracker, warnings, listener } = await setUpOpen()
    listener.onOpen = () => tracker.announce(announcement({ event: 'started' }))
    server.stop()
    await env.advance(10)
    expect([tracker.open, tracker.announce(announcement())]).toEqual([false, false])
    expect(listener.log).toEqual(['open', 'close'])
    expect(warnings[0]).toMatchObject({ code: 'ERR_TRACKER_LINK' })
    server.start()
    await env.advance(2_000)
    expect(listener.log).toEqual(['open', 'close', 'open', 'counts'])
    expect(tracker.status()).toMatchObject({ reconnects: 1, state: 'open' })
    await tracker.close()
  })

  test('dials at once on wake() [A6]', async () => {
    const { env, server, tracker } = setUp()
    tracker.wake()
    server.stop()
    tracker.subscribe(topic, new RecordingListener())
    await env.advance(120_000)
    server.start()
    tracker.wake()
    await env.advance(50)
    expect(tracker.open).toBe(true)
    await tracker.close()
  })

  test('takes one listener per topic [A6]', async () => {
    const { tracker, listener, unsubscribe } = await setUpOpen()
    expect(() => tracker.subscribe(topic, listener)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    unsubscribe()
    tracker.subscribe(topic, listener)
    unsubscribe() // ends the old subscription only
    expect(tracker.status().topics).toBe(1)
    await tracker.close()
  })

  test("returns the tracker's id until the connection ends [A12]", async () => {
    const { env, server, tracker } = await setUpOpen()
    const sent: string[] = []
    const receive = server.receive.bind(server)
    server.receive = (connection, text) => {
      sent.push(text)
      receive(connection, text)
    }
    server.inject({ action: 'announce', info_hash: hexToBinary(topic), 'tracker id': 'xyz' })
    await env.advance(10)
    tracker.announce(announcement())
    tracker.answer({ topic, from: alice, to: bob, offerId, sdp: answerSdp })
    await env.advance(10)
    expect(sent.map(text => (JSON.parse(text) as { trackerid?: string }).trackerid)).toEqual(['xyz', 'xyz'])
    server.stop()
    server.start()
    await env.until(() => tracker.open)
    tracker.announce(announcement())
    await env.advance(10)
    expect(JSON.parse(sent.at(-1)!)).not.toHaveProperty('trackerid')
    await tracker.close()
  })

  test('reports refusals and warnings to their topic, those without a topic as its own [A5]', async () => {
    const { env, server, tracker, listener, warnings } = await setUpOpen()
    const info_hash = hexToBinary(topic)
    server.inject({ action: 'announce', info_hash, 'failure reason': 'not registered' })
    server.inject({ action: 'announce', info_hash, 'warning message': 'slow', complete: 1 })
    server.inject({ action: 'announce', info_hash, 'failure reason': '' })
    server.inject({ 'failure reason': 'invalid info_hash' })
    await env.advance(10)
    expect(listener.warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('says: not registered'),
      expect.stringContaining('says: slow'),
      expect.stringContaining('no reason given'),
    ])
    expect(listener.warnings.every(({ code }) => code === 'ERR_TRACKER_REFUSED')).toBe(true)
    expect(listener.stats).toEqual([{ complete: 1 }])
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining('invalid info_hash')])
    await tracker.close()
  })

  test('isolates the socket and other topics from a listener that throws [A6]', async () => {
    const { env, server, tracker, listener, warnings } = await setUpOpen()
    const fail = () => {
      throw new Error('oops')
    }
    const broken: SignalingListener = { open: fail, close: fail, offer: fail, answer: fail, counts: fail, warning: fail }
    tracker.subscribe(otherTopic, broken)
    tracker.announce(announcement({ topic: otherTopic }))
    tracker.announce(announcement())
    await env.advance(100)
    server.stop()
    server.start()
    await env.advance(2_000)
    expect([tracker.open, listener.log]).toEqual([true, ['open', 'counts', 'close', 'open']])
    expect(tracker.status().dropped).toEqual({ listener: 4 })
    expect(warnings.filter(({ message }) => message.includes('oops'))).toHaveLength(4)
    await tracker.close()
  })

  test('lets a listener unsubscribe itself and others meanwhile [A6]', async () => {
    const { env, tracker } = setUp()
    const second = new RecordingListener()
    const first = new RecordingListener()
    const ends: Array<() => void> = []
    first.onOpen = () => ends.forEach(end => end())
    ends.push(tracker.subscribe(topic, first), tracker.subscribe(otherTopic, second))
    await env.advance(1_000)
    expect([first.log, second.log, tracker.status().state]).toEqual([['open'], [], 'idle'])
  })

  test('drops and counts hundreds of kinds of hostile frames, and keeps the connection [A12]', async () => {
    const { env, server, tracker, listener, warnings } = await setUpOpen()
    const total = () => Object.values(tracker.status().dropped).reduce((sum, count) => sum + count, 0)
    const corpus = hostileFrames(topic)
    for (const [i, { name, text }] of corpus.entries()) {
      server.inject(text)
      await env.advance(5)
      expect([name, total()]).toEqual([name, i + 1])
      server.inject({ action: 'announce', info_hash: hexToBinary(topic), complete: i })
      await env.advance(5)
      expect([name, listener.stats.at(-1), listener.stats.length]).toEqual([name, { complete: i }, i + 1])
    }
    expect([listener.offers, listener.answers, warnings, server.dials]).toEqual([[], [], [], 1])
    // One warning per fault and connection: a hostile peer cannot fill the log.
    expect(listener.warnings.length).toBeLessThan(10)
    expect(Object.keys(tracker.status().dropped).length).toBeLessThan(13)
    expect(tracker.status()).toMatchObject({ topics: 1, state: 'open', framesIn: 2 * corpus.length })
    await tracker.close()
    await env.advance(10) // the server notices
    expect(env.pendingTimers).toBe(0)
  })

  test('that is warm has a socket before its first topic, and for a minute without one [A4]', async () => {
    const { env, server, tracker } = setUp()
    tracker.warm()
    await env.until(() => tracker.open)
    await env.advance(WARM_FOR / 2)
    tracker.warm() // does not begin the minute again
    await env.advance(WARM_FOR / 2 + 10)
    expect([tracker.status().state, server.dials]).toEqual(['idle', 1])
    expect(env.pendingTimers).toBe(0)
  })

  test('that was warm hands its socket to the first topic, and closes it with the last one [A4]', async () => {
    const { env, server, tracker } = setUp()
    const cool = tracker.warm()
    await env.until(() => tracker.open)
    const listener = new RecordingListener()
    const unsubscribe = tracker.subscribe(topic, listener)
    expect(listener.log).toEqual(['open'])
    cool()
    await env.advance(2 * WARM_FOR)
    expect([tracker.open, server.dials]).toEqual([true, 1])
    tracker.warm() // has a topic
    unsubscribe()
    await env.advance(10)
    expect(tracker.status().state).toBe('idle')
  })

  test('that is warm warns of a failed dial when there is a topic, once, and not if it is open by then [A5]', async () => {
    for (const isBack of [false, true]) {
      const { env, server, tracker, warnings } = setUp()
      server.stop()
      tracker.warm()
      await env.advance(500)
      expect([server.dials, warnings]).toEqual([1, []])
      if (isBack) {
        server.start()
        await env.until(() => tracker.open)
      }
      tracker.subscribe(topic, new RecordingListener())
      expect(warnings.map(({ code }) => code)).toEqual(isBack ? [] : ['ERR_TRACKER_LINK'])
      tracker.subscribe(otherTopic, new RecordingListener())
      expect(warnings).toHaveLength(isBack ? 0 : 1)
      await tracker.close()
    }
  })

  test('that was warm tells nothing of a dial that was given up with its socket [A5]', async () => {
    const { env, server, tracker, warnings } = setUp()
    server.stop()
    tracker.warm()
    await env.advance(WARM_FOR + 10)
    expect(tracker.status().state).toBe('idle')
    server.start()
    tracker.subscribe(topic, new RecordingListener())
    await env.until(() => tracker.open)
    expect(warnings).toEqual([])
  })

  test('that is warm keeps its socket when another one that warmed it leaves, and dials no more when closed [A4]', async () => {
    const { env, server, tracker } = setUp()
    const cool = tracker.warm()
    await env.until(() => tracker.open)
    tracker.warm()()
    await env.advance(10)
    expect(tracker.open).toBe(true)
    tracker.subscribe(topic, new RecordingListener())()
    await env.advance(10)
    tracker.warm()
    cool() // of a time that is over
    await env.until(() => tracker.open)
    await tracker.close()
    await env.advance(10)
    tracker.warm()
    expect([tracker.status().state, server.dials, env.pendingTimers]).toEqual(['closed', 2, 0])
  })

  test('that is warm closes its socket when it is left, or closed [D4]', async () => {
    for (const how of ['left', 'closed']) {
      const { env, tracker } = setUp()
      const cool = tracker.warm()
      await env.until(() => tracker.open)
      if (how === 'left') cool()
      else void tracker.close()
      await env.advance(10)
      expect(tracker.status().state).toBe(how === 'left' ? 'idle' : 'closed')
      expect(env.pendingTimers).toBe(0)
    }
  })
})
