import { describe, expect, test } from 'vitest'
import { Pulse } from '../../../src/channel/pulse.js'
import type { Env } from '../../../src/core/env.js'
import type { SwarmlinkError } from '../../../src/core/errors.js'
import { forgedPair, messagePair, outcome, pattern } from '../../support/message-pair.js'
import { VirtualEnv } from '../../support/virtual-env.js'

describe('E4 the pulse of a connection', () => {
  test('E4 knows the round-trip time after the first one, and measures it when it is asked', async () => {
    const { env, net, here, there } = messagePair({ latency: 40 })
    await env.advance(1_000)
    expect([here.channel.sent, here.connection.roundTripTime]).toEqual([0, undefined]) // nobody has used it
    for (const { connection } of [here, there]) connection.send('the first message takes a ping along')
    await env.advance(200)
    expect([here.connection.roundTripTime, there.connection.roundTripTime]).toEqual([80, 80])
    net.latency = 100
    const measured = outcome(here.connection.ping())
    await env.advance(199)
    expect(measured.settled).toBe(false)
    await env.advance(1)
    expect([measured.value, here.connection.roundTripTime]).toEqual([200, 200])
  })

  test('E4 many pings at once are answered by one word, a seventeenth is refused', async () => {
    const { env, here } = messagePair({ latency: 40 })
    await env.advance(200)
    const sent = here.channel.sent
    const pings = Array.from({ length: 17 }, () => outcome(here.connection.ping()))
    await env.advance(100)
    expect(pings.map(({ value, code }) => value ?? code)).toEqual([...Array(16).fill(80), 'ERR_QUEUE_FULL'])
    expect(here.channel.sent - sent).toBe(1)
  })

  test('E4 a ping that nobody answers ends after half a minute, one whose connection closes at once', async () => {
    const { env, here, forger } = forgedPair()
    const first = outcome(here.connection.ping())
    await env.advance(29_999)
    const second = outcome(here.connection.ping())
    expect(first.settled).toBe(false)
    await env.advance(1)
    expect(first.code).toBe('ERR_REQUEST_TIMEOUT')
    void here.connection.close()
    await env.advance(0)
    expect(second.code).toBe('ERR_CLOSED')
    forger.say(writer => writer.word('bye', 1)) // as every end does that hears one
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('E4 asks for a sign of life after 30 s of silence, which is all that an idle connection costs', async () => {
    const { env, here, there } = messagePair()
    await env.advance(1_000)
    const sent = here.channel.sent + there.channel.sent
    await env.advance(3_600_000)
    const words = here.channel.sent + there.channel.sent - sent
    expect(words).toBeGreaterThan(60)
    expect(words).toBeLessThan(4 * 120 + 8)
    expect([here.closed, there.closed]).toEqual([[], []])
  })

  test('E4 nobody is believed to be there after 90 s of silence, and before two minutes are over', async () => {
    const { env, here, forger } = forgedPair()
    forger.say(writer => writer.word('pong', 0))
    await env.advance(89_999)
    expect(here.closed).toEqual([])
    expect(forger.told('ping').length).toBeGreaterThanOrEqual(1)
    await env.advance(30_001)
    await env.advance(100) // until the forger knows
    expect([here.closed, forger.channel.state, env.pendingTimers]).toEqual([['ERR_UNRESPONSIVE'], 'closed', 0])
  })

  test('E4 whoever says anything at all lives, whether it answers pings or not', async () => {
    const { env, here, forger } = forgedPair()
    for (let i = 0; i < 20; i++) {
      await env.advance(50_000)
      forger.say(writer => writer.word('end', 1))
    }
    expect(here.closed).toEqual([])
  })

  test('E4 nobody is asked while there is something to hear', async () => {
    const { env, here, there } = messagePair()
    there.listen()
    here.listen()
    await env.advance(1_000)
    const sent = there.channel.sent
    for (let i = 0; i < 40; i++) {
      here.connection.send(pattern(100))
      await env.advance(10_000)
    }
    expect(there.channel.sent - sent).toBeLessThanOrEqual(14) // it hears only us, and we ask it every half minute
  })

  test('E4 a process that slept for an hour does not take its own absence for that of the peer', async () => {
    const clock = new VirtualEnv()
    let slept = 0
    const env: Env = {
      now: () => clock.now() + slept,
      random: () => clock.random(),
      randomBytes: length => clock.randomBytes(length),
      timer: (ms, callback) => clock.timer(ms, callback),
      dial: clock.dial,
    }
    const deaths: SwarmlinkError[] = []
    const pulse = new Pulse({ env, ping: () => {}, tick: () => {}, dead: error => deaths.push(error) })
    pulse.start()
    await clock.advance(29_000)
    slept = 3_600_000
    await clock.advance(1_000) // timers are called before what waits to be read
    expect(deaths).toEqual([])
    pulse.heard()
    await clock.advance(60_000)
    expect(deaths).toEqual([])
    await clock.advance(60_000)
    expect(deaths.map(({ code }) => code)).toEqual(['ERR_UNRESPONSIVE'])
  })
})

describe('E4 progress', () => {
  test.each([30_000, 1_000_000, 64 * 1024 * 1024])(
    'E4 of %d bytes is told on both sides: rising, rarely, and at the end',
    async size => {
      const { env, here, there } = messagePair({ maxMessageSize: size, bandwidth: 50_000 })
      await env.advance(100)
      const heard = there.listen()
      const message = pattern(size)
      here.connection.send(message)
      await env.until(() => heard.length === 1)
      for (const [{ progress }, direction, said] of [
        [here, 'sending', message],
        [there, 'receiving', undefined],
      ] as const) {
        const bytes = progress.map(each => each.bytes)
        expect(bytes).toEqual(bytes.toSorted((a, b) => a - b))
        expect(new Set(bytes).size).toBe(bytes.length)
        expect(bytes.at(-1)).toBe(size)
        expect(bytes.length).toBeLessThanOrEqual(101)
        expect(bytes.length).toBeGreaterThanOrEqual(Math.min(50, Math.ceil(size / 500_000)))
        expect(new Set(progress.map(each => each.direction))).toEqual(new Set([direction]))
        expect(progress.every(each => each.total === size && each.message === said)).toBe(true)
      }
    },
  )

  test('E4 of several messages is told apart, by id and by what was sent', async () => {
    const { env, here, there } = messagePair({ bandwidth: 50_000 })
    const heard = there.listen()
    const messages = [pattern(500_000, 1), 'x'.repeat(600_000), { list: 'y'.repeat(700_000) }]
    for (const message of messages) here.connection.send(message)
    await env.until(() => heard.length === 3)
    for (const { progress } of [here, there]) expect(new Set(progress.map(({ id }) => id)).size).toBe(3)
    expect(there.progress.length).toBeGreaterThan(15)
    for (const message of messages) {
      const told = here.progress.filter(each => each.message === message)
      expect(told.at(-1)?.bytes).toBe(told.at(-1)?.total)
    }
  })

  test('E4 of a stream is told with what was said about it, whether its length is known or not', async () => {
    const { env, here, there } = messagePair()
    there.connection.on('stream', stream => void stream.readable.pipeTo(new WritableStream()))
    const pieces = Array.from({ length: 20 }, () => pattern(50_000))
    const sent = [
      outcome(here.connection.stream(pieces, { meta: 'unknown' })),
      outcome(here.connection.stream(pieces, { meta: 'known', size: 1_000_000 })),
    ]
    await env.until(() => sent.every(({ settled }) => settled))
    for (const { progress } of [here, there])
      for (const [meta, total] of [
        ['unknown', undefined],
        ['known', 1_000_000],
      ] as const) {
        const told = progress.filter(({ message }) => message === meta)
        expect(told.length).toBeGreaterThan(5)
        expect(told.at(-1)?.bytes).toBeGreaterThan(900_000)
        expect(new Set(told.map(each => each.total))).toEqual(new Set([total]))
      }
  })
})
