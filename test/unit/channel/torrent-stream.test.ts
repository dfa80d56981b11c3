import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { TorrentStream } from '../../../src/channel/torrent-stream.js'
import { concatBytes, toHex } from '../../../src/core/bytes.js'
import { HIGH_WATER, MAX_MESSAGE_SIZE } from '../../../src/engine/engine.js'
import { channelPair, FakeNet, type FakeNetOptions } from '../../support/fakes/fake-engine.js'
import { pattern } from '../../support/bytes.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

function setUp(options: FakeNetOptions = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env, options)
  const channels = channelPair(net)
  const [a, b] = [new TorrentStream(channels[0], { env, id: 'a' }), new TorrentStream(channels[1], { env, id: 'b' })]
  const errors: string[] = []
  for (const stream of [a, b])
    stream.on('error', (error: Error) => errors.push((error as { code?: string }).code ?? error.message))
  return { env, net, channels, a, b, errors }
}

function collect(stream: TorrentStream): Uint8Array[] {
  const chunks: Uint8Array[] = []
  stream.on('data', chunk => chunks.push(chunk as Uint8Array))
  return chunks
}

/** Faster than comparing half a million numbers one by one, which takes 1 s. */
const same = (a: Uint8Array[], b: Uint8Array[]) => Buffer.concat(a).equals(Buffer.concat(b))

const bytes = (length: number, seed = 7) => pattern(length, seed)

describe('TorrentStream [D6]', () => {
  test('carries the same bytes for any sizes of the chunks [D6]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(200_000), { maxLength: 8 }), async sizes => {
        const { env, a, b, errors } = setUp()
        const chunks = collect(b)
        const sent = sizes.map((size, i) => bytes(size, i))
        for (const chunk of sent) a.write(chunk)
        await env.advance(1_000)
        expect(same(chunks, sent)).toBe(true)
        expect(errors).toEqual([])
      }),
      { numRuns: 40 },
    )
  })

  test('joins small writes and splits large ones', async () => {
    const { env, a, b, channels } = setUp()
    const chunks = collect(b)
    for (let i = 0; i < 1_000; i++) a.write(bytes(17, i))
    a.write(bytes(1_000_000))
    await env.advance(1_000)
    expect(concatBytes(...chunks).length).toBe(1_017_000)
    expect(channels[0].sent).toBeLessThan(25)
    expect(Math.max(...chunks.map(chunk => chunk.length))).toBeLessThanOrEqual(MAX_MESSAGE_SIZE)
  })

  test('sends messages of 1 KiB at least, however little the remote says that it takes [Law 6]', async () => {
    const { env, channels } = setUp()
    const stream = new TorrentStream(channels[0], { env, id: 'least', maxMessageSize: 1 })
    stream.write(bytes(65_536))
    await env.advance(1_000)
    expect(channels[0].sent).toBe(64)
  })

  test('sends four blocks of WebTorrent as one message, and what the remote takes if that is less [D6]', async () => {
    const { env, a, channels } = setUp()
    const small = new TorrentStream(channels[1], { env, id: 'small', maxMessageSize: 65_536 })
    const sizes = channels.map(channel => {
      const sent = vi.spyOn(channel, 'send')
      return () => sent.mock.calls.map(([message]) => message.length)
    })
    for (const stream of [a, small])
      for (let block = 0; block < 4; block++) {
        stream.write(bytes(13))
        stream.write(bytes(16_384))
      }
    await env.advance(0)
    expect(sizes.map(read => read())).toEqual([[65_588], [65_536, 52]])
  })

  test('applies backpressure to the writer', async () => {
    const { env, a, b, channels } = setUp({ bandwidth: 100 })
    const chunks = collect(b)
    let written = 0
    let most = 0
    const pump = () => {
      while (written < 10_000_000) {
        written += 100_000
        if (!a.write(bytes(100_000))) return void a.once('drain', pump)
      }
    }
    pump()
    for (let i = 0; i < 200; i++) {
      most = Math.max(most, channels[0].bufferedAmount)
      await env.advance(1_000)
    }
    expect(most).toBeGreaterThan(HIGH_WATER / 2)
    expect(most).toBeLessThan(2 * HIGH_WATER)
    expect(concatBytes(...chunks).length).toBe(10_000_000)
  })

  test('keeps unread data until WebTorrent reads it', async () => {
    const { env, a, b } = setUp()
    for (let i = 0; i < 50; i++) a.write(bytes(10_000, i))
    await env.advance(1_000)
    const chunks = collect(b)
    await env.advance(1_000)
    expect(
      same(
        chunks,
        Array.from({ length: 50 }, (_, i) => bytes(10_000, i)),
      ),
    ).toBe(true)
  })

  test('closes the wire of a peer that sends without end while WebTorrent does not read [Law 6]', async () => {
    const { env, channels, b, errors } = setUp()
    const message = bytes(MAX_MESSAGE_SIZE)
    for (let i = 0; i < 300; i++) channels[0].send(message)
    await env.advance(1_000)
    expect(errors).toEqual(['ERR_QUEUE_FULL'])
    expect([b.destroyed, channels[1].state]).toEqual([true, 'closed'])
  })

  test('passes large messages without a copy [D6]', async () => {
    const { env, b, channels } = setUp()
    const chunks = collect(b)
    const message = bytes(16_384)
    channels[1].receive(message)
    await env.advance(0)
    expect(chunks[0]).toBe(message)
  })

  test('passes a few small messages at once, and joins many for 5 ms [D6]', async () => {
    const { env, b, channels } = setUp()
    const chunks = collect(b)
    for (let i = 0; i < 64; i++) {
      channels[1].receive(bytes(17, i))
      await env.advance(0)
    }
    expect(chunks.length).toBe(64)
    for (let i = 0; i < 1_000; i++) {
      for (let n = 0; n < 10; n++) channels[1].receive(bytes(17, i))
      await env.advance(1)
    }
    await env.advance(5)
    expect(chunks.length).toBeLessThan(64 + 202)
    expect(Buffer.concat(chunks).length).toBe(17 * 10_064)
    channels[1].receive(bytes(17))
    channels[1].receive(bytes(20_000)) // a large message flushes the small ones before it
    await env.advance(0)
    expect(Buffer.concat(chunks).length).toBe(17 * 10_065 + 20_000)
    expect(env.pendingTimers).toBeLessThanOrEqual(1)
  })

  test('joins messages of one byte while WebTorrent does not read [Law 6]', async () => {
    const { env, b, channels, errors } = setUp()
    b.pause()
    const sent = bytes(90_000)
    for (let i = 0; i < sent.length; i++) channels[1].receive(sent.slice(i, i + 1))
    await env.advance(1_000)
    const chunks = collect(b)
    b.resume()
    await env.advance(1_000)
    expect(same(chunks, [sent])).toBe(true)
    expect(chunks.length).toBeLessThan(300)
    expect(errors).toEqual([])
  })

  test('ignores empty messages [Law 6]', async () => {
    const { env, b, channels, errors } = setUp()
    const chunks = collect(b)
    for (let i = 0; i < 10_000; i++) channels[1].receive(new Uint8Array(0))
    channels[1].receive(bytes(3))
    await env.advance(100)
    expect([chunks, errors]).toEqual([[bytes(3)], []])
  })

  test('counts the overhead of unread messages [Law 6]', () => {
    const { b, channels } = setUp()
    b.pause()
    let payload = 0
    for (const [small, large] = [bytes(1), bytes(5_000)]; !b.destroying; payload += 5_001) {
      channels[1].receive(small)
      channels[1].receive(large)
    }
    expect(payload).toBeGreaterThan(40 * 1024 * 1024)
    expect(payload).toBeLessThan(60 * 1024 * 1024)
  })

  test.each<[string, () => string | Uint8Array]>([
    ['empty messages', () => new Uint8Array(0)],
    ['messages of one byte', () => new Uint8Array(1)],
    ['texts', () => 'x'],
  ])('closes a wire that exceeds the rate limit for %s [Law 6]', async (_, message) => {
    const { env, b, channels, errors } = setUp()
    collect(b)
    for (let i = 0; i < 100_000; i++) channels[1].receive(message())
    await env.advance(0)
    expect(errors).toEqual([])
    channels[1].receive(message())
    await env.advance(0)
    expect([errors, b.destroyed, channels[1].state]).toEqual([['ERR_BAD_FRAME'], true, 'closed'])
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('keeps a wire with twice the small messages of the fastest client [D6]', async () => {
    const { env, b, channels, errors } = setUp()
    let received = 0
    b.on('data', chunk => (received += (chunk as Uint8Array).byteLength))
    for (let second = 0; second < 12; second++) {
      for (let i = 0; i < 17_000; i++) channels[1].receive(bytes(17))
      await env.advance(1_000)
    }
    expect([errors, received]).toEqual([[], 12 * 17_000 * 17])
  })

  test('knows whether the remote peer or WebTorrent closed it [X1]', async () => {
    const { env, a, b, channels } = setUp()
    a.destroy()
    await env.advance(100)
    expect([a.destroyed, b.destroyed, a.closedByRemote, b.closedByRemote]).toEqual([true, true, false, true])
    const late = new TorrentStream(channels[1], { env, id: 'late' })
    expect([late.destroying, late.closedByRemote]).toEqual([true, true])
  })

  test('reads the handshake once, in chunks of any size', async () => {
    const id = bytes(20, 99)
    const handshake = concatBytes(bytes(48), id)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 67 }), { maxLength: 10 }), async cuts => {
        const { env, channels, b } = setUp()
        const points = [0, ...new Set(cuts.toSorted((x, y) => x - y)), 68]
        for (const [i, start] of points.slice(0, -1).entries()) channels[0].send(handshake.subarray(start, points[i + 1]))
        channels[0].send(bytes(68, 3))
        await env.advance(100)
        expect(b.bitTorrentId).toBe(toHex(id))
      }),
    )
  })

  test('has no BitTorrent id before the whole handshake, also if more data follows at once', async () => {
    const { env, channels, b } = setUp()
    channels[0].send(bytes(67))
    await env.advance(100)
    expect(b.bitTorrentId).toBeUndefined()
    channels[0].send(bytes(100_000))
    await env.advance(100)
    expect(b.bitTorrentId?.length).toBe(40)
  })

  test('ignores text messages', async () => {
    const { env, channels, b, errors } = setUp()
    const chunks = collect(b)
    channels[0].send('hello')
    channels[0].send(bytes(3))
    await env.advance(100)
    expect([chunks, errors, b.bitTorrentId]).toEqual([[bytes(3)], [], undefined])
  })

  test('closes with its channel, from either side', async () => {
    const { env, a, b, channels, errors } = setUp()
    const closed: string[] = []
    a.on('close', () => closed.push('a'))
    b.on('close', () => closed.push('b'))
    a.destroy()
    await env.advance(100)
    expect(closed).toEqual(['a', 'b'])
    expect([channels[0].state, channels[1].state, errors]).toEqual(['closed', 'closed', []])
  })

  test('is destroyed if its channel is closed already', async () => {
    const { env, channels } = setUp()
    channels[0].close()
    const stream = new TorrentStream(channels[0], { env, id: 'late' })
    await env.advance(0)
    expect(stream.destroyed).toBe(true)
  })

  test('settles pending reads and writes and emits close once, whenever it is destroyed [Law 5]', async () => {
    const block = bytes(100_000)
    await fc.assert(
      fc.asyncProperty(fc.nat(400), fc.boolean(), fc.boolean(), async (at, byChannel, reads) => {
        const { env, a, b, channels } = setUp({ bandwidth: 2_000 })
        let closed = 0
        a.on('close', () => closed++)
        if (reads) collect(b)
        for (let i = 0; i < 30; i++) {
          a.write(block) // more than the high-water mark
          b.write(bytes(1_000))
        }
        await env.advance(at)
        if (byChannel) channels[0].close()
        else a.destroy()
        await env.advance(3_000) // the close comes behind the data in transit
        expect([closed, a.destroyed, b.destroyed]).toEqual([1, true, true])
        expect(a.write(bytes(1))).toBe(false)
        await env.advance(1_000)
        expect(env.pendingTimers).toBe(0)
      }),
      { numRuns: 30 },
    )
  })
})
