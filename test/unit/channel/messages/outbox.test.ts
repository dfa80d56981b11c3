import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Inbox } from '../../../../src/channel/messages/inbox.js'
import { DEFAULT_LIMITS } from '../../../../src/channel/messages/message-size.js'
import type { IncomingStream } from '../../../../src/channel/messages/messenger.js'
import { MESSAGE_WINDOW, PLAIN_WINDOW, Outbox } from '../../../../src/channel/messages/outbox.js'
import { StreamTransfer } from '../../../../src/channel/messages/transfer.js'
import { decode, type MessageFrame, type Purpose } from '../../../../src/channel/messages/frame-codec.js'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import { gist, messagePair, outcome, pattern, type End, type MessagePair } from '../../../support/fakes/message-pair.js'

const MIB = 1024 * 1024
/** The limit for unread bytes of a peer. */
const MOST_UNREAD = 4 * MIB

/** A connected pair; `there` has no `data` listener. */
async function connected(options = {}): Promise<MessagePair & { arrived: () => number }> {
  const pair = messagePair(options)
  await pair.env.advance(1_000)
  let bytes = 0
  // Counted before the messenger, which releases packets after reading them.
  const { channel } = pair.there
  const receive = channel.receive.bind(channel)
  channel.receive = packet => {
    bytes += packet.length
    receive(packet)
  }
  return { ...pair, arrived: () => bytes }
}

function fill({ connection }: End, size: number, bytes: number): number {
  let count = 0
  for (let sent = 0; sent < bytes; sent += size, count++) connection.send(pattern(size, count))
  return count
}

describe('credit [E4]', () => {
  test.each([
    { what: 'small messages', size: 10_000, count: 800, least: 0.9 * PLAIN_WINDOW, full: true },
    { what: 'empty messages', size: 0, count: 60_000, least: 190_000, full: false },
    { what: 'large messages', size: 300_000, count: 28, least: 0.4 * MESSAGE_WINDOW, full: true },
  ])(
    'stops $what at the window of a receiver that does not read, and loses or repeats none [Law 6]',
    async ({ size, count, least, full }) => {
      const { env, here, there, arrived } = await connected()
      for (let i = 0; i < count; i++) here.connection.send(pattern(size, i))
      await env.advance(20_000)
      const stoppedAt = arrived()
      expect(stoppedAt).toBeLessThanOrEqual(PLAIN_WINDOW)
      expect(stoppedAt).toBeGreaterThan(least)
      expect(here.connection.send('last')).toBe(!full)
      await env.advance(60_000)
      expect(arrived()).toBeLessThanOrEqual(stoppedAt + 100) // pings
      const heard = there.listen()
      await env.until(() => heard.length > count)
      await env.advance(1_000)
      const said = [...Array.from({ length: count }, (_, i) => pattern(size, i)), 'last']
      expect(heard.map(gist).toSorted()).toEqual(said.map(gist).toSorted())
      expect([here.errors, there.errors, here.connection.bufferedAmount]).toEqual([[], [], 0])
    },
  )

  test('holds messages back after off(), and delivers one per once() [Law 6]', async () => {
    const { env, here, there } = await connected()
    const heard: unknown[] = []
    const listener = (message: unknown) => void heard.push(message)
    there.connection.once('data', listener)
    for (let i = 0; i < 10; i++) here.connection.send(i)
    await env.advance(100)
    expect(heard).toEqual([0])
    there.connection.once('data', listener)
    await env.advance(0)
    expect(heard).toEqual([0, 1])
    there.connection.on('data', listener)
    await env.advance(0)
    expect(heard).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    there.connection.off('data', listener)
    fill(here, 10_000, 8 * MIB)
    await env.advance(10_000)
    expect([heard.length, here.connection.send(0)]).toEqual([10, false])
  })

  test('delivers all messages, also large ones, to a loop with once() [Law 6]', async () => {
    const { env, here, there } = await connected()
    const sent = Array.from({ length: 40 }, (_, i) => pattern(i % 3 === 0 ? 500_000 : 5_000, i))
    for (const message of sent) here.connection.send(message)
    const heard: string[] = []
    const loop = async () => {
      while (heard.length < sent.length)
        heard.push(await new Promise<string>(resolve => there.connection.once('data', message => resolve(gist(message)))))
    }
    const looped = outcome(loop())
    await env.until(() => looped.settled)
    expect(heard.toSorted()).toEqual(sent.map(gist).toSorted())
  })

  test('keeps a large message for an hour without a listener [Law 6]', async () => {
    const { env, here, there } = await connected({ bandwidth: 1_000, latency: 100 })
    here.connection.send(pattern(4 * MIB))
    await env.advance(3_600_000 - 50 - env.now()) // messages without progress are dropped every 30 s
    const heard = there.listen()
    await env.until(() => heard.length === 1)
    expect([there.errors, here.errors]).toEqual([[], []])
  })

  test('limits the memory of a receiver that reads nothing to 4 MiB [Law 6]', async () => {
    const { env, here, there, arrived } = await connected()
    const streams = there.streams()
    fill(here, 10_000, 8 * MIB)
    for (let i = 0; i < 6; i++) void here.connection.stream([pattern(8 * MIB)]).catch(() => {})
    fill(here, MIB, 8 * MIB)
    await env.advance(60_000)
    expect(arrived()).toBeLessThanOrEqual(MOST_UNREAD)
    expect(arrived()).toBeGreaterThan(0.9 * MOST_UNREAD)
    expect(streams.length).toBe(4)
  })

  test('limits the sent and unread bytes of any correct sender to 4 MiB [Law 6]', async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('push' as const),
        size: fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 600_000 })),
        exchange: fc.boolean(),
      }),
      fc.record({ do: fc.constant('stream' as const), size: fc.nat({ max: 2 * MIB }) }),
      fc.record({ do: fc.constant('leave' as const), packets: fc.nat({ max: 60 }) }),
      fc.record({ do: fc.constant('arrive' as const), packets: fc.nat({ max: 60 }) }),
      fc.record({ do: fc.constant('listen' as const), on: fc.boolean() }),
      fc.record({ do: fc.constant('abort' as const), which: fc.nat({ max: 20 }) }),
      fc.record({ do: fc.constant('read' as const), which: fc.nat({ max: 5 }) }),
    )
    let most = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 60, maxLength: 120 }), async steps => {
        const line = new Line()
        for (const each of steps) {
          if (each.do === 'push')
            for (let i = 0; i < (each.size < 2_000 ? 100 : 2); i++) line.push(each.size, each.exchange ? 'request' : 'plain')
          else if (each.do === 'stream') line.stream(each.size)
          else if (each.do === 'leave') line.leave(each.packets)
          else if (each.do === 'arrive') line.arrive(each.packets)
          else if (each.do === 'listen') line.listen(each.on)
          else if (each.do === 'abort') line.abort(each.which)
          else await line.read(each.which)
          await new Promise(resolve => setImmediate(resolve)) // pending reads have settled now
          most = Math.max(most, line.unread)
          expect(line.unread).toBeLessThanOrEqual(MOST_UNREAD)
        }
        line.listen(true)
        for (let rest = 0; rest < 200 && (line.outbox.bufferedAmount > 0 || line.onTheWay > 0); rest++) {
          line.leave(1_000)
          line.arrive(1_000)
          for (let i = 0; i < line.streams; i++) await line.read(i)
        }
        expect([line.outbox.bufferedAmount, line.faults]).toEqual([0, []])
        expect(line.got).toBe(line.pushed)
      }),
      { numRuns: 12, endOnFailure: true },
    )
    expect(most).toBeGreaterThan(MESSAGE_WINDOW)
  }, 30_000)
})

/** An outbox, a network that delays packets arbitrarily, and an inbox. */
class Line {
  readonly outbox = new Outbox()
  readonly faults: string[] = []
  pushed = 0
  got = 0
  #listens = false
  #held = 0
  #unreadOfStreams = 0
  readonly #line: Uint8Array[] = []
  readonly #large: Array<NonNullable<ReturnType<Outbox['push']>>> = []
  readonly #streams: Reading[] = []
  readonly #plain = new Set<number>()
  readonly #inbox = new Inbox(DEFAULT_LIMITS, {
    now: () => 0,
    awaits: () => true,
    wantsMessages: () => this.#listens,
    wantsStreams: () => true,
    message: () => void this.got++,
    stream: stream => void this.#streams.push(new Reading(stream, bytes => (this.#unreadOfStreams -= bytes))),
    progress: () => {},
    credit: (id, taken) => {
      if (!this.outbox.credited(id, taken)) this.faults.push('credit')
    },
    stop: (id, verdict) => {
      const stopped = this.outbox.stopped(id)
      if (verdict !== 'done') this.faults.push(verdict)
      else if (stopped instanceof StreamTransfer) stopped.done()
    },
    fault: ({ message }) => this.faults.push(message),
    lost: () => void this.faults.push('lost'),
    givenUp: () => new SwarmlinkError('ERR_ABORTED', 'given up'),
  })

  constructor() {
    this.outbox.limit(DEFAULT_LIMITS)
  }

  get streams(): number {
    return this.#streams.length
  }

  get onTheWay(): number {
    return this.#line.length
  }

  /** Bytes that left the sender and that no application has read. */
  get unread(): number {
    return this.#line.reduce((sum, packet) => sum + packet.byteLength, this.#held + this.#unreadOfStreams)
  }

  push(size: number, purpose: Purpose): void {
    const large = this.outbox.push({ form: 'bytes', purpose, exchange: 1 }, new Uint8Array(size), null)
    this.pushed++
    if (large !== undefined) this.#large.push(large)
  }

  stream(size: number): void {
    const stream = this.outbox.stream(undefined, undefined)
    stream.write(new Uint8Array(size))
    stream.end()
  }

  abort(which: number): void {
    const [large] = this.#large.splice(which, 1)
    if (large === undefined || large.complete) return
    this.outbox.abort(large)
    this.pushed--
  }

  leave(packets: number): void {
    for (let i = 0; i < packets; i++) {
      const packet = this.outbox.next()
      if (packet === undefined) break
      this.#line.push(packet.slice())
    }
  }

  arrive(packets: number): void {
    for (const packet of this.#line.splice(0, packets))
      for (const received of decode(packet)) {
        this.#count(received.frame)
        this.#inbox.receive(received)
      }
  }

  /** The buffer of an accepted message counts towards `maxMessageSize`, not here. */
  #count(frame: MessageFrame): void {
    if (frame.type === 'begin' && frame.head.purpose === 'plain') this.#plain.add(frame.id)
    if (frame.type === 'chunk') this.#unreadOfStreams += frame.payload.byteLength
    const held = frame.type === 'part' ? this.#plain.has(frame.id) : frame.type === 'message' && frame.head.purpose === 'plain'
    if (held && !this.#listens && 'payload' in frame) this.#held += frame.payload.byteLength
  }

  listen(on: boolean): void {
    this.#listens = on
    this.#inbox.resume()
    if (on) this.#held = 0
  }

  async read(which: number): Promise<void> {
    await this.#streams[which]?.read()
  }
}

/** Reads a stream, one read at a time. */
class Reading {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #got: (bytes: number) => void
  #asked = false

  constructor({ readable }: IncomingStream, got: (bytes: number) => void) {
    this.#reader = readable.getReader()
    this.#got = got
  }

  /** Resolves when all bytes that have arrived are read. */
  async read(): Promise<void> {
    if (!this.#asked) {
      this.#asked = true
      void this.#reader.read().then(({ value }) => {
        this.#asked = false
        this.#got(value?.byteLength ?? 0)
      })
    }
    await new Promise(resolve => setImmediate(resolve))
  }
}
