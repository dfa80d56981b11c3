import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeControl,
  encodeControl,
  EXCHANGE,
  MAX_DESCRIPTION,
  MAX_HASHES,
  MAX_RELAY,
  type ControlFrame,
} from '../../../src/channel/control-wire.js'
import { Control, MAX_SHOWN, PING_DEADLINE, type ControlHost } from '../../../src/channel/control.js'
import { concatBytes, toHex } from '../../../src/core/bytes.js'
import type { Env, Timer } from '../../../src/core/env.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { FakeChannel, FakeNet } from '../../support/fake-engine.js'
import { outcome } from '../../support/message-pair.js'
import { VirtualEnv } from '../../support/virtual-env.js'

const LATENCY = 10
const KIB = 1024

/** The n-th hash. */
function hash(n: number): string {
  return n.toString(16).padStart(16, '0')
}

function hashes(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => hash(from + i))
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

interface Line {
  readonly env: VirtualEnv
  readonly net: FakeNet
}

/** Opens a channel: after one way the other end has it, after the way back it is open here. */
function dial({ env, net }: Line, arrive: (channel: FakeChannel) => void): FakeChannel {
  const [near, far] = [new FakeChannel(net, 'control'), new FakeChannel(net, 'control')]
  near.pair(far)
  far.pair(near)
  env.timer(net.latency, () => {
    far.open()
    arrive(far)
    env.timer(net.latency, () => near.open())
  })
  return near
}

/** An environment that knows how many timers of its own are set. */
class CountingEnv implements Env {
  timers = 0
  readonly #env: VirtualEnv
  readonly dial: Env['dial']

  constructor(env: VirtualEnv) {
    this.#env = env
    this.dial = env.dial
  }

  now(): number {
    return this.#env.now()
  }

  random(): number {
    return this.#env.random()
  }

  randomBytes(length: number): Uint8Array {
    return this.#env.randomBytes(length)
  }

  timer(ms: number, callback: () => void): Timer {
    this.timers++
    let over = false
    const end = () => {
      if (!over) this.timers--
      over = true
    }
    const timer = this.#env.timer(ms, () => {
      end()
      callback()
    })
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
    }
  }
}

/** One end, what it heard, and the channels that it had. */
class End implements ControlHost {
  readonly control: Control
  readonly heard: string[] = []
  readonly faults: string[] = []
  opened = 0
  greetings = 0
  own: FakeChannel | undefined
  /** What opening does, until the ends know each other. */
  dial: () => FakeChannel = () => {
    throw new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
  }

  readonly #env: CountingEnv

  constructor({ env }: Line) {
    this.#env = new CountingEnv(env)
    this.control = new Control({ env: this.#env, host: this, capabilities: EXCHANGE })
  }

  /** Timers that are its own. */
  get timers(): number {
    return this.#env.timers
  }

  open(): FakeChannel {
    this.opened++
    this.own = this.dial()
    return this.own
  }

  greeted(): void {
    if (this.control.capabilities === undefined) throw new Error('a greeting that says nothing')
    this.greetings++
  }

  topics(news: string[]): void {
    for (const each of news) if (!this.control.topics.has(each)) throw new Error(`${each} is not known yet`)
    this.heard.push(`topics ${news.length}`)
  }

  bye(): void {
    this.heard.push('bye')
  }

  restart(frame: ControlFrame): void {
    this.heard.push(JSON.stringify(frame))
  }

  relay(message: Uint8Array): void {
    this.heard.push(`relay ${toHex(message.subarray(0, 4))} ${message.length}`)
  }

  fault({ code }: SwarmlinkError): void {
    this.faults.push(code)
  }
}

interface Pair extends Line {
  here: End
  there: End
  sent: () => number
}

function pair(): Pair {
  const env = new VirtualEnv()
  const line = { env, net: new FakeNet(env, { latency: LATENCY }) }
  const [here, there] = [new End(line), new End(line)]
  const channels: FakeChannel[] = []
  const connect = (other: End) =>
    dial(line, channel => {
      channels.push(channel)
      other.control.adopt(channel)
    })
  here.dial = () => connect(there)
  there.dial = () => connect(here)
  const sent = () => [...channels, here.own, there.own].reduce((sum, channel) => sum + (channel?.sent ?? 0), 0)
  return { ...line, here, there, sent }
}

/** An end, and a remote that says whatever it likes on a channel that it opened. */
async function forged(): Promise<
  Line & { here: End; channel: FakeChannel; say: (...frames: ControlFrame[]) => void; told: ControlFrame[] }
> {
  const env = new VirtualEnv()
  const line = { env, net: new FakeNet(env, { latency: LATENCY }) }
  const here = new End(line)
  const told: ControlFrame[] = []
  const channel = dial(line, far => here.control.adopt(far))
  channel.on('message', message => told.push(...decodeControl(message as Uint8Array))) // a text would fail in there
  await env.advance(2 * LATENCY)
  return { ...line, here, channel, told, say: (...frames) => channel.send(written(...frames)) }
}

function written(...frames: ControlFrame[]): Uint8Array {
  return concatBytes(...frames.map(frame => encodeControl(frame)))
}

const please: ControlFrame = { type: 'restart-please', number: 1 }
const hello: ControlFrame = { type: 'hello', version: 1, capabilities: EXCHANGE }

describe('X1 the control channel between two of ours', () => {
  test('X1 costs nothing as long as nobody has anything to say', async () => {
    const { env, here, there, sent } = pair()
    here.control.show([])
    here.control.hide(hashes(3))
    here.control.bye()
    await env.advance(3_600_000)
    expect([here.opened, there.opened, sent(), env.pendingTimers]).toEqual([0, 0, 0, 0])
    expect(here.control.capabilities).toBeUndefined()
  })

  test('X1 opens with the first word, and what is said until it is open leaves as one message, the hello in front', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(20))
    expect(here.opened).toBe(1)
    await env.advance(LATENCY)
    here.control.show(hashes(5, 20))
    expect(here.control.relay(bytes(1, 2, 3, 4))).toBe(true)
    await env.advance(100)
    expect(there.heard).toEqual(['topics 25', 'relay 01020304 4'])
    expect(there.control.capabilities).toBe(EXCHANGE)
    expect(here.opened).toBe(1)
    expect([here.heard, here.control.capabilities, sent()]).toEqual([[], EXCHANGE, 2]) // the other end had nothing else to say
  })

  test('X1 the other end answers on the channel that is there', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    there.control.show(hashes(2))
    await env.advance(100)
    expect([here.heard, here.control.capabilities]).toEqual([['topics 2'], EXCHANGE])
    expect([here.opened, there.opened, sent()]).toEqual([1, 0, 3]) // a hello came back before
  })

  test('X1 a hello is answered with one, though there is nothing else to say, and only the first', async () => {
    const { env, here, told, say } = await forged()
    for (let i = 0; i < 3; i++) {
      say({ ...hello, capabilities: 0 })
      await env.advance(100)
    }
    expect([told, here.greetings, here.control.capabilities]).toEqual([[hello], 1, 0])
    expect([here.faults, env.pendingTimers]).toEqual([[], 0])
  })

  test('X1 when both open one at once, each speaks on its own and nothing is lost', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(2))
    there.control.show(hashes(3))
    await env.advance(100)
    here.control.relay(bytes(1))
    there.control.hide(hashes(1))
    await env.advance(100)
    expect([there.heard, here.heard]).toEqual([['topics 2', 'relay 01 1'], ['topics 3']])
    expect([there.control.topics.size, here.control.topics.size]).toEqual([2, 2])
    expect([here.own?.sent, there.own?.sent, sent()]).toEqual([2, 2, 4])
    expect([here.faults, there.faults]).toEqual([[], []])
    here.control.close()
    expect(here.own?.state).toBe('closed')
    await env.advance(100)
    expect([here.own?.state, there.own?.state, env.pendingTimers]).toEqual(['closed', 'closed', 0])
  })

  test('X1 what is said in one turn is one message, what is said in the next another, in the order in which it was said', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    const before = sent()
    for (let turn = 0; turn < 3; turn++) {
      here.control.relay(bytes(turn, 1))
      here.control.restart({ type: 'restart-please', number: 1 })
      here.control.relay(bytes(turn, 2))
      await Promise.resolve()
    }
    await env.advance(100)
    expect(sent() - before).toBe(3)
    expect(there.heard.slice(1)).toEqual(
      [0, 1, 2].flatMap(turn => [`relay 0${turn}01 2`, JSON.stringify(please), `relay 0${turn}02 2`]),
    )
  })

  test('X1 topics go ahead of the messages that were said before them in the same turn', async () => {
    const { env, here, there } = pair()
    here.control.relay(bytes(1))
    here.control.show(hashes(1))
    await env.advance(100)
    expect(there.heard).toEqual(['topics 1', 'relay 01 1'])
  })

  test('X1 messages are of at most 16 KiB, and a larger word goes alone', async () => {
    const { env, here, there } = pair()
    const sizes: number[] = []
    const { dial: open } = here
    here.dial = () => {
      const channel = open()
      const send = channel.send.bind(channel)
      channel.send = said => {
        sizes.push(said.length)
        send(said)
      }
      return channel
    }
    for (const size of [10 * KIB, 6 * KIB, 10, MAX_RELAY, 10, 10]) expect(here.control.relay(new Uint8Array(size))).toBe(true)
    await env.advance(100)
    expect(there.heard.map(each => Number(each.split(' ')[2]))).toEqual([10 * KIB, 6 * KIB, 10, MAX_RELAY, 10, 10])
    expect(sizes).toEqual([8 + 3 + 10 * KIB, 3 + 6 * KIB + 13, 3 + MAX_RELAY, 26])
  })

  test('X1 the words of repair find their way in both directions', async () => {
    const { env, here, there } = pair()
    const offer = 'v=0\r\n…'
    expect(here.control.restart({ type: 'restart', number: 7, offer })).toBe(true)
    await env.advance(100)
    expect(there.control.restart({ type: 'restarted', number: 7, answer: offer })).toBe(true)
    await env.advance(100)
    expect(there.heard).toEqual([JSON.stringify({ type: 'restart', number: 7, offer })])
    expect(here.heard).toEqual([JSON.stringify({ type: 'restarted', number: 7, answer: offer })])
  })

  test('X1 what no remote takes is refused, and opens nothing', async () => {
    const { env, here } = pair()
    expect(here.control.relay(new Uint8Array(MAX_RELAY + 1))).toBe(false)
    expect(here.control.relay(new Uint8Array(70_000))).toBe(false) // its length has no room in the head
    expect(here.control.restart({ type: 'restart', number: 7, offer: 'x'.repeat(MAX_DESCRIPTION + 1) })).toBe(false)
    await env.advance(100)
    expect(here.opened).toBe(0)
  })
})

describe('X1 topics in common', () => {
  test('X1 are told once, and taken back once', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(3))
    await env.advance(100)
    const before = sent()
    here.control.show(hashes(3))
    here.control.hide(hashes(3, 10))
    await env.advance(100)
    expect(sent()).toBe(before)
    here.control.hide(hashes(2))
    here.control.hide(hashes(2))
    await env.advance(100)
    expect([sent() - before, there.heard, [...there.control.topics]]).toEqual([1, ['topics 3'], [hash(2)]])
  })

  test('X1 one that comes and goes within a turn is not told, one that goes and comes back is', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    const before = sent()
    here.control.show([hash(7)])
    here.control.hide([hash(7)])
    await env.advance(100)
    expect(sent()).toBe(before)
    here.control.hide(hashes(1))
    here.control.show(hashes(1))
    await env.advance(100)
    expect([sent() - before, there.heard.slice(1)]).toEqual([1, ['topics 1']])
  })

  test('X1 both ends agree after any sequence, whatever travels together', async () => {
    const step = fc.record({
      show: fc.boolean(),
      from: fc.nat({ max: 8 }),
      count: fc.nat({ max: 4 }),
      wait: fc.constantFrom(-1, 0, 5, 50),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
        const { env, here, there } = pair()
        const mine = new Set<string>()
        for (const { show, from, count, wait } of steps) {
          const some = hashes(count, from)
          for (const each of some)
            if (show) mine.add(each)
            else mine.delete(each)
          if (show) here.control.show(some)
          else here.control.hide(some)
          if (wait >= 0) await env.advance(wait)
        }
        await env.advance(1_000)
        expect([...there.control.topics].toSorted()).toEqual([...mine].toSorted())
        expect([there.faults, env.pendingTimers]).toEqual([[], 0])
      }),
      { numRuns: 60 },
    )
  })

  test('X1 2 048 are told in five messages, more are not until there is room', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(MAX_SHOWN + 10))
    await env.advance(100)
    expect([there.control.topics.size, there.control.topics.has(hash(MAX_SHOWN))]).toEqual([MAX_SHOWN, false])
    expect(sent()).toBeLessThanOrEqual(5)
    here.control.hide(hashes(1))
    here.control.show(hashes(1, MAX_SHOWN))
    await env.advance(100)
    expect([there.control.topics.size, there.control.topics.has(hash(MAX_SHOWN))]).toEqual([MAX_SHOWN, true])
  })

  test('X1 a thousand that are added one by one are all told, at a pace that the remote listens to', async () => {
    const { env, here, there } = pair()
    for (let i = 0; i < 1_000; i++) {
      here.control.show([hash(i)])
      await env.advance(1)
    }
    await env.advance(20_000)
    expect([there.control.topics.size, there.faults, env.pendingTimers]).toEqual([1_000, [], 0])
  })
})

describe('X1 a ping on the control channel', () => {
  test('X1 measures the way there and back, once for all who ask meanwhile', async () => {
    const { env, here, there, sent } = pair()
    there.control.show(hashes(1))
    await env.advance(100)
    const before = sent()
    const pings = [outcome(here.control.ping()), outcome(here.control.ping())]
    await env.advance(2 * LATENCY - 1)
    expect(pings[0]?.settled).toBe(false)
    await env.advance(1)
    expect(pings.map(({ value }) => value)).toEqual([20, 20])
    expect([sent() - before, here.timers]).toEqual([2, 0])
  })

  test('X1 is always answered between two of ours, however often somebody asks', async () => {
    const { env, here, there } = pair()
    const before = () => here.own?.sent ?? 0
    let answers = 0
    for (const end = env.now() + 10_000; env.now() < end;) {
      const ping = outcome(here.control.ping())
      await env.advance(25)
      if (ping.settled && ping.code === undefined) answers++
    }
    await env.advance(1_000)
    expect(answers).toBeGreaterThan(395) // the first waits for the channel
    expect(before()).toBeLessThanOrEqual(101)
    expect([here.faults, there.faults]).toEqual([[], []])
  })

  test('X1 that nobody answers ends at its deadline, one whose channel closes at once', async () => {
    const { env, here, told } = await forged()
    const first = outcome(here.control.ping())
    await env.advance(PING_DEADLINE - 1)
    expect([first.settled, env.pendingTimers]).toEqual([false, 1])
    await env.advance(1)
    expect([first.code, env.pendingTimers]).toEqual(['ERR_UNRESPONSIVE', 0])
    const second = outcome(here.control.ping())
    await env.advance(100)
    here.control.close()
    await env.advance(0)
    expect([second.code, here.timers]).toEqual(['ERR_CLOSED', 0])
    expect(told.filter(({ type }) => type === 'ping')).toHaveLength(2)
    const third = outcome(here.control.ping())
    await env.advance(100)
    expect([third.code, env.pendingTimers]).toEqual(['ERR_CLOSED', 0])
  })

  test('X1 is not answered by a pong that nobody asked for, nor by one that comes too late', async () => {
    const { env, here, say } = await forged()
    say(hello, { type: 'pong', token: 1 }, { type: 'pong', token: 2 })
    await env.advance(100)
    const ping = outcome(here.control.ping())
    await env.advance(PING_DEADLINE)
    const next = outcome(here.control.ping())
    say({ type: 'pong', token: 1 })
    await env.advance(100)
    expect([ping.code, next.settled, here.faults]).toEqual(['ERR_UNRESPONSIVE', false, []])
    say({ type: 'pong', token: 2 })
    await env.advance(LATENCY)
    expect(next.value).toBe(100 + LATENCY)
  })

  test('Law 6 more than ten a second are not answered', async () => {
    const { env, told, say } = await forged()
    say(hello)
    for (let i = 0; i < 50; i++) say({ type: 'ping', token: i })
    await env.advance(100)
    expect(told.filter(({ type }) => type === 'pong')).toHaveLength(10)
    expect(told[0]).toEqual(hello) // the first word, though only an answer
    await env.advance(10_000)
    say({ type: 'ping', token: 99 })
    await env.advance(100)
    expect(told.at(-1)).toEqual({ type: 'pong', token: 99 })
  })
})

describe('X1 the end of a control channel', () => {
  test('X1 a goodbye leaves in the very turn, behind what was said before', async () => {
    const { env, here, there } = pair()
    there.control.show(hashes(1))
    await env.advance(100)
    here.control.relay(bytes(1))
    here.control.bye()
    here.control.close()
    await env.advance(100)
    expect(there.heard).toEqual(['relay 01 1', 'bye'])
  })

  test('X1 a goodbye opens nothing, and waits for nothing', async () => {
    const { env, here, there } = pair()
    here.control.bye()
    here.control.show(hashes(1))
    here.control.bye() // the channel opens still
    await env.advance(100)
    expect(there.heard).toEqual(['topics 1'])
  })

  test('X1 when the remote closes the channel nothing is said any more', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    there.control.close()
    await env.advance(100)
    const before = sent()
    here.control.show(hashes(9))
    here.control.bye()
    expect([here.control.relay(bytes(1)), here.control.restart({ type: 'restart-please', number: 1 })]).toEqual([false, false])
    await env.advance(100)
    expect([sent() - before, here.opened, here.faults, env.pendingTimers]).toEqual([0, 1, [], 0])
  })

  test('X1 where no channel can be opened any more, nothing is tried again', async () => {
    const env = new VirtualEnv()
    const here = new End({ env, net: new FakeNet(env) })
    here.control.show(hashes(1))
    expect([here.control.relay(bytes(1)), here.opened]).toEqual([false, 1])
    const ping = outcome(here.control.ping())
    await env.advance(1)
    expect([ping.code, here.opened, env.pendingTimers]).toEqual(['ERR_CLOSED', 1, 0])
  })

  test('X1 whoever closes while a word is heard hears none of those that came with it', async () => {
    const { env, here, say } = await forged()
    here.bye = () => {
      here.heard.push('bye')
      here.control.close()
    }
    say(hello, { type: 'bye' }, please, { type: 'topics', hashes: hashes(1) })
    await env.advance(100)
    expect([here.heard, env.pendingTimers]).toEqual([['bye'], 0])
  })

  test('X1 a channel that is over when it is adopted, or that fails to send, is the end', async () => {
    const { here, channel, env } = await forged()
    channel.close()
    await env.advance(100)
    const other = new End({ env, net: new FakeNet(env) })
    other.control.adopt(channel)
    expect([other.control.relay(bytes(1)), other.opened, here.control.relay(bytes(1))]).toEqual([false, 0, false])
    const ends = pair()
    ends.here.control.show(hashes(1))
    await ends.env.advance(100)
    if (ends.here.own !== undefined)
      ends.here.own.send = () => {
        throw new SwarmlinkError('ERR_QUEUE_FULL', 'too much waits')
      }
    ends.here.control.relay(bytes(1))
    await ends.env.advance(100)
    expect([ends.here.own?.state, ends.here.control.relay(bytes(1))]).toEqual(['closed', false])
  })

  test('X1 it leaves no timer and calls nobody, at whatever moment it closes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 80 }), fc.boolean(), fc.boolean(), async (at, both, twice) => {
        const { env, here, there } = pair()
        here.control.show(hashes(3))
        if (both) there.control.show(hashes(5))
        const pings = [here, there].map(({ control }) => outcome(control.ping()))
        for (let i = 0; i < 400; i++) here.control.relay(bytes(i & 255))
        await env.advance(at)
        here.control.close()
        if (twice) here.control.close()
        await env.advance(0)
        expect(here.timers).toBe(0)
        const heard = here.heard.length
        here.control.show(hashes(1, 50))
        await env.advance(1_000)
        there.control.close() // a connection that ends tells both
        await env.advance(1_000)
        expect([here.heard.length, env.pendingTimers]).toEqual([heard, 0])
        expect(pings.every(({ settled }) => settled)).toBe(true)
        expect([here.faults, there.faults]).toEqual([[], []])
      }),
      { numRuns: 60 },
    )
  })

  test('X1 while it waits for its turn to speak it may close as well', async () => {
    const { env, here } = pair()
    for (let i = 0; i < 400; i++) {
      here.control.show([hash(i)])
      await env.advance(0)
      if (i === 0) await env.advance(100)
    }
    expect(here.timers).toBe(1)
    here.control.close()
    expect(here.timers).toBe(0)
  })
})

describe('Law 6 what a remote says on the control channel has a bound', () => {
  test.each<[string, (channel: FakeChannel) => void]>([
    ['texts', channel => channel.send('hello')],
    ['random bytes', channel => channel.send(bytes(1, 2, 3, 4))],
    ['no hello', channel => channel.send(written({ type: 'bye' }))],
    ['only what is unknown', channel => channel.send(bytes(99, 0, 0))],
  ])('Law 6 a few faults are forgiven, one a minute for ever: %s', async (_, offend) => {
    const { env, here, channel } = await forged()
    for (let i = 0; i < 10; i++) offend(channel)
    await env.advance(100)
    expect(here.faults).toEqual([])
    for (let i = 0; i < 100; i++) {
      await env.advance(60_000)
      offend(channel)
    }
    await env.advance(100)
    expect([here.faults, channel.state]).toEqual([[], 'open'])
    for (let i = 0; i < 5; i++) offend(channel)
    await env.advance(100)
    expect([here.faults, here.heard, channel.state, env.pendingTimers]).toEqual([['ERR_BAD_FRAME'], [], 'closed', 0])
  })

  test('Law 6 words behind a hello that are unknown are no fault', async () => {
    const { env, here, channel, say } = await forged()
    say(hello)
    for (let i = 0; i < 50; i++) channel.send(bytes(99, 0, 2, 1, 1))
    say({ type: 'bye' })
    await env.advance(100)
    expect([here.faults, here.heard]).toEqual([[], ['bye']])
  })

  test('Law 6 the first hello counts, on whichever channel', async () => {
    const { env, here, say } = await forged()
    say({ type: 'hello', version: 9, capabilities: 0 }, hello)
    await env.advance(100)
    expect(here.control.capabilities).toBe(0)
  })

  test('Law 6 of a flood a burst is read, then a hundred frames a second, and after ten seconds nothing', async () => {
    const { env, here, say } = await forged()
    say(hello)
    let seconds = 0
    const read: number[] = []
    while (here.faults.length === 0 && seconds < 60) {
      const before = here.heard.length
      for (let i = 0; i < 50; i++) {
        if (here.faults.length === 0) say(...Array.from({ length: 20 }, () => please))
        await env.advance(20)
      }
      read.push(here.heard.length - before)
      seconds++
    }
    expect(read[0]).toBeGreaterThanOrEqual(400)
    expect(read[0]).toBeLessThanOrEqual(500)
    expect(Math.max(...read.slice(1))).toBeLessThanOrEqual(101)
    expect(seconds).toBeGreaterThanOrEqual(10)
    expect(seconds).toBeLessThanOrEqual(12)
    expect(here.faults).toEqual(['ERR_BAD_FRAME'])
  })

  test('Law 6 frames of later versions count like others', async () => {
    const { env, here, channel, say } = await forged()
    say(hello)
    for (let i = 0; i < 500; i++) channel.send(bytes(99, 0, 0))
    say({ type: 'bye' })
    await env.advance(100)
    expect(here.heard).toEqual([])
  })

  test('Law 6 a flood of peer exchange does not drown the other words', async () => {
    const { env, here, say } = await forged()
    say(hello)
    for (let i = 0; i < 1_000; i++) say({ type: 'relay', message: bytes(1) })
    say({ type: 'topics', hashes: hashes(2) }, { type: 'bye' })
    await env.advance(100)
    expect(here.heard.slice(-2)).toEqual(['topics 2', 'bye'])
    expect(here.heard.length).toBeLessThanOrEqual(352)
    expect(here.faults).toEqual([])
  })

  test('Law 6 the 2 049th topic of a remote is not heard of, until it takes one back', async () => {
    const { env, here, say } = await forged()
    say(hello)
    for (let i = 0; i < 10; i++) say({ type: 'topics', hashes: hashes(MAX_HASHES, i * MAX_HASHES) })
    await env.advance(100)
    expect(here.control.topics.size).toBe(MAX_SHOWN)
    say(
      { type: 'gone', hashes: [hash(0), hash(0), hash(5_000)] },
      { type: 'topics', hashes: hashes(9, 1) }, // which it has shown before
      { type: 'topics', hashes: [hash(5_000), hash(5_001), hash(1)] },
    )
    await env.advance(100)
    expect([here.control.topics.size, here.heard.slice(4)]).toEqual([MAX_SHOWN, ['topics 1']])
  })

  test('Law 6 a third channel is closed, and who goes on with that is at fault', async () => {
    const { env, net, here, channel, say } = await forged()
    say(hello)
    const further = Array.from({ length: 11 }, () => dial({ env, net }, far => here.control.adopt(far)))
    await env.advance(5 * LATENCY)
    expect(further.map(({ state }) => state)).toEqual(Array(11).fill('closed'))
    expect([here.faults, channel.state]).toEqual([['ERR_BAD_FRAME'], 'closed'])
    const late = dial({ env, net }, far => here.control.adopt(far))
    await env.advance(5 * LATENCY)
    expect(late.state).toBe('closed')
  })
})

describe('Law 6 what waits for a slow remote has a bound', () => {
  test('Law 6 256 KiB before the channel opens, and no more', async () => {
    const { env, here, there } = pair()
    let taken = 0
    while (here.control.relay(new Uint8Array(MAX_RELAY))) taken++
    expect(taken).toBe(12)
    await env.advance(100)
    expect(there.heard).toHaveLength(12)
    expect(here.control.relay(new Uint8Array(MAX_RELAY))).toBe(true)
  })

  test('Law 6 256 KiB when nothing leaves, with all topics, told in the end', async () => {
    const { env, here, there } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    here.own?.hold()
    let taken = 0
    for (let i = 0; i < 100; i++) {
      if (here.control.relay(new Uint8Array(MAX_RELAY))) taken++
      await env.advance(10)
    }
    expect(taken).toBe(12)
    for (let i = 0; i < 400; i++) {
      here.control.show(hashes(100, 1))
      await env.advance(25)
      here.control.hide(hashes(100, 1))
      await env.advance(25)
    }
    here.control.show(hashes(9, 100))
    await env.advance(10_000)
    expect(here.own?.bufferedAmount).toBeLessThan(300 * KIB)
    here.own?.release()
    await env.advance(10_000)
    expect([...there.control.topics].toSorted()).toEqual([hash(0), ...hashes(9, 100)])
    expect([there.faults, env.pendingTimers]).toEqual([[], 0])
  })

  test('Law 6 many small messages wait up to what the remote listens to, and leave room for other words', async () => {
    const { env, here, there } = pair()
    let taken = 0
    for (let i = 0; i < 1_000; i++) if (here.control.relay(bytes(1))) taken++
    expect(taken).toBe(250)
    expect(here.control.restart({ type: 'restart-please', number: 1 })).toBe(true)
    here.control.show(hashes(MAX_SHOWN))
    const ping = outcome(here.control.ping())
    await env.advance(100)
    expect([there.heard.length, there.control.topics.size, ping.settled, there.faults]).toEqual([255, MAX_SHOWN, true, []])
  })

  test('Law 6 a ping that has no room says so', async () => {
    const { env, here } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    here.own?.hold()
    while (here.control.relay(new Uint8Array(MAX_RELAY)));
    while (here.control.relay(new Uint8Array(100)));
    while (here.control.relay(new Uint8Array(0)));
    const ping = outcome(here.control.ping())
    await env.advance(100)
    expect(ping.code).toBe('ERR_QUEUE_FULL')
  })
})
