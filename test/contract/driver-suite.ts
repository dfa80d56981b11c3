/** The contract of every driver, on any bus. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWatched, type Driver, type WatchedDriver } from '../../src/signaling/drivers/driver.js'
import { MAX_MESSAGE } from '../../src/signaling/drivers/message.js'
import { expectReports } from '../support/report.js'

export type ClosableDriver = Driver & { close(): Promise<void> }

/** Two drivers on one bus. */
export interface Bus {
  a: ClosableDriver
  b: ClosableDriver
  /** Cleans up when both are closed. */
  end?: () => Promise<void>
}

/** A bus over a connection: `cut` takes the connection from both drivers, `mend` restores it. */
export interface BreakableBus extends Bus {
  a: ClosableDriver & WatchedDriver
  b: ClosableDriver & WatchedDriver
  cut: () => Promise<void>
  mend: () => Promise<void>
}

const ODD_TOKENS: Array<[string, string]> = [
  ['empty', ''],
  ['a dot', '.'],
  ['dots', 'a.b..c'],
  ['a star', '*'],
  ['a greater-than sign', '>'],
  ['a space', ' '],
  ['a line break', 'a\r\nb'],
  ['a NUL', '\0'],
  ['quotes and brackets', `"],["x'`],
  ['text that looks like escapes', '=002a %2A \\u002a'],
  ['unicode', 'grüße 你好 👋🏽'],
  ['a lone surrogate', '\ud83d'],
  ['__proto__', '__proto__'],
  ['200 characters', 'x'.repeat(200)],
  ['200 characters beyond ASCII', 'ß你'.repeat(100)],
]

export function runDriverSuite(name: string, setup: () => Promise<Bus>): void {
  let bus: Bus
  let a: ClosableDriver
  let b: ClosableDriver

  beforeEach(async () => {
    bus = await setup()
    ;({ a, b } = bus)
    await ready(a, b)
  })
  afterEach(async () => {
    await a.close()
    await b.close()
    await bus.end?.()
  })

  describe(`${name}: messages`, () => {
    it('reach the handlers of both sides, also of the sender [B1]', async () => {
      const heard = [listen(a, ['room', 'lobby']), listen(b, ['room', 'lobby'])]
      await ready(a, b)
      a.emit(['room', 'lobby'], { hello: ['world', 1, null, true] })
      for (const ear of heard) expect(await ear.first(1)).toEqual([{ hello: ['world', 1, null, true] }])
      b.emit(['room', 'lobby'], 'back')
      for (const ear of heard) expect((await ear.first(2))[1]).toBe('back')
    })

    it('arrive after emit() has returned, in order [B1]', async () => {
      const [own, other] = [listen(a, ['n']), listen(b, ['n'])]
      await ready(a, b)
      for (let i = 0; i < 100; i++) a.emit(['n'], i)
      expect(own.heard).toEqual([])
      const order = Array.from({ length: 100 }, (_, i) => i)
      expect(await own.first(100)).toEqual(order)
      expect(await other.first(100)).toEqual(order)
    })

    it('are copied as JSON, so that no handlers share an object [B1]', async () => {
      const ears = [listen(a, ['n']), listen(a, ['n']), listen(b, ['n'])]
      await ready(a, b)
      const sent = { list: [1], at: new Date(0), nothing: undefined }
      a.emit(['n'], sent)
      sent.list.push(2)
      const got = await Promise.all(ears.map(async ear => (await ear.first(1))[0]))
      for (const message of got) expect(message).toEqual({ list: [1], at: '1970-01-01T00:00:00.000Z' })
      expect(new Set(got).size).toBe(3)
    })

    it('may be longer than a session description, in any script [B1]', async () => {
      const ear = listen(b, ['n'])
      await ready(b)
      const messages = [
        { type: 'offer', sdp: 'a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n'.repeat(370) },
        '"\\\n'.repeat(10_000),
        '\u2028👋🏽ß'.repeat(4_000),
        'x'.repeat(MAX_MESSAGE - 2),
        '',
        null,
        0,
        false,
      ]
      for (const message of messages) a.emit(['n'], message)
      expect(await ear.first(messages.length)).toEqual(messages)
    })

    it('are refused with an error if no driver can carry them, as are namespaces [B1]', () => {
      const cycle: { self?: unknown } = {}
      cycle.self = cycle
      for (const message of [undefined, () => {}, Symbol('x'), 1n, cycle])
        expect(() => a.emit(['n'], message)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error)
      expect(() => a.emit(['n'], 'ß'.repeat(MAX_MESSAGE / 2))).toThrow(
        expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }) as Error,
      )
      const namespaces: unknown[] = [[], 'n', [1], ['n', undefined], Array(9).fill('n'), ['x'.repeat(1025)], undefined]
      for (const namespace of namespaces as string[][]) {
        for (const call of [() => a.emit(namespace, 1), () => a.on(namespace, () => {}), () => a.off(namespace, () => {})])
          expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error)
      }
      expect(() => a.on(['n'], 'no function' as unknown as () => void)).toThrow('a handler must be a function')
    })
  })

  describe(`${name}: handlers`, () => {
    it('are called once if added twice under one namespace, and for each of two namespaces [B1]', async () => {
      const heard: unknown[] = []
      const handler = (message: unknown) => void heard.push(message)
      a.on(['one'], handler)
      a.on(['one'], handler)
      a.on(['two'], handler)
      await ready(a)
      b.emit(['one'], 1)
      b.emit(['two'], 2)
      await marked(b, a)
      expect(heard).toEqual([1, 2])
      a.off(['one'], handler)
      await ready(a)
      b.emit(['one'], 3)
      b.emit(['two'], 4)
      await marked(b, a)
      expect(heard).toEqual([1, 2, 4])
    })

    it('are not called after off(), while others still are [B1]', async () => {
      const [gone, stays] = [listen(a, ['n']), listen(a, ['n'])]
      await ready(a)
      b.emit(['n'], 1)
      await stays.first(1)
      gone.stop()
      gone.stop()
      a.off(['never'], () => {})
      b.emit(['n'], 2)
      expect(await stays.first(2)).toEqual([1, 2])
      expect(gone.heard).toEqual([1])
      stays.stop()
      await ready(a)
      b.emit(['n'], 3)
      await marked(b, a)
      expect(stays.heard).toEqual([1, 2])
      const back = listen(a, ['n'])
      await ready(a)
      b.emit(['n'], 4)
      expect(await back.first(1)).toEqual([4])
    })

    it('may add and remove others while they run [B1]', async () => {
      const heard: string[] = []
      const removed = () => heard.push('removed')
      const added = () => heard.push('added')
      a.on(['n'], () => {
        heard.push('first')
        a.off(['n'], removed)
        a.on(['n'], added)
      })
      a.on(['n'], removed)
      await ready(a)
      b.emit(['n'], 1)
      await marked(b, a)
      expect(heard).toEqual(['first'])
      b.emit(['n'], 2)
      await marked(b, a)
      expect(heard).toEqual(['first', 'first', 'added'])
    })

    it('that throw or reject are reported as ERR_CALLBACK, and do not affect others [B1]', async ({ onTestFinished }) => {
      const told = expectReports(onTestFinished)
      a.on(['n'], () => {
        throw new Error('it throws')
      })
      a.on(['n'], () => Promise.reject(new Error('it rejects')))
      const ear = listen(a, ['n'])
      await ready(a)
      b.emit(['n'], 1)
      b.emit(['n'], 2)
      expect(await ear.first(2)).toEqual([1, 2])
      await new Promise(resolve => setTimeout(resolve))
      const failed = (why: string) => `ERR_CALLBACK a handler for ["n"] failed: ${why}`
      expect(told.map(({ code, message }) => `${code} ${message}`).toSorted()).toEqual([
        ...[1, 2].map(() => failed('it rejects')),
        ...[1, 2].map(() => failed('it throws')),
      ])
    })

    it('may emit while they run [B1]', async () => {
      const ear = listen(b, ['answer'])
      a.on(['question'], message => a.emit(['answer'], [message]))
      await ready(a, b)
      b.emit(['question'], 1)
      expect(await ear.first(1)).toEqual([[1]])
    })
  })

  describe(`${name}: namespaces`, () => {
    it('match exactly: not a prefix, a longer one or a similar one [B2]', async () => {
      const names = [['room'], ['room', 'a'], ['room', 'a', 'b'], ['room', 'ab'], ['rooma'], ['room.a'], ['room,a'], ['room', '']]
      const ears = names.map(namespace => listen(a, namespace))
      await ready(a)
      for (const namespace of names) b.emit(namespace, namespace)
      await marked(b, a)
      expect(ears.map(({ heard }) => heard)).toEqual(names.map(namespace => [namespace]))
    })

    it.each(ODD_TOKENS)('may have a part that is %s, which has no special meaning [B2]', async (_name, token) => {
      const plain = listen(a, ['room', 'plain'])
      const [odd, first] = [listen(a, ['room', token]), listen(b, [token, 'room'])]
      await ready(a, b)
      b.emit(['room', token], 'odd')
      a.emit([token, 'room'], 'first')
      b.emit(['room', 'plain'], 'plain')
      expect(await odd.first(1)).toEqual(['odd'])
      expect(await first.first(1)).toEqual(['first'])
      await marked(b, a)
      expect([odd.heard, plain.heard]).toEqual([['odd'], ['plain']])
    })

    it('are copied: a later change of the list has no effect [B2]', async () => {
      const namespace = ['room', 'a']
      const ear = listen(a, namespace)
      namespace[1] = 'b'
      await ready(a)
      b.emit(['room', 'b'], 1)
      b.emit(['room', 'a'], 2)
      expect(await ear.first(1)).toEqual([2])
    })
  })

  describe(`${name}: the end`, () => {
    it('close() sends emitted messages first, and no message passes afterwards [B1]', async () => {
      const [own, other] = [listen(a, ['n']), listen(b, ['n'])]
      await ready(a, b)
      b.emit(['n'], 'last')
      await b.close()
      expect(await own.first(1)).toEqual(['last'])
      const before = other.heard.length
      b.emit(['n'], 'too late')
      b.on(['n'], () => expect.unreachable('it is closed'))
      b.off(['n'], () => {})
      a.emit(['n'], 'after')
      expect(await own.first(2)).toEqual(['last', 'after'])
      await marked(a, a)
      expect(other.heard.length).toBe(before)
    })

    it('close() is idempotent, and no message passes afterwards [B1]', async () => {
      const [own, other] = [listen(a, ['n']), listen(b, ['n'])]
      await ready(a, b)
      await Promise.all([a.close(), a.close()])
      await a.close()
      if (isWatched(a)) expect(a.open).toBe(false)
      a.emit(['n'], 'too late')
      b.emit(['n'], 'after')
      await marked(b, b)
      expect([own.heard, other.heard]).toEqual([[], ['after']])
    })
  })
}

/** The contract of drivers with a connection that can break, in addition. */
export function runBreakableDriverSuite(name: string, setup: () => Promise<BreakableBus>): void {
  runDriverSuite(name, setup)

  describe(`${name}: a cut`, () => {
    it('emits close, then open, and keeps the subscriptions [B1]', async () => {
      const { a, b, cut, mend, end } = await setup()
      const ears = [listen(a, ['n']), listen(b, ['n'])]
      await ready(a, b)
      const logs = [a, b].map(driver => record(driver))
      expect(logs.map(({ events }) => events)).toEqual([['open'], ['open']])
      await cut()
      for (const log of logs) await log.until('close')
      expect([a.open, b.open]).toEqual([false, false])
      a.emit(['n'], 'lost')
      const late = listen(a, ['late'])
      await mend()
      for (const log of logs) await log.until('open', 2)
      await ready(a, b)
      a.emit(['n'], 'again')
      b.emit(['late'], 'heard')
      for (const ear of ears) expect(await ear.first(1)).toEqual(['again'])
      expect(await late.first(1)).toEqual(['heard'])
      for (const log of logs) expect(log.events).toEqual(['open', 'close', 'open'])
      await a.close()
      await b.close()
      await end?.()
      for (const log of logs) expect(log.events).toEqual(['open', 'close', 'open', 'close'])
    })
  })
}

interface Ear {
  readonly heard: unknown[]
  /** Resolves to the first `count` messages. */
  first(count: number): Promise<unknown[]>
  stop(): void
}

export function listen(driver: Driver, namespace: readonly string[]): Ear {
  const heard: unknown[] = []
  let wake = () => {}
  const own = [...namespace]
  const handler = (message: unknown) => {
    heard.push(message)
    wake()
  }
  driver.on(own, handler)
  return {
    heard,
    async first(count) {
      while (heard.length < count) await new Promise<void>(resolve => (wake = resolve))
      return heard.slice(0, count)
    },
    stop: () => driver.off(own, handler),
  }
}

let probes = 0

/** Resolves when a driver receives its own message: then its earlier subscriptions are active. */
export async function ready(...drivers: Driver[]): Promise<void> {
  await Promise.all(
    drivers.map(async driver => {
      if (isWatched(driver)) await opened(driver)
      const namespace = ['probe', `${++probes} of ${Math.random()}`]
      const ear = listen(driver, namespace)
      driver.emit(namespace, 'there?')
      await ear.first(1)
      ear.stop()
    }),
  )
}

/** Resolves when `to` has received all messages that `from` emitted before. */
async function marked(from: Driver, to: Driver): Promise<void> {
  const namespace = ['mark', `${++probes} of ${Math.random()}`]
  const ear = listen(to, namespace)
  await ready(to)
  from.emit(namespace, 'mark')
  await ear.first(1)
  ear.stop()
}

interface Log {
  events: string[]
  until(event: string, count?: number): Promise<void>
  stop(): void
}

/** Records the open and close events of a driver. */
function record(driver: WatchedDriver): Log {
  const events: string[] = []
  let wake = () => {}
  const say = (event: string) => {
    events.push(event)
    wake()
  }
  const stop = driver.watch({ open: () => say('open'), close: () => say('close'), warning: () => {} })
  return {
    events,
    async until(event, count = 1) {
      while (events.filter(said => said === event).length < count) await new Promise<void>(resolve => (wake = resolve))
    },
    stop,
  }
}

async function opened(driver: WatchedDriver): Promise<void> {
  const log = record(driver)
  await log.until('open')
  log.stop()
}
