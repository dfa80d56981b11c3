import { describe, expect, test } from 'vitest'
import { KeepAlive } from '../../../../src/channel/messages/keep-alive.js'
import type { Env } from '../../../../src/core/env.js'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import { forgedPair, messagePair, outcome, pattern } from '../../../support/fakes/message-pair.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

describe('KeepAlive [E4]', () => {
  test('measures the round-trip time with the first message, and on ping() [E4]', async () => {
    const { env, net, here, there } = messagePair({ latency: 40 })
    await env.advance(1_000)
    expect([here.channel.sent, here.connection.roundTripTime]).toEqual([0, undefined]) // unused
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

  test('answers many pings at once with one pong, and refuses a 17th [E4]', async () => {
    const { env, here } = messagePair({ latency: 40 })
    await env.advance(200)
    const sent = here.channel.sent
    const pings = Array.from({ length: 17 }, () => outcome(here.connection.ping()))
    await env.advance(100)
    expect(pings.map(({ value, code }) => value ?? code)).toEqual([...Array(16).fill(80), 'ERR_QUEUE_FULL'])
    expect(here.channel.sent - sent).toBe(1)
  })

  test('rejects a ping without an answer after 30 s, and at once if the connection closes [E4]', async () => {
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
    forger.say(writer => writer.word('bye', 1)) // an acknowledged bye, as from each end
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('pings after 30 s of silence, the only traffic of an idle connection [E4]', async () => {
    const { env, here, there } = messagePair()
    await env.advance(1_000)
    const sent = here.channel.sent + there.channel.sent
    await env.advance(3_600_000)
    const words = here.channel.sent + there.channel.sent - sent
    expect(words).toBeGreaterThan(60)
    expect(words).toBeLessThan(4 * 120 + 8)
    expect([here.closed, there.closed]).toEqual([[], []])
  })

  test('ends the connection after 90 to 120 s of silence [E4]', async () => {
    const { env, here, forger } = forgedPair()
    forger.say(writer => writer.word('pong', 0))
    await env.advance(89_999)
    expect(here.closed).toEqual([])
    expect(forger.told('ping').length).toBeGreaterThanOrEqual(1)
    await env.advance(30_001)
    await env.advance(100) // until the forger knows of the close
    expect([here.closed, forger.channel.state, env.pendingTimers]).toEqual([['ERR_UNRESPONSIVE'], 'closed', 0])
  })

  test('keeps a connection whose peer sends anything, even without pongs [E4]', async () => {
    const { env, here, forger } = forgedPair()
    for (let i = 0; i < 20; i++) {
      await env.advance(50_000)
      forger.say(writer => writer.word('end', 1))
    }
    expect(here.closed).toEqual([])
  })

  test('sends no ping while packets arrive [E4]', async () => {
    const { env, here, there } = messagePair()
    there.listen()
    here.listen()
    await env.advance(1_000)
    const sent = there.channel.sent
    for (let i = 0; i < 40; i++) {
      here.connection.send(pattern(100))
      await env.advance(10_000)
    }
    expect(there.channel.sent - sent).toBeLessThanOrEqual(14) // it receives only our packets, and we ping it every 30 s
  })

  test('does not end the connection after this process slept for an hour [E4]', async () => {
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
    const pulse = new KeepAlive({ env, ping: () => {}, tick: () => {}, dead: error => deaths.push(error) })
    pulse.start()
    await clock.advance(29_000)
    slept = 3_600_000
    await clock.advance(1_000) // timers run before waiting packets are read
    expect(deaths).toEqual([])
    pulse.heard()
    await clock.advance(60_000)
    expect(deaths).toEqual([])
    await clock.advance(60_000)
    expect(deaths.map(({ code }) => code)).toEqual(['ERR_UNRESPONSIVE'])
  })
})

describe('progress [E4]', () => {
  test.each([30_000, 1_000_000, 64 * 1024 * 1024])(
    'of %d bytes is emitted on both sides: rising, throttled, and at the end [E4]',
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

  test('of several messages has the id and the value of each [E4]', async () => {
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

  test('of a stream has its meta, with known or unknown length [E4]', async () => {
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
