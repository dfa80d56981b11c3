import { describe, expect, test } from 'vitest'
import type { Dial } from '../../../../src/core/env.js'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import { RESTART_GRACE } from '../../../../src/signaling/retry.js'
import { REPLY_TIMEOUT, SILENCE_TIMEOUT, TrackerSocket } from '../../../../src/signaling/tracker/tracker-socket.js'
import { encodeAnnouncement, MAX_FRAME } from '../../../../src/signaling/tracker/codec.js'
import { FakeTracker } from '../../../support/fakes/fake-tracker.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const topic = 'aa'.repeat(20)
const frame = encodeAnnouncement({
  topic,
  from: 'bb'.repeat(20),
  uploaded: 0,
  downloaded: 0,
  left: 1,
  numwant: 0,
  port: 0,
  offers: [],
})

function setUp() {
  const env = new VirtualEnv()
  const tracker = new FakeTracker(env)
  env.dial = tracker.dial
  const socket = new TrackerSocket(tracker.url, env)
  const states: string[] = []
  const warnings: SwarmlinkError[] = []
  socket.on('state', state => states.push(`${state}@${Math.round(env.now())}`))
  socket.on('warning', error => warnings.push(error))
  /** Announces as soon as the socket is open, as Tracker does. */
  const announceWhenOpen = () => socket.on('state', state => state === 'open' && socket.send(frame, { answered: true }))
  return { env, tracker, socket, states, warnings, announceWhenOpen }
}

describe('TrackerSocket', () => {
  test('dials once, however often it is started [A4]', async () => {
    const { env, tracker, socket } = setUp()
    await env.advance(1_000)
    expect([tracker.dials, socket.state]).toEqual([0, 'idle'])
    socket.start()
    socket.start()
    expect(socket.state).toBe('dialing')
    await env.advance(1_000)
    expect([tracker.dials, socket.state]).toEqual([1, 'open'])
    await socket.close()
  })

  test('leaves no timer and no socket after close(), which is idempotent, in any state [A4]', async () => {
    for (const moment of ['idle', 'dialing', 'open', 'waiting', 'closed'] as const) {
      const { env, tracker, socket } = setUp()
      if (moment !== 'idle') socket.start()
      if (moment === 'open') await env.until(() => socket.state === 'open')
      if (moment === 'waiting') tracker.stop()
      if (moment === 'waiting') await env.until(() => socket.state === 'waiting')
      if (moment === 'closed') await socket.close()
      await Promise.all([socket.close(), socket.close()])
      expect([moment, socket.state]).toEqual([moment, 'closed'])
      socket.start()
      await env.advance(200_000)
      expect([moment, tracker.connections, env.pendingTimers, socket.state]).toEqual([moment, 0, 0, 'closed'])
    }
  })

  test('sends frames from just before close() [A4]', async () => {
    const { env, tracker, socket } = setUp()
    socket.start()
    await env.until(() => socket.state === 'open')
    expect(socket.send(frame, { answered: false })).toBe(true)
    const closed = socket.close()
    expect(socket.send(frame, { answered: false })).toBe(false)
    await closed
    await env.advance(100)
    expect(tracker.heard).toHaveLength(1)
  })

  test('dials a tracker that never answered after 1, 2, 4 … 60 s, plus at most a quarter [A6]', async () => {
    const { env, tracker, socket, states } = setUp()
    tracker.stop()
    socket.start()
    await env.advance(600_000)
    const dials = states.filter(state => state.startsWith('dialing')).map(state => Number(state.split('@')[1]))
    const waits = dials.slice(1).map((at, i) => at - dials[i]! - 10) // 10 ms until the refusal
    for (const [i, expected] of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(expected - 1)
      expect(waits[i]).toBeLessThanOrEqual(Math.min(expected * 1.25, 60_000) + 1)
    }
    await socket.close()
  })

  test('announces to a restarted tracker within 3 s of its return, after outages of up to a minute [A6]', async () => {
    for (let outage = 100; outage <= RESTART_GRACE; outage += 700) {
      const { env, tracker, socket, announceWhenOpen } = setUp()
      announceWhenOpen()
      socket.start()
      await env.advance(5_000)
      tracker.stop()
      await env.advance(outage)
      tracker.start()
      const back = env.now()
      await env.until(() => tracker.heard.length === 2, 3_000)
      expect(env.now() - back).toBeLessThan(3_000)
      await socket.close()
    }
  })

  test('takes a frame, not a handshake, as proof of health [A6]', async () => {
    const { env, tracker, socket } = setUp()
    const hangUp = () => socket.on('state', state => state === 'open' && env.timer(1, () => (tracker.stop(), tracker.start())))
    hangUp()
    socket.start()
    await env.advance(60_000)
    expect(tracker.dials).toBeLessThan(8) // 1, 2, 4, 8, 16 s: it opens each time, and sends no frame

    const other = setUp()
    other.announceWhenOpen()
    other.socket.on(
      'state',
      state => state === 'open' && other.env.timer(50, () => (other.tracker.stop(), other.tracker.start())),
    )
    other.socket.start()
    await other.env.advance(60_000)
    expect(other.tracker.dials).toBeGreaterThan(40) // each connection was good
    await Promise.all([socket.close(), other.socket.close()])
  })

  test('does not take a failure frame as proof of health [A6]', async () => {
    const { env, tracker, socket } = setUp()
    socket.on('state', state => {
      if (state !== 'open') return
      tracker.inject({ 'failure reason': 'banned' })
      env.timer(50, () => (tracker.stop(), tracker.start()))
    })
    socket.start()
    await env.advance(60_000)
    expect(tracker.dials).toBeLessThan(8)
    await socket.close()
  })

  test('dials at once on wake(), and restarts the back-off [A6]', async () => {
    const { env, tracker, socket } = setUp()
    tracker.stop()
    socket.start()
    await env.advance(40_000)
    expect(socket.state).toBe('waiting')
    const before = tracker.dials
    socket.wake()
    socket.wake()
    await env.advance(20)
    expect(tracker.dials).toBe(before + 1)
    await env.advance(1_300)
    expect(tracker.dials).toBe(before + 2)
    await socket.close()
  })

  test('ignores wake() on an open connection and before start() [A6]', async () => {
    const { env, tracker, socket } = setUp()
    socket.wake()
    socket.start()
    await env.advance(100)
    socket.wake()
    await env.advance(10_000)
    expect([socket.state, tracker.dials]).toEqual(['open', 1])
    await socket.close()
  })

  test('closes a connection that does not answer within 30 s, and announces on the next one [A6]', async () => {
    const { env, tracker, socket, warnings, announceWhenOpen } = setUp()
    announceWhenOpen()
    tracker.muted = true
    socket.start()
    await env.advance(REPLY_TIMEOUT)
    expect([socket.state, warnings.length]).toEqual(['open', 0])
    tracker.muted = false
    await env.advance(1_500)
    expect(warnings.map(({ code }) => code)).toEqual(['ERR_TRACKER_LINK'])
    expect(warnings[0]?.message).toContain('30 s')
    expect(tracker.heard).toHaveLength(1)
    expect(tracker.connections).toBe(1)
    await socket.close()
  })

  test('keeps the reply deadline when a further frame is sent, and clears it on a reply [A6]', async () => {
    const { env, tracker, socket } = setUp()
    socket.start()
    await env.advance(100)
    for (let i = 0; i < 4; i++) {
      socket.send(frame, { answered: true })
      await env.advance(20_000)
    }
    expect(tracker.dials).toBe(1) // each was answered
    tracker.muted = true
    for (let i = 0; i < 2; i++) {
      socket.send(frame, { answered: true })
      await env.advance(20_000)
    }
    expect(tracker.dials).toBe(2)
    await socket.close()
  })

  test('tolerates silence after a frame without a reply, up to the silence timeout [A6]', async () => {
    const { env, tracker, socket } = setUp()
    socket.start()
    await env.advance(100)
    socket.send(frame, { answered: false })
    await env.advance(1_000)
    tracker.muted = true
    await env.advance(SILENCE_TIMEOUT - 10_000)
    expect([socket.state, tracker.dials]).toEqual(['open', 1])
    await env.advance(20_000)
    expect(tracker.dials).toBe(2)
    await socket.close()
  })

  test('does not take a malformed frame as a reply [A6]', async () => {
    const { env, tracker, socket } = setUp()
    let dropped = 0
    socket.on('dropped', () => dropped++)
    socket.start()
    await env.advance(100)
    tracker.muted = true
    socket.send(frame, { answered: true })
    for (let i = 0; i < 31; i++) {
      tracker.inject('nonsense')
      await env.advance(1_000)
    }
    expect(dropped).toBeGreaterThan(25)
    expect(socket.state).not.toBe('open')
    await socket.close()
  })

  test('keeps the process alive from its start until it is closed, whatever the state [A6]', async () => {
    for (const moment of ['dialing', 'open', 'waiting'] as const) {
      const { env, tracker, socket } = setUp()
      expect(env.isKeptAlive).toBe(false)
      if (moment === 'waiting') tracker.stop()
      socket.start()
      await env.until(() => socket.state === moment)
      expect([moment, env.isKeptAlive]).toEqual([moment, true])
      await socket.close()
      expect([moment, env.isKeptAlive]).toEqual([moment, false])
    }
  })

  test('times out a dial that never ends [A6]', async () => {
    const { env, socket, warnings } = setUp()
    const dials: AbortSignal[] = []
    const dial: Dial = (_url, signal) =>
      new Promise((_resolve, reject) => {
        dials.push(signal)
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
    env.dial = dial
    socket.start()
    await env.advance(10_000)
    expect(socket.state).toBe('waiting')
    expect(warnings[0]?.message).toContain('the dial timed out after 10 s')
    expect(dials[0]?.aborted).toBe(true)
    await env.advance(1_300)
    expect(dials).toHaveLength(2)
    await socket.close()
    expect(env.pendingTimers).toBe(0)
  })

  test('retries after a dial that throws [A6]', async () => {
    const { env, socket, warnings } = setUp()
    env.dial = () => {
      throw new Error('insecure')
    }
    socket.start()
    await env.advance(3_300)
    expect(warnings.length).toBeGreaterThanOrEqual(2)
    expect(warnings[0]?.cause).toBeInstanceOf(Error)
    await socket.close()
  })

  test('never queues a frame: full send buffer, frame too long, no connection [A6]', async () => {
    const { env, socket } = setUp()
    let buffered = 0
    const sent: string[] = []
    env.dial = (_url, signal) =>
      Promise.resolve({
        send: (text: string) => sent.push(text),
        close: () => {},
        get bufferedAmount() {
          return buffered
        },
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise(resolve => {
              signal.addEventListener('abort', () => resolve({ done: true, value: undefined }))
            }),
        }),
      })
    expect(socket.send(frame, { answered: false })).toBe(false)
    socket.start()
    await env.advance(1)
    expect(socket.send(frame, { answered: false })).toBe(true)
    buffered = 2 * 1024 * 1024
    expect(socket.send(frame, { answered: false })).toBe(false)
    buffered = 0
    expect(socket.send('é'.repeat(MAX_FRAME / 2 + 1), { answered: false })).toBe(false)
    expect(sent).toHaveLength(1)
    expect(socket.traffic).toMatchObject({ framesOut: 1, bytesOut: new TextEncoder().encode(frame).length })
    await socket.close()
  })

  test('counts frames and bytes over all connections [X5]', async () => {
    const { env, tracker, socket, announceWhenOpen } = setUp()
    announceWhenOpen()
    socket.start()
    await env.advance(100)
    tracker.stop()
    tracker.start()
    await env.advance(2_000)
    expect(socket.traffic).toMatchObject({ framesIn: 2, framesOut: 2, reconnects: 1 })
    expect(socket.traffic.bytesIn).toBeGreaterThan(100)
    await socket.close()
    expect(socket.state).toBe('closed')
  })
})
