import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../../../src/channel/messages/messenger.js'
import { MESSAGE_WINDOW } from '../../../../src/channel/messages/outbox.js'
import { MAX_SMALL } from '../../../../src/channel/messages/frame-codec.js'
import { HIGH_WATER } from '../../../../src/engine/engine.js'
import { gist, messagePair, outcome, pattern, type End, type PairOptions } from '../../../support/fakes/message-pair.js'

const MIB = 1024 * 1024
const small = (message: Message) =>
  (message instanceof Uint8Array ? message.byteLength : JSON.stringify(message).length * 3) < MAX_SMALL

/** Sends all messages, and waits for drain. */
async function sendAll({ connection }: End, messages: Message[]): Promise<void> {
  for (const message of messages)
    if (!connection.send(message)) await new Promise<void>(resolve => connection.once('drain', resolve))
}

/** Messages of each kind, with sizes around each limit. */
const size = fc.oneof(
  fc.nat({ max: 300 }),
  fc.integer({ min: MAX_SMALL - 20, max: MAX_SMALL + 20 }),
  fc.integer({ min: 65_000, max: 66_000 }),
  fc.nat({ max: 3 * MIB }),
)
const message: fc.Arbitrary<Message> = fc
  .tuple(fc.constantFrom('bytes', 'text', 'wide', 'object'), size, fc.nat())
  .map(([kind, any, seed]) => {
    if (kind === 'bytes') return pattern(any, seed)
    const length = Math.min(any, MIB - 100) // JSON has its own limit
    if (kind === 'text') return 'x'.repeat(length)
    if (kind === 'wide') return '…'.repeat(length / 3)
    return {
      seed,
      list: Array.from({ length: Math.min(length / 4, 1_000) }, (_, i) => [i, null, true]),
      text: 'é'.repeat(length / 8),
    }
  })
const line = fc.record<PairOptions>({
  latency: fc.integer({ min: 0, max: 200 }),
  bandwidth: fc.constantFrom(500, 5_000, 50_000, Number.POSITIVE_INFINITY),
})

describe('FramedMessenger with messages of any size [E4]', () => {
  test('delivers any sequence in both directions at once, the small ones in order [E4]', async () => {
    await fc.assert(
      fc.asyncProperty(
        line,
        fc.array(message, { maxLength: 12 }),
        fc.array(message, { maxLength: 12 }),
        async (options, forth, back) => {
          const { env, here, there } = messagePair(options)
          const [atHere, atThere] = [here.listen(), there.listen()]
          const sent = Promise.all([sendAll(here, forth), sendAll(there, back)])
          await env.until(() => atThere.length === forth.length && atHere.length === back.length, 600_000)
          await sent
          for (const [heard, said] of [
            [atThere, forth],
            [atHere, back],
          ] as const) {
            expect(heard.filter(small).map(gist)).toEqual(said.filter(small).map(gist))
            expect(heard.map(gist).toSorted()).toEqual(said.map(gist).toSorted()) // large ones overtake each other
          }
          await env.advance(1_000)
          expect([here.connection.bufferedAmount, there.connection.bufferedAmount]).toEqual([0, 0])
          await Promise.all([here.connection.close(), closeLater(env, there)])
          expect(env.pendingTimers).toBe(0)
          expect([...here.errors, ...there.errors]).toEqual([])
          expect([here.closed, there.closed]).toEqual([[undefined], [undefined]])
        },
      ),
      { numRuns: 12 },
    )
  }, 30_000)

  test('delivers a small message behind a window of a 64 MiB one, not behind all of it [E4]', async () => {
    const bandwidth = 10_000 // bytes per millisecond
    const { env, here, there } = messagePair({ bandwidth, latency: 20, maxMessageSize: 64 * MIB })
    await env.advance(100)
    const heard = there.listen()
    here.connection.send(pattern(64 * MIB))
    for (const wait of [0, 1_000, 3_000]) {
      await env.advance(wait)
      const at = env.now()
      here.connection.send('small')
      await env.until(() => heard.includes('small'))
      expect(env.now() - at).toBeLessThan(MESSAGE_WINDOW / bandwidth + 50)
      heard.length = 0
    }
    await env.until(() => heard.length === 1)
    expect(heard.map(gist)).toEqual([gist(pattern(64 * MIB))])
  }, 20_000)

  test('sends eight large messages at the same time [E4]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 5_000, maxMessageSize: 16 * MIB })
    const heard = there.listen()
    here.connection.send('with the first packets each side says what it takes')
    await env.advance(100)
    heard.length = 0
    for (let i = 0; i < 8; i++) here.connection.send(pattern(2 * MIB, i))
    await env.until(() => heard.length > 0)
    const furthest = new Map(there.progress.map(({ id, bytes }) => [id, bytes]))
    expect(furthest.size).toBe(8)
    expect(Math.min(...furthest.values())).toBeGreaterThan(1.8 * MIB)
    await env.until(() => heard.length === 8)
  })

  test('sends a large message while small ones never stop [E4]', async () => {
    // The data in transit fills the window: all credit is used at once.
    const { env, here, there } = messagePair({ latency: 100, bandwidth: 100_000 })
    await env.advance(1_000)
    let smalls = 0
    const large: Message[] = []
    there.connection.on('data', each => void (typeof each === 'string' ? smalls++ : large.push(each)))
    const flood = async () => {
      while (large.length === 0)
        if (!here.connection.send('x'.repeat(10_000))) await new Promise<void>(resolve => here.connection.once('drain', resolve))
    }
    here.connection.send(pattern(8 * MIB))
    const flooding = flood()
    await env.until(() => large.length === 1, 60_000)
    await env.advance(10_000)
    await flooding
    expect(smalls).toBeGreaterThan(100)
  })

  test('begins at most as many messages as the peer keeps, so that it refuses none [Law 6]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 50_000, maxMessageSize: MIB })
    const heard = there.listen()
    for (let i = 0; i < 40; i++) here.connection.send(pattern(MIB - i * 20_000, i))
    await env.until(() => heard.length === 40)
    expect([...here.errors, ...there.errors]).toEqual([])
  })

  test('counts each unsent byte once in bufferedAmount [A8]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 1_000 })
    await env.advance(100)
    there.listen()
    here.connection.send(pattern(3 * MIB))
    here.connection.send(pattern(1_000))
    let before = here.connection.bufferedAmount
    expect(before).toBeGreaterThanOrEqual(3 * MIB + 1_000)
    expect(before).toBeLessThan(3 * MIB + 1_100)
    for (let i = 0; i < 10; i++) {
      await env.advance(100)
      const now = here.connection.bufferedAmount
      expect(before - now).toBeGreaterThan(60_000) // 100 ms at 1 000 bytes each
      expect(before - now).toBeLessThan(140_000)
      before = now
    }
    await env.until(() => here.connection.bufferedAmount === 0)
    expect(env.now()).toBeGreaterThan(3_000)
  })

  test('returns false from send() above the high-water mark, and emits drain once [E4]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 5_000 })
    await env.advance(100)
    there.listen()
    let sent = 0
    while (here.connection.send(pattern(50_000))) sent += 50_000
    expect(sent).toBeLessThanOrEqual(HIGH_WATER)
    expect(sent).toBeGreaterThan(HIGH_WATER - 100_000)
    await env.until(() => here.drained > 0)
    expect(here.connection.bufferedAmount).toBeLessThanOrEqual(HIGH_WATER)
    await env.advance(10_000)
    expect(here.drained).toBe(1)
  })

  test('emits drain too if the peer refused the queued messages [E4]', async () => {
    const { env, here } = messagePair({ thereMax: MIB, latency: 50 })
    for (let i = 0; i < 4; i++) here.connection.send(pattern(2 * MIB, i)) // before the hello of the peer
    await env.advance(10_000)
    expect(here.errors).toEqual(Array(4).fill('ERR_MESSAGE_TOO_LARGE'))
    expect(here.drained).toBe(1)
    expect(here.connection.bufferedAmount).toBe(0)
  })

  test('delivers bytes inside a message as bytes, for any size [E4]', async () => {
    const { env, here, there } = messagePair()
    const heard = there.listen()
    await env.advance(100)
    const messages = [10, 20_000, 3 * MIB].map(length => ({
      name: `${length}.bin`,
      parts: [pattern(length), { last: pattern(5) }],
    }))
    for (const each of messages) here.connection.send(each)
    await env.until(() => heard.length === 3)
    const parts = (each: unknown) => (each as (typeof messages)[0]).parts as [Uint8Array, { last: Uint8Array }]
    const told = (all: readonly unknown[]) => all.map(each => `${gist(parts(each)[0])} ${gist(parts(each)[1].last)}`).toSorted()
    expect(told(heard)).toEqual(told(messages)) // small ones overtake large ones
    expect(here.progress.some(progress => progress.message === messages[2])).toBe(true)
    expect([...here.errors, ...there.errors]).toEqual([])
  })

  test('refuses a detached buffer, without effect on other messages and the connection [E4]', async () => {
    const { env, here, there } = messagePair()
    const heard = there.listen()
    here.connection.send('before')
    for (const gone of [detach(pattern(20)), detach(pattern(20)).buffer, { data: detach(pattern(20)) }, detach(pattern(MIB))])
      expect(() => here.connection.send(gone)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARGUMENT',
          message: expect.stringMatching(/was transferred: .* copy$/),
        }),
      )
    here.connection.send('after')
    await env.advance(100)
    expect([heard, here.errors, there.errors, there.closed]).toEqual([['before', 'after'], [], [], []])
  })

  test('reports a large message whose buffer is transferred while it is sent, and goes on [E4]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 1_000 })
    const heard = there.listen()
    await env.advance(100)
    there.connection.respond(() => answer)
    const [plain, question, answer, waiting] = [pattern(2 * MIB), pattern(2 * MIB), pattern(2 * MIB), pattern(MIB)]
    here.connection.send(plain)
    const asked = outcome(here.connection.request(question))
    const replied = outcome(here.connection.request('large'))
    await env.advance(500)
    here.connection.send(waiting) // transferred before it is begun
    for (const bytes of [plain, question, answer, waiting]) detach(bytes)
    here.connection.send('small')
    await env.until(() => replied.settled && heard.length > 0 && here.errors.length > 1)
    expect([asked.code, replied.code]).toEqual(['ERR_INVALID_ARGUMENT', 'ERR_REQUEST_FAILED'])
    expect((replied.error as Error).message).toMatch(/the buffer of a message was transferred or shortened/)
    expect(here.errors).toEqual(['ERR_INVALID_ARGUMENT', 'ERR_INVALID_ARGUMENT'])
    here.connection.send(pattern(100_000))
    await env.until(() => heard.length === 2)
    await env.advance(100)
    expect([heard.map(gist), there.errors, here.connection.bufferedAmount]).toEqual([['"small"', gist(pattern(100_000))], [], 0])
    expect([here.closed, there.closed]).toEqual([[], []])
  })

  test('reports a large message whose buffer shrinks while it is sent, and delivers one whose buffer grows [E4]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 1_000 })
    const heard = there.listen()
    await env.advance(100)
    const buffers = [resizable(MIB), resizable(MIB)]
    for (const buffer of buffers) here.connection.send(new Uint8Array(buffer))
    await env.advance(300)
    buffers[0]?.resize(MIB / 2)
    buffers[1]?.resize(2 * MIB)
    await env.until(() => heard.length === 1 && here.errors.length === 1)
    expect([heard.map(each => (each as Uint8Array).length), here.errors, there.errors]).toEqual([
      [MIB],
      ['ERR_INVALID_ARGUMENT'],
      [],
    ])
  })

  test('ends a stream with an error if a chunk is a detached buffer [E4]', async () => {
    const { env, here, there } = messagePair()
    there.streams()
    const sent = outcome(here.connection.stream([pattern(10), detach(pattern(10))]))
    await env.advance(100)
    expect([sent.code, (sent.error as Error).message]).toEqual([
      'ERR_INVALID_ARGUMENT',
      expect.stringMatching(/^a chunk of a stream is bytes/),
    ])
  })

  test('sends messages of any size of before close(), and refuses later ones [A8]', async () => {
    const { env, here, there } = messagePair({ bandwidth: 1_000, latency: 100 })
    const heard = there.listen()
    here.connection.send(pattern(8 * MIB))
    const closing = here.connection.close()
    expect(() => here.connection.send(1)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await env.until(() => here.closed.length > 0)
    await closing
    await env.advance(1_000)
    expect(heard.map(gist)).toEqual([gist(pattern(8 * MIB))])
    expect(there.closed).toEqual([undefined])
    expect(env.pendingTimers).toBe(0)
  })

  test('lets a progress listener close this connection, or write on another [A8]', async () => {
    const { env, here, there } = messagePair()
    const heard = there.listen()
    await env.advance(100)
    here.connection.on('progress', () => void here.connection.close())
    here.connection.send(pattern(3 * MIB))
    here.connection.send('small')
    await env.advance(10_000)
    expect(heard.map(gist)).toEqual(['"small"', gist(pattern(3 * MIB))])
    expect([there.errors, here.closed]).toEqual([[], [undefined]])
  })

  test('leaves no timer after close() at any moment, and both ends emit close once [Law 5]', async () => {
    await fc.assert(
      fc.asyncProperty(
        line,
        fc.array(message, { maxLength: 6 }),
        fc.nat({ max: 3_000 }),
        fc.boolean(),
        async (options, said, at, both) => {
          const { env, here, there } = messagePair(options)
          if (both) there.listen()
          for (const each of said) here.connection.send(each)
          void here.connection.request('late').catch(() => {})
          void here.connection.ping().catch(() => {})
          await env.advance(at)
          const closing = here.connection.close()
          const other = both ? there.connection.close() : undefined
          await env.until(() => here.closed.length > 0 && there.closed.length > 0, 600_000)
          await env.advance(20)
          await Promise.all([closing, other])
          await env.advance(30_000) // for data in transit
          expect([here.closed, there.closed]).toEqual([[undefined], [undefined]])
          expect(env.pendingTimers).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  }, 20_000)
})

/** Detaches the buffer of the bytes. */
function detach(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
  return bytes as Uint8Array<ArrayBuffer> // tests use no shared memory
}

/** Newer than the TypeScript library of this build. */
function resizable(length: number): ArrayBuffer & { resize(length: number): void } {
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ReturnType<typeof resizable>
  return new Resizable(length, { maxByteLength: 2 * length })
}

async function closeLater(env: { advance(ms: number): Promise<void> }, { connection }: End): Promise<void> {
  await env.advance(1_000)
  await connection.close()
  await env.advance(1_000)
}
