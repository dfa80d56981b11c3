/** The contract of messages on every engine, over a real connection. */
import { afterEach, describe, expect, it } from 'vitest'
import { DataConnection } from '../../src/channel/messages/data-connection.js'
import { FramedMessenger } from '../../src/channel/messages/framed-messenger.js'
import { DEFAULT_LIMITS, type MessageLimits } from '../../src/channel/messages/message-size.js'
import type { Message, Progress } from '../../src/channel/messages/messenger.js'
import { systemEnv } from '../../src/core/env.js'
import type { Engine, EngineChannel, EngineConnection } from '../../src/engine/engine.js'
import { gist, pattern } from '../support/bytes.js'
import { handshake } from './engine-suite.js'

const MIB = 1024 * 1024
/** Timeout in milliseconds without progress. With 24 other busy processes, an event loop was blocked for 0.5 s. */
const STALL = 10_000

/** No separate JSON limit, so that one text may be 16 MiB. */
const largeJson: MessageLimits = { ...DEFAULT_LIMITS, maxJsonSize: DEFAULT_LIMITS.maxMessageSize }

interface End {
  connection: DataConnection
  errors: string[]
  closed: Promise<string | undefined>
}

/** `getEngine` is the engine of the offerer, `getOther` that of the answerer if it differs. */
export function runMessagesSuite(name: string, getEngine: () => Promise<Engine>, getOther = getEngine): void {
  const open = new Set<EngineConnection>()

  async function pair(thereLimits: Partial<MessageLimits> = {}): Promise<{ here: End; there: End }> {
    const [offerer, answerer] = await Promise.all(
      [getEngine, getOther].map(async get => {
        const created = (await get()).createConnection({ rtcConfig: { iceServers: [] }, gatherTimeout: 1000, env: systemEnv })
        open.add(created)
        return created
      }),
    )
    if (offerer === undefined || answerer === undefined) throw new Error('unreachable: there are two')
    const channels = await handshake(offerer, answerer)
    return { here: end(channels.here, largeJson), there: end(channels.there, { ...largeJson, ...thereLimits }) }
  }

  afterEach(() => {
    for (const created of open) created.close()
    open.clear()
  })

  describe(`${name}: messages`, () => {
    it('of 16 MiB arrive, both ways at once, as bytes and as JSON [E4]', async () => {
      const { here, there } = await pair()
      await greeted(here, there)
      const bytes = pattern(16 * MIB)
      const text = 'é'.repeat(8 * MIB - 1)
      const [atThere, atHere] = [heard(there, 2), heard(here, 2)]
      for (const { connection } of [here, there]) {
        connection.send(bytes)
        connection.send(text)
      }
      const expected = [gist(bytes), gist(text)].toSorted()
      const arrived = await Promise.race([Promise.all([atThere, atHere]), stalled(here, there)])
      expect(arrived.map(messages => messages.map(gist).toSorted())).toEqual([expected, expected])
      expect([...here.errors, ...there.errors]).toEqual([])
    })

    it('overtake 64 MiB if they are small [E4]', async () => {
      const { here, there } = await pair()
      const order: number[] = []
      const all = new Promise<void>(resolve => {
        there.connection.on('data', message => {
          order.push(message instanceof Uint8Array ? message.byteLength : 0)
          if (order.length === 9) resolve()
        })
      })
      const moving = progress(here)
      for (let i = 0; i < 4; i++) here.connection.send(pattern(16 * MIB))
      await moving
      for (let i = 0; i < 5; i++) here.connection.send('small')
      await all
      expect(order).toEqual([0, 0, 0, 0, 0, 16 * MIB, 16 * MIB, 16 * MIB, 16 * MIB])
      await drained(here)
    })

    it('may be requests, which are answered, large and small [E4]', async () => {
      const { here, there } = await pair()
      await greeted(here, there)
      there.connection.respond(message => message)
      here.connection.respond(() => {
        throw new Error('not here')
      })
      const questions: Message[] = [{ a: 1 }, pattern(100), pattern(2 * MIB), 'x'.repeat(MIB)]
      const answers = await Promise.all(questions.map(each => here.connection.request(each)))
      expect(answers.map(gist)).toEqual(questions.map(gist))
      await expect(there.connection.request(1)).rejects.toThrow(expect.objectContaining({ code: 'ERR_REQUEST_FAILED' }))
      const ms = await here.connection.ping()
      expect(ms).toBeGreaterThanOrEqual(0) // Firefox's clock has a resolution of 1 ms
      expect(here.connection.roundTripTime).toBe(ms)
    })

    it('may be a stream of 32 MiB, which is read as it arrives [E4]', async () => {
      const { here, there } = await pair()
      const piece = pattern(256 * 1024)
      const read = new Promise<[number, boolean]>((resolve, reject) => {
        there.connection.on('stream', ({ readable }) => void count(readable, piece).then(resolve, reject))
      })
      await here.connection.stream(
        Array.from({ length: 128 }, () => piece),
        { size: 32 * MIB, meta: { name: 'film' } },
      )
      expect(await read).toEqual([32 * MIB, true])
      expect(here.connection.bufferedAmount).toBe(0)
    })

    it('all arrive if both ends send 500 and close in one tick [A8]', async () => {
      const { here, there } = await pair()
      const heardAt = [here, there].map(({ connection }) => {
        const messages: Message[] = []
        connection.on('data', message => messages.push(message))
        return messages
      })
      const all = Array.from({ length: 500 }, (_, i) => ({ i, bytes: Uint8Array.of(i) }))
      await Promise.all(
        [here, there].map(({ connection }) => {
          for (const each of all) connection.send(each)
          return connection.close()
        }),
      )
      expect([await here.closed, await there.closed]).toEqual([undefined, undefined])
      expect(heardAt).toEqual([all, all])
    })

    it('are refused above the limit of the peer, and the next one arrives [E4]', async () => {
      const { here, there } = await pair({ maxMessageSize: MIB })
      const next = heard(there, 1)
      const failed = here.connection.request(pattern(3 * MIB)) // may be before the hello of the peer
      await expect(failed).rejects.toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
      here.connection.send(pattern(MIB))
      expect((await next).map(gist)).toEqual([gist(pattern(MIB))])
      expect(() => here.connection.send(pattern(MIB + 1))).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    })

    it('stop at 2 MiB while the peer does not read, and arrive later [Law 6]', async () => {
      const { here, there } = await pair()
      for (let i = 0; i < 800; i++) here.connection.send(pattern(10_000, i))
      await settled(() => here.connection.bufferedAmount)
      expect(here.connection.bufferedAmount).toBeGreaterThan(800 * 10_000 - 2 * MIB)
      const messages = await heard(there, 800)
      expect(messages.map(gist)).toEqual(Array.from({ length: 800 }, (_, i) => gist(pattern(10_000, i))))
    })

    it('end at both ends if the connection closes meanwhile [Law 5]', async () => {
      const { here, there } = await pair()
      there.connection.respond(() => new Promise(() => {}))
      const endless = here.connection.stream(
        (function* () {
          for (;;) yield pattern(64 * 1024)
        })(),
      )
      const reading = new Promise<string>(resolve => {
        there.connection.on('stream', ({ readable }) => void count(readable, pattern(1)).catch(error => resolve(error.code)))
      })
      const moving = progress(there)
      const waiting = here.connection.request('?')
      endless.catch(() => {})
      waiting.catch(() => {})
      await moving
      void there.connection.close()
      const closed = expect.objectContaining({ code: 'ERR_CLOSED' })
      await expect(endless).rejects.toThrow(closed)
      await expect(waiting).rejects.toThrow(closed)
      expect([await reading, await here.closed, await there.closed]).toEqual(['ERR_CLOSED', undefined, undefined])
    })
  })
}

/** Each end then knows the limits of the other, because a pong follows the hello. */
async function greeted(...ends: End[]): Promise<void> {
  await Promise.all(ends.map(({ connection }) => connection.ping()))
}

function end(channel: EngineChannel, limits: MessageLimits): End {
  const connection = new DataConnection({
    localPeerId: 'me',
    remotePeerId: 'you',
    verified: true,
    messenger: host => new FramedMessenger({ env: systemEnv, channel, ...limits, host }),
  })
  const errors: string[] = []
  connection.on('error', ({ code }) => errors.push(code))
  const closed = new Promise<string | undefined>(resolve => connection.on('close', error => resolve(error?.code)))
  connection.start()
  return { connection, errors, closed }
}

/** Resolves to the next messages; rejects if the connection ends before them. */
function heard({ connection, closed }: End, count_: number): Promise<Message[]> {
  const messages: Message[] = []
  return new Promise((resolve, reject) => {
    void closed.then(code => reject(new Error(`closed behind ${messages.length} of ${count_} messages (${code ?? 'in peace'})`)))
    const listener = (message: Message) => {
      if (messages.push(message) < count_) return
      connection.off('data', listener)
      resolve(messages)
    }
    connection.on('data', listener)
  })
}

function progress({ connection }: End): Promise<Progress> {
  return new Promise(resolve => connection.once('progress', resolve))
}

async function drained({ connection }: End): Promise<void> {
  await settled(() => connection.bufferedAmount)
  expect(connection.bufferedAmount).toBe(0)
}

/** Rejects after a time without progress, with the queued bytes: a busy machine is slow, but a lost wake-up lasts for ever. */
async function stalled(...ends: End[]): Promise<never> {
  const waiting = () => ends.map(({ connection }) => connection.bufferedAmount)
  await settled(() => waiting().reduce((sum, bytes) => sum + bytes), STALL)
  throw new Error(`stalled: ${waiting().join(' and ')} bytes are queued, errors: ${ends.flatMap(({ errors }) => errors).join()}`)
}

/** Resolves when a number has not changed for 200 ms, because no event shows that nothing happens. */
async function settled(read: () => number, quiet = 200): Promise<void> {
  for (let [now, then, since] = [read(), -1, 0]; since < quiet; since = now === then ? since + 20 : 0) {
    await new Promise(resolve => setTimeout(resolve, 20))
    then = now
    now = read()
  }
}

/** Counts the bytes of a stream, and compares them with the expected piece. */
async function count(readable: ReadableStream<Uint8Array>, piece: Uint8Array): Promise<[number, boolean]> {
  const reader = readable.getReader()
  let bytes = 0
  let right = true
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    for (let i = 0; i < next.value.length; i += 997) right &&= next.value[i] === piece[(bytes + i) % piece.length]
    bytes += next.value.length
  }
  return [bytes, right]
}
