import v8 from 'node:v8'
import vm from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '../../src/channel/messages/message-size.js'
import { MESSAGE_WINDOW } from '../../src/channel/messages/outbox.js'
import { STREAM_WINDOW } from '../../src/channel/messages/transfer.js'
import type { PacketWriter } from '../../src/channel/messages/packet-writer.js'
import { MAX_PART, PART_HEAD, FRAME_COST, type Head } from '../../src/channel/messages/frame-codec.js'
import { forgedPair, gist, messagePair, outcome, pattern, type Forger } from '../support/fakes/message-pair.js'

const KIB = 1024
const MIB = 1024 * KIB
const MANY = 100_000
const plain: Head = { form: 'bytes', purpose: 'plain', exchange: 0 }
const text: Head = { form: 'json', purpose: 'plain', exchange: 0 }
const byte = new Uint8Array(1)

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void // exposed by the flag in contexts created after it

/** Bytes still referenced after garbage collection. */
function inUse(): number {
  collect()
  collect() // the first one frees buffers on another thread, which the second one waits for
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Each kind of invalid traffic, and whether its frames count as faults: too many faults end the connection. */
const NONSENSE: Array<[string, (writer: PacketWriter, i: number) => boolean, 'fault' | 'harmless']> = [
  ['claims of 4 GB', (writer, i) => writer.begin(i, plain, 2 ** 32 - 1), 'fault'],
  ['messages that begin and never continue', (writer, i) => writer.begin(i, plain, 16 * MIB), 'fault'],
  ['messages that begin twice', writer => writer.begin(1, plain, 100), 'fault'],
  ['parts of no message', (writer, i) => writer.part(i, byte), 'harmless'],
  ['parts behind the end', (writer, i) => writer.begin(i, plain, 1) && writer.part(i, byte), 'harmless'],
  ['parts that are too long', (writer, i) => writer.begin(i, plain, 1) && writer.part(i, new Uint8Array(2)), 'fault'],
  ['aborts of no message', (writer, i) => writer.word('abort', i), 'harmless'],
  [
    'messages that are begun and aborted',
    (writer, i) => writer.begin(i, plain, MIB) && writer.part(i, byte) && writer.word('abort', i),
    'harmless',
  ],
  ['stops of unsent messages', (writer, i) => writer.stop(i + 1, 'cancelled'), 'fault'],
  ['credit for unsent messages', (writer, i) => writer.credit(0, i + 1_000_000_000), 'fault'],
  ['credit for unknown streams', (writer, i) => writer.credit(i + 1, 1), 'fault'],
  ['cancels of no stream', (writer, i) => writer.word('cancel', i), 'harmless'],
  ['pings', (writer, i) => writer.word('ping', i), 'harmless'],
  ['pongs without a ping', (writer, i) => writer.word('pong', i), 'harmless'],
  ['ends of no stream', (writer, i) => writer.word('end', i), 'harmless'],
  ['empty messages', writer => writer.message(plain, new Uint8Array(0)), 'harmless'],
  ['texts that are not JSON', writer => writer.message(text, '{'), 'fault'],
  ['texts that are not UTF-8', writer => writer.message(text, Uint8Array.of(0xff, 0xfe)), 'fault'],
  ['streams without a listener', (writer, i) => writer.stream(i, undefined, byte.subarray(1)), 'harmless'],
  ['chunks of no stream', (writer, i) => writer.chunk(i, byte), 'harmless'],
  [
    'replies without a request',
    (writer, i) => writer.message({ form: 'bytes', purpose: 'reply', exchange: i }, byte),
    'harmless',
  ],
  [
    'new greetings',
    (writer, i) => writer.hello(i % 2 === 0 ? { maxMessageSize: 0, maxJsonSize: 0 } : DEFAULT_LIMITS),
    'harmless',
  ],
]

describe('hostile messages', () => {
  test.each(NONSENSE)('cost nothing that lasts: 100 000 %s [E4] [Law 6]', async (_, write, kind) => {
    const { env, here, forger } = forgedPair({ latency: 1 })
    here.connection.on('data', () => {})
    await env.advance(10)
    forger.flood(MANY, write)
    await env.advance(2_000)
    expect(here.closed).toEqual(kind === 'fault' ? [expect.stringMatching(/^ERR_(BAD_FRAME|MESSAGE_TOO_LARGE)$/)] : [])
    expect(here.errors.length).toBe(kind === 'fault' ? 101 : 0)
    expect(here.connection.bufferedAmount).toBe(0)
    expect(forger.received).toBeLessThan(512 * KIB) // the replies are smaller than the flood
    if (kind === 'fault') {
      expect(env.pendingTimers).toBe(0)
      return
    }
    const heard: unknown[] = []
    here.connection.on('data', message => heard.push(message))
    forger.say(writer => writer.message(text, '"still there"') && writer.hello({ maxMessageSize: 1_000, maxJsonSize: 1_000 }))
    await env.advance(10)
    expect(heard).toEqual(['still there'])
  })

  test('cost nothing that lasts: 20 000 streams that are begun and aborted [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair({ latency: 1 })
    let streams = 0
    here.connection.on('stream', () => void streams++)
    forger.flood(
      20_000,
      (writer, i) => writer.stream(i, undefined, byte.subarray(1)) && writer.chunk(i, byte) && writer.word('abort', i),
    )
    await env.advance(100)
    expect([streams, here.errors, here.closed]).toEqual([20_000, [], []])
  })

  test('leave memory flat [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair({ latency: 1 })
    here.connection.on('data', () => {})
    here.connection.respond(message => message)
    const flood = async (write: (typeof NONSENSE)[number][1], times = MANY) => {
      forger.flood(times, write)
      await env.advance(1_000)
      forger.say(writer => writer.hello(DEFAULT_LIMITS))
      await env.advance(1_000)
      forger.frames.length = here.progress.length = 0 // the test's own records
      return inUse()
    }
    const harmless = NONSENSE.filter(([, , kind]) => kind === 'harmless')
    for (const [, write] of harmless) await flood(write, MANY / 20) // one-time allocations
    const before = inUse()
    for (const [what, write] of harmless) expect([what, (await flood(write)) - before < 2 * MIB]).toEqual([what, true])
    expect(here.closed).toEqual([])
  })

  test('are skipped when they are 100 000 frames of a later version [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const heard = here.listen()
    const unknown = new Uint8Array(60_000)
    for (let i = 0; i < unknown.length; i += 3) unknown.set([200, 0, 0], i)
    for (let i = 0; i < 5; i++) forger.channel.send(unknown)
    forger.say(writer => writer.message(text, '"still there"'))
    await env.advance(100)
    expect([heard, here.errors, here.closed]).toEqual([['still there'], [], []])
  })

  test('end the connection after the first hundred malformed frames of a packet [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const malformed = new Uint8Array(261_000) // empty hellos
    for (let i = 0; i < malformed.length; i += 3) malformed.set([1, 0, 0], i)
    forger.channel.send(malformed)
    await env.advance(100)
    expect([here.errors.length, here.closed]).toEqual([101, ['ERR_BAD_FRAME']])
  })

  test.each<[string, (forger: Forger) => void]>([
    ['a text among the packets', forger => forger.channel.send('{"hello":"world"}')],
    ['a frame that is cut short', forger => forger.channel.send(Uint8Array.of(2, 0, 9, 1))],
    ['random bytes', forger => forger.channel.send(new Uint8Array(1_000).fill(0xfe))],
  ])('end the connection with %s, because nothing after it can be trusted [E4] [Law 6]', async (_, act) => {
    const { env, here, forger } = forgedPair()
    const waiting = outcome(here.connection.request('?'))
    act(forger)
    await env.advance(100)
    expect([here.closed, waiting.code, forger.channel.state]).toEqual([['ERR_BAD_FRAME'], 'ERR_BAD_FRAME', 'closed'])
    expect(env.pendingTimers).toBe(0)
  })

  test('neither throw nor leave anything behind, whatever the bytes [E4] [Law 6]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), fc.boolean(), async (packets, listens) => {
        const { env, here, forger } = forgedPair()
        if (listens) {
          here.listen()
          here.streams()
          here.connection.respond(() => 1)
        }
        for (const packet of packets) if (forger.channel.state === 'open') forger.channel.send(packet)
        await env.advance(100)
        const closing = here.connection.close()
        await env.advance(5_000)
        await closing
        expect([here.closed.length, env.pendingTimers, here.connection.bufferedAmount]).toEqual([1, 0, 0])
      }),
    )
  })

  test('end the connection when they exceed the credit, even empty ones [E4] [Law 6]', async () => {
    for (const write of [
      (writer: PacketWriter) => writer.message(plain, new Uint8Array(1_000)),
      (writer: PacketWriter) => writer.message(plain, new Uint8Array(0)),
    ]) {
      const { env, here, forger } = forgedPair()
      forger.flood(MANY, write)
      await env.advance(1_000)
      expect([here.closed, here.errors]).toEqual([['ERR_BAD_FRAME'], ['ERR_BAD_FRAME']])
    }
    const { env, here, forger } = forgedPair()
    forger.say(writer => writer.begin(1, plain, 16 * MIB))
    forger.flood(200, writer => writer.part(1, new Uint8Array(MAX_PART)))
    await env.advance(1_000)
    expect(here.closed).toEqual(['ERR_BAD_FRAME'])
  })

  test('may fill the credit to the last byte, and not one byte more [E4] [Law 6]', async () => {
    const cost = FRAME_COST + PART_HEAD + 1 + 8_000
    const fits = Math.floor(MESSAGE_WINDOW / cost)
    const { env, here, forger } = forgedPair()
    forger.flood(fits, writer => writer.message(plain, new Uint8Array(8_000)))
    await env.advance(1_000)
    expect(here.closed).toEqual([])
    forger.say(writer => writer.message(plain, new Uint8Array(8_000)))
    await env.advance(100)
    expect(here.closed).toEqual(['ERR_BAD_FRAME'])
  })

  test('end the connection when a stream exceeds its window [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    here.streams()
    forger.say(writer => writer.stream(1, undefined, byte.subarray(1)))
    forger.flood(Math.floor(STREAM_WINDOW / 8_000), writer => writer.chunk(1, new Uint8Array(8_000 - FRAME_COST)))
    await env.advance(100)
    expect(here.closed).toEqual([])
    forger.say(writer => writer.chunk(1, new Uint8Array(8_000)))
    await env.advance(100)
    expect(here.closed).toEqual(['ERR_BAD_FRAME'])
  })

  test('stop a stream that begins twice, exceeds the limit, has the wrong length or is not JSON [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const streams = here.streams()
    const nothing = byte.subarray(1)
    forger.say(writer => {
      for (let id = 1; id <= 5; id++) writer.stream(id, id === 1 ? 2 : undefined, nothing)
      writer.stream(2, undefined, nothing)
      writer.chunk(1, new Uint8Array(3))
      writer.word('abort', 2)
      writer.stream(6, 9, nothing)
      writer.word('end', 6)
      writer.stream(7, undefined, Uint8Array.of(0x7b))
      writer.stream(8, undefined, Uint8Array.of(0xff))
    })
    const read = streams.map(({ readable }) => outcome(readable.getReader().read()))
    await env.advance(100)
    read.push(...streams.map(({ readable }) => outcome(readable.getReader().read())))
    await env.advance(100)
    expect(here.errors).toEqual(Array(6).fill('ERR_BAD_FRAME'))
    expect(read.map(({ code }) => code)).toEqual(['ERR_BAD_FRAME', 'ERR_ABORTED', undefined, undefined, 'ERR_BAD_FRAME'])
    expect(forger.told('stop').map(({ id, verdict }) => [id, verdict])).toEqual([
      [5, 'busy'],
      [1, 'cancelled'],
      [6, 'cancelled'],
      [7, 'cancelled'],
    ])
    expect(here.closed).toEqual([])
  })

  test('are dropped when they stall for a minute, and the sender is told [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const heard = here.listen()
    forger.say(writer => {
      writer.begin(1, plain, 16 * MIB)
      writer.part(1, new Uint8Array(10))
    })
    for (let i = 0; i < 13; i++) {
      forger.say(writer => writer.word('pong', 0))
      await env.advance(10_000)
    }
    expect([here.errors, forger.told('stop')]).toEqual([['ERR_BAD_FRAME'], [{ type: 'stop', id: 1, verdict: 'idle' }]])
    forger.say(writer => {
      writer.part(1, new Uint8Array(10))
      writer.begin(2, plain, 2)
      writer.part(2, new Uint8Array(2))
    })
    await env.advance(100)
    expect([heard.length, here.errors.length]).toEqual([1, 1])
  })

  test('cause one error per message when a remote refuses it again and again [E4] [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    here.connection.send(pattern(50_000))
    here.connection.send(pattern(3 * MIB))
    await env.advance(100)
    forger.flood(MANY, writer => writer.stop(1, 'cancelled') && writer.stop(2, 'busy'))
    await env.advance(1_000)
    expect([here.errors, here.closed]).toEqual([['ERR_REFUSED', 'ERR_REFUSED'], []])
    expect(here.connection.bufferedAmount).toBe(0)
  })

  test("above the receiver's limit are an error with a code at both sides, and others continue [E4] [Law 6]", async () => {
    const { env, here, there } = messagePair({ thereMax: 100_000, latency: 50 })
    const heard = there.listen()
    here.connection.send(pattern(200_000)) // the peer's limits are still unknown
    here.connection.send(pattern(100_000))
    await env.advance(1_000)
    expect([here.errors, there.errors]).toEqual([['ERR_MESSAGE_TOO_LARGE'], ['ERR_MESSAGE_TOO_LARGE']])
    expect(() => here.connection.send(pattern(100_001))).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    expect(heard.map(gist)).toEqual([gist(pattern(100_000))])
  })

  test('of one hostile peer cost the others nothing [E4] [Law 6]', async () => {
    const { env, here, there } = messagePair()
    const heard = there.listen()
    const { env: elsewhere, here: victim, forger } = forgedPair()
    for (let i = 0; i < 50; i++) {
      here.connection.send(i)
      if (forger.channel.state === 'open') forger.flood(10, (writer, n) => writer.begin(i * 10 + n, plain, 2 ** 31))
      await elsewhere.advance(20)
      await env.advance(20)
    }
    expect(victim.closed).toEqual(['ERR_MESSAGE_TOO_LARGE'])
    expect([heard.length, there.errors, there.closed]).toEqual([50, [], []])
  })
})
