import { describe, expect, test } from 'vitest'
import type { IncomingStream, StreamSource } from '../../../../src/channel/messages/messenger.js'
import { STREAM_WINDOW } from '../../../../src/channel/messages/transfer.js'
import { concatBytes } from '../../../../src/core/bytes.js'
import { forgedPair, gist, messagePair, outcome, pattern, type End } from '../../../support/fakes/message-pair.js'

const KIB = 1024
const MIB = 1024 * KIB

async function connected(options = {}) {
  const pair = messagePair(options)
  await pair.env.advance(200)
  return pair
}

/** All bytes of a stream. */
async function read({ readable }: IncomingStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  const reader = readable.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value)
  return concatBytes(...chunks)
}

/** Reads each stream as it arrives. */
function readAll({ connection }: End): Array<ReturnType<typeof outcome<Uint8Array>>> {
  const read_: Array<ReturnType<typeof outcome<Uint8Array>>> = []
  connection.on('stream', stream => read_.push(outcome(read(stream))))
  return read_
}

/** A source of pieces of one size, which counts the reads. */
class Source implements AsyncIterable<Uint8Array> {
  given = 0
  returned = 0
  readonly #total: number
  readonly #piece: number

  constructor(total: number, piece: number) {
    this.#total = total
    this.#piece = piece
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (this.given < this.#total) {
        const piece = new Uint8Array(Math.min(this.#piece, this.#total - this.given)).fill(this.given)
        this.given += piece.byteLength
        yield await Promise.resolve(piece)
      }
    } finally {
      this.returned++
    }
  }
}

describe('streams [E4]', () => {
  const bytes = pattern(300_000)
  const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1, 200_000), bytes.subarray(200_000)]
  test.each<[string, () => StreamSource]>([
    ['an array', () => pieces],
    ['a generator', () => pieces.values()],
    [
      'an asynchronous one',
      async function* () {
        yield* pieces
      },
    ],
    [
      'a ReadableStream',
      () =>
        new ReadableStream({
          start(controller) {
            for (const each of pieces) controller.enqueue(each)
            controller.close()
          },
        }),
    ],
    ['a byte stream', () => new Blob(pieces).stream()],
  ])('from %s arrive unchanged, with their meta [E4]', async (_, source) => {
    const { env, here, there } = await connected({ bandwidth: 10_000 })
    const streams = there.streams()
    const sent = outcome(here.connection.stream(source(), { size: 300_000, meta: { name: 'film' } }))
    await env.until(() => streams.length > 0)
    expect([streams[0]?.size, streams[0]?.meta]).toEqual([300_000, { name: 'film' }])
    const all = outcome(read(streams[0]!))
    await env.until(() => all.settled && sent.settled)
    expect(gist(all.value!)).toBe(gist(bytes))
    expect(sent.code).toBeUndefined()
  })

  test('resolve when they are read to the end [E4]', async () => {
    const { env, here, there } = await connected()
    const streams = there.streams()
    const sent = outcome(here.connection.stream([pattern(1_000)]))
    await env.advance(10_000)
    expect(sent.settled).toBe(false)
    const reader = streams[0]!.readable.getReader()
    expect((await reader.read()).value?.byteLength).toBe(1_000)
    expect((await reader.read()).done).toBe(true)
    await env.advance(100)
    expect(sent).toEqual({ settled: true, value: undefined })
  })

  test('may be empty, and of unknown size [E4]', async () => {
    const { env, here, there } = await connected()
    const got = readAll(there)
    const sent = [
      outcome(here.connection.stream([])),
      outcome(here.connection.stream([new Uint8Array(0)], { size: 0, meta: null })),
    ]
    await env.advance(1_000)
    expect(got.map(({ value }) => value)).toEqual([new Uint8Array(0), new Uint8Array(0)])
    expect(sent.map(({ settled, code }) => [settled, code])).toEqual([
      [true, undefined],
      [true, undefined],
    ])
  })

  test.each([
    ['fewer', 999],
    ['more', 1_001],
  ])('with %s bytes than `size` fail at both ends [E4]', async (_, size) => {
    const { env, here, there } = await connected()
    const got = readAll(there)
    const sent = outcome(here.connection.stream([pattern(500), pattern(500)], { size }))
    await env.advance(1_000)
    expect([sent.code, got.map(({ code }) => code)]).toEqual(['ERR_INVALID_ARGUMENT', ['ERR_ABORTED']])
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('keep a window in memory at both ends, for any length [Law 6]', async () => {
    const { env, here, there } = await connected({ bandwidth: 20_000, latency: 20 })
    const total = 64 * MIB
    const source = new Source(total, 64 * KIB)
    let got = 0
    let most = 0
    there.connection.on('stream', ({ readable }) => {
      void readable.pipeTo(
        new WritableStream({
          write: async chunk => {
            got += chunk.byteLength
            most = Math.max(most, source.given - got)
            await new Promise<void>(resolve => env.timer(2, resolve)) // a slow disk
          },
        }),
      )
    })
    const sent = outcome(here.connection.stream(source, { size: total }))
    await env.until(() => sent.settled, 600_000)
    expect(sent.code).toBeUndefined()
    expect(got).toBe(total)
    expect(most).toBeLessThan(STREAM_WINDOW + 512 * KIB) // the queue here, and one read
    expect(most).toBeGreaterThan(STREAM_WINDOW / 2)
  }, 20_000)

  test('do not read the source if the peer does not read, while messages go on [Law 6]', async () => {
    const { env, here, there } = await connected()
    const source = new Source(64 * MIB, 16 * KIB)
    const streams = there.streams()
    const heard = there.listen()
    const sent = outcome(here.connection.stream(source))
    await env.advance(1_000)
    const given = source.given
    expect(given).toBeLessThan(STREAM_WINDOW + 300 * KIB)
    expect(here.progress.at(-1)?.bytes).toBeLessThanOrEqual(STREAM_WINDOW)
    for (let i = 0; i < 100; i++) here.connection.send(pattern(100_000, i))
    await env.advance(20_000)
    expect([heard.length, source.given, sent.settled]).toEqual([100, given, false])
    const got = outcome(read(streams[0]!))
    await env.until(() => sent.settled)
    expect(got.value?.byteLength ?? 0).toBe(64 * MIB)
  })

  test('of single bytes are limited at both ends [Law 6]', async () => {
    const { env, here, there } = await connected()
    const source = new Source(60_000, 1)
    const streams = there.streams()
    const sent = outcome(here.connection.stream(source))
    await env.advance(1_000)
    expect(source.given).toBeLessThan((2 * STREAM_WINDOW) / 64) // each costs its memory
    const got = outcome(read(streams[0]!))
    await env.until(() => sent.settled)
    expect(got.value?.byteLength).toBe(60_000)
  })

  test('are sent four at a time; a fifth one waits [Law 6]', async () => {
    const { env, here, there } = await connected()
    const streams = there.streams()
    const sources = Array.from({ length: 6 }, () => new Source(2 * MIB, 16 * KIB))
    const sent = sources.map(source => outcome(here.connection.stream(source)))
    await env.advance(5_000)
    expect(streams.length).toBe(4)
    const first = outcome(read(streams[0]!))
    await env.until(() => streams.length === 5)
    expect(sent.filter(({ settled }) => settled).length).toBe(1)
    expect(first.value?.byteLength).toBe(2 * MIB)
    const rest = streams.slice(1, 4).map(stream => outcome(read(stream)))
    await env.until(() => streams.length === 6)
    rest.push(...streams.slice(4).map(stream => outcome(read(stream))))
    await env.until(() => sent.every(({ settled }) => settled))
    expect(rest.map(({ value }) => value?.byteLength)).toEqual(Array(5).fill(2 * MIB))
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('reject with ERR_REFUSED without a listener, and close the source [E4]', async () => {
    const { env, here } = await connected()
    const source = new Source(MIB, KIB)
    const sent = outcome(here.connection.stream(source))
    await env.advance(1_000)
    expect([sent.code, source.returned]).toEqual(['ERR_REFUSED', 1])
    expect([here.errors, here.connection.bufferedAmount]).toEqual([[], 0])
  })

  test('reject when the reader cancels, close the source, and do not affect others [E4]', async () => {
    const { env, here, there } = await connected()
    const streams = there.streams()
    const source = new Source(64 * MIB, 16 * KIB)
    const sent = outcome(here.connection.stream(source))
    await env.advance(500)
    const reader = streams[0]!.readable.getReader()
    await reader.read()
    await reader.cancel('enough')
    await env.advance(1_000)
    expect([sent.code, source.returned]).toEqual(['ERR_REFUSED', 1])
    const again = outcome(here.connection.stream([pattern(10)]))
    await env.advance(100)
    const got = outcome(read(streams[1]!))
    await env.advance(100)
    expect([again.settled, again.code, got.value]).toEqual([true, undefined, pattern(10)])
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('fail at the reader when the sender aborts, before, while and after it reads [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 1_000 })
    const got = readAll(there)
    const abort = new AbortController()
    const source = new Source(8 * MIB, 16 * KIB)
    const sent = outcome(here.connection.stream(source, { signal: abort.signal }))
    await env.advance(1_000)
    abort.abort(new Error('no longer'))
    await env.advance(2_000)
    expect([sent.code, source.returned, got.map(({ code }) => code)]).toEqual(['ERR_ABORTED', 1, ['ERR_ABORTED']])
    const before = outcome(here.connection.stream([pattern(1)], { signal: AbortSignal.abort() }))
    await env.advance(1_000)
    expect(before.code).toBe('ERR_ABORTED')
    const after = new AbortController()
    const whole = outcome(here.connection.stream([pattern(1)], { signal: after.signal }))
    await env.advance(1_000)
    after.abort()
    await env.advance(1_000)
    expect([whole.settled, whole.code, got.at(-1)?.value]).toEqual([true, undefined, pattern(1)])
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('reject with the error of the source, and are aborted at the reader [E4]', async () => {
    const { env, here, there } = await connected()
    const got = readAll(there)
    const failing = async function* () {
      yield pattern(10)
      await Promise.resolve()
      throw new Error('the disk is gone')
    }
    const sent = outcome(here.connection.stream(failing()))
    const locked = new ReadableStream<Uint8Array>()
    locked.getReader()
    const refused = outcome(here.connection.stream(locked))
    const mixed = outcome(here.connection.stream(['text'] as never))
    await env.advance(1_000)
    expect(sent.error).toEqual(new Error('the disk is gone'))
    expect(refused.error).toBeInstanceOf(TypeError)
    expect(mixed.code).toBe('ERR_INVALID_ARGUMENT')
    expect(got.map(({ code }) => code)).toEqual(expect.arrayContaining(['ERR_ABORTED']))
    expect(got.every(({ code }) => code === 'ERR_ABORTED')).toBe(true)
    expect(here.connection.bufferedAmount).toBe(0)
  })

  test('end by abort and close also if the source hangs [E4]', async () => {
    const { env, here, there } = await connected()
    const got = readAll(there)
    const hanging = async function* (): AsyncGenerator<Uint8Array> {
      yield pattern(10)
      await new Promise(() => {})
    }
    const abort = new AbortController()
    const aborted = outcome(here.connection.stream(hanging(), { signal: abort.signal }))
    const closed = outcome(here.connection.stream(hanging()))
    await env.advance(1_000)
    expect([aborted.settled, closed.settled]).toEqual([false, false])
    abort.abort()
    await env.advance(100)
    expect(aborted.code).toBe('ERR_ABORTED')
    const closing = here.connection.close()
    await env.advance(5_000)
    await closing
    expect([closed.code, got.map(({ code }) => code)]).toEqual(['ERR_CLOSED', ['ERR_ABORTED', 'ERR_ABORTED']])
    expect(env.pendingTimers).toBe(0)
  })

  test('copy the bytes, so that a source may reuse its buffer [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 1_000 })
    const heard: number[] = []
    there.connection.on('stream', ({ readable }) => {
      void (async () => {
        for await (const chunk of readable) for (let i = 0; i < chunk.length; i += 1_000) heard.push(chunk[i] ?? -1)
      })()
    })
    const reused = function* (): Generator<Uint8Array> {
      const buffer = new Uint8Array(1_000)
      for (let i = 0; i < 100; i++) yield buffer.fill(i)
    }
    const sent = outcome(here.connection.stream(reused()))
    await env.until(() => sent.settled)
    expect(heard).toEqual(Array.from({ length: 100 }, (_, i) => i))
  })

  test.each(['here', 'there'] as const)('end at both ends when %s closes the connection [Law 5]', async who => {
    const pair = await connected({ bandwidth: 1_000 })
    const { env, here, there } = pair
    const got = readAll(there)
    const sent = Array.from({ length: 6 }, () => outcome(here.connection.stream(new Source(8 * MIB, 16 * KIB))))
    await env.advance(2_000)
    const closing = pair[who].connection.close()
    await env.advance(30_000)
    await closing
    expect(sent.map(({ code }) => code)).toEqual(Array(6).fill('ERR_CLOSED'))
    expect(got.map(({ code }) => code)).toEqual(Array(4).fill(who === 'here' ? 'ERR_ABORTED' : 'ERR_CLOSED'))
    expect(outcome(here.connection.stream([])).settled).toBe(false)
    expect(env.pendingTimers).toBe(0)
  })

  test('reject if the peer claims to have read bytes that were not sent [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const sources = [new Source(8 * MIB, 16 * KIB), new Source(8 * MIB, 16 * KIB)]
    const sent = sources.map(source => outcome(here.connection.stream(source)))
    await env.advance(1_000)
    for (const { id } of forger.told('stream')) forger.say(writer => writer.stop(id, 'done'))
    await env.advance(1_000)
    expect(sent.map(({ code }) => code)).toEqual(['ERR_REFUSED', 'ERR_REFUSED'])
    expect(sources.map(({ returned }) => returned)).toEqual([1, 1])
  })

  test('refuse a meta above 4 KiB or without a JSON form [Law 6]', async () => {
    const { env, here, there } = await connected()
    const streams = there.streams()
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(here.connection.stream([], { meta: 'x'.repeat(4_095) })).rejects.toThrow(invalid)
    await expect(here.connection.stream([], { meta: undefined as never, size: 1.5 })).rejects.toThrow(invalid)
    await expect(here.connection.stream([], { meta: 1n as never })).rejects.toThrow(invalid)
    await expect(here.connection.stream('text' as never)).rejects.toThrow(invalid)
    await expect(here.connection.stream(new Uint8Array(9) as never)).rejects.toThrow(invalid)
    await expect(here.connection.stream([], { signal: 'stop' as never })).rejects.toThrow(invalid)
    expect(outcome(here.connection.stream([], { meta: 'x'.repeat(4_094) })).settled).toBe(false)
    await env.advance(100)
    expect(streams.map(({ meta }) => meta)).toEqual(['x'.repeat(4_094)])
  })
})
