import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Emitter } from '../../../src/core/emitter.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import {
  HIGH_WATER,
  LOW_WATER,
  type ChannelState,
  type EngineChannel,
  type EngineChannelEvents,
} from '../../../src/engine/engine.js'
import { W3cChannel } from '../../../src/engine/w3c-channel.js'
import { SHARED_WINDOW, ChannelScheduler } from '../../../src/peer/channel-scheduler.js'
import { channelPair, FakeNet } from '../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'
import { FakeRtcChannel } from '../engine/fake-rtc.js'

const KIB = 1024
const PIECE = 64 * KIB

/** The one first-in, first-out queue of an association. Bytes leave it when a test says so. */
class Association {
  readonly left: Array<{ label: string; message: string | Uint8Array }> = []
  readonly queue: Array<{ channel: QueueingChannel; message: string | Uint8Array; size: number }> = []
  /** Bytes that `bufferedAmount` never shows, like those in libdatachannel's buffer below its queue. */
  invisible = 0
  most = 0

  get bytes(): number {
    return this.queue.reduce((sum, { size }) => sum + size, 0)
  }

  /** Everything leaves first, and the events follow. */
  async stall(): Promise<void> {
    const gone = this.queue.splice(0)
    for (const { channel, message, size } of gone) {
      this.left.push({ label: channel.label, message })
      channel.bufferedAmount -= size
    }
    for (const { channel } of gone) channel.gone(0)
    await settled()
  }

  /** At least `bytes` leave, in whole messages, and each event is handled before the next message leaves. */
  async leave(bytes: number): Promise<void> {
    for (let gone = 0; gone < bytes;) {
      const first = this.queue.shift()
      if (first === undefined) break
      gone += first.size
      this.left.push({ label: first.channel.label, message: first.message })
      first.channel.gone(first.size)
      await settled()
    }
  }

  async leaveAll(): Promise<void> {
    await settled()
    while (this.queue.length > 0) await this.leave(1)
  }
}

class QueueingChannel extends Emitter<EngineChannelEvents> implements EngineChannel {
  readonly label: string
  state: ChannelState = 'open'
  bufferedAmount = 0
  refusal: Error | undefined
  readonly #association: Association
  #owed = false
  #lowWater = LOW_WATER

  constructor(association: Association, label: string) {
    super()
    this.#association = association
    this.label = label
  }

  get lowWater(): number {
    return this.#lowWater
  }

  set lowWater(bytes: number) {
    this.#lowWater = bytes
    if (this.bufferedAmount > bytes) this.#owed = true
  }

  send(message: string | Uint8Array): void {
    if (this.state !== 'open') throw new SwarmlinkError('ERR_CLOSED', 'closed')
    if (this.refusal !== undefined) throw this.refusal
    const association = this.#association
    const copy = typeof message === 'string' ? message : message.slice()
    const size = message.length
    if (association.queue.length === 0 && association.invisible >= size) {
      association.invisible -= size
      association.left.push({ label: this.label, message: copy })
      return
    }
    association.queue.push({ channel: this, message: copy, size })
    association.most = Math.max(association.most, association.bytes)
    this.bufferedAmount += size
    if (this.bufferedAmount > this.#lowWater) this.#owed = true
  }

  gone(size: number): void {
    if (this.state === 'closed') return
    this.bufferedAmount -= size
    if (!this.#owed || this.bufferedAmount > this.#lowWater) return
    this.#owed = false
    this.emit('drain')
  }

  close(): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.bufferedAmount = 0
    this.emit('close')
    this.removeAllListeners()
  }
}

const settled = () => new Promise(resolve => setImmediate(resolve))

function setup(count: number) {
  const association = new Association()
  const scheduler = new ChannelScheduler()
  const engines = Array.from({ length: count }, (_, index) => new QueueingChannel(association, String(index)))
  return { association, engines, channels: engines.map(engine => scheduler.share(engine)), turns: scheduler }
}

/** Sends for ever, like a torrent's wire. */
function sendMuch(channel: EngineChannel, piece = PIECE): void {
  const message = new Uint8Array(piece)
  const fill = () => {
    while (channel.state === 'open' && channel.bufferedAmount <= HIGH_WATER) channel.send(message)
  }
  channel.on('drain', fill)
  fill()
}

function bytesOf({ left }: Association): Map<string, number> {
  const bytes = new Map<string, number>()
  for (const { label, message } of left) bytes.set(label, (bytes.get(label) ?? 0) + message.length)
  return bytes
}

describe('ChannelScheduler with several busy channels', () => {
  test('gives twenty channels the same, and keeps the engine busy with at most a window [X1]', async () => {
    const { association, channels } = setup(20)
    association.left.length = 0
    for (const channel of channels) sendMuch(channel)
    await association.leave(2 * HIGH_WATER) // the first channel was alone when it began
    association.left.length = 0
    association.most = 0
    for (let step = 0; step < 320; step++) {
      await association.leave(PIECE)
      expect(association.bytes).toBeGreaterThan(SHARED_WINDOW / 4)
    }
    expect(association.most).toBeLessThanOrEqual(SHARED_WINDOW + PIECE)
    const shares = [...bytesOf(association).values()]
    expect(shares).toHaveLength(20)
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * PIECE)
  })

  test('gives channels with small or large messages as many bytes as the others [X1]', async () => {
    const { association, channels } = setup(3)
    const sizes = [KIB, PIECE, 256 * KIB]
    for (const [index, channel] of channels.entries()) sendMuch(channel, sizes[index])
    await association.leave(HIGH_WATER)
    association.left.length = 0
    await association.leave(24 * HIGH_WATER)
    const shares = [...bytesOf(association).values()]
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * 256 * KIB)
  })

  test('delays a small message beside twenty busy channels by no more than what the engine holds [X1]', async () => {
    const { association, channels } = setup(21)
    const [small, ...busy] = channels
    for (const channel of busy) sendMuch(channel)
    await association.leave(2 * HIGH_WATER)
    for (let round = 0; round < 20; round++) {
      const before = association.left.length
      small?.send(`small ${round}`)
      await settled()
      await association.leave(SHARED_WINDOW + 2 * PIECE)
      const since = association.left.slice(before)
      expect(since.map(({ message }) => message)).toContain(`small ${round}`)
    }
  })

  test('does the same for several small messages in one round [X1]', async () => {
    const { association, channels } = setup(101)
    const [small, ...busy] = channels
    for (const channel of busy) sendMuch(channel)
    await association.leave(2 * HIGH_WATER)
    for (let index = 0; index < 10; index++) {
      small?.send(String(index))
      await settled()
      await association.leave(PIECE)
    }
    await association.leave(SHARED_WINDOW + PIECE)
    expect(association.left.filter(({ label }) => label === '0').map(({ message }) => message)).toEqual(
      Array.from({ length: 10 }, (_, index) => String(index)),
    )
  })

  test('gives a channel that keeps emptying its queue at most one turn per round [X1]', async () => {
    const { association, channels } = setup(21)
    const [sly, ...busy] = channels
    for (const channel of busy) sendMuch(channel)
    await association.leave(2 * HIGH_WATER)
    association.left.length = 0
    for (let step = 0; step < 400; step++) {
      if (sly?.bufferedAmount === 0) sly.send(new Uint8Array(PIECE))
      await association.leave(1)
    }
    const shares = bytesOf(association)
    const others = [...shares].filter(([label]) => label !== '0').map(([, bytes]) => bytes)
    expect(shares.get('0')).toBeLessThanOrEqual(Math.max(...others) + PIECE)
  })

  test('needs no event for bytes that left before it subscribed [X1]', async () => {
    const { association, engines, channels } = setup(6)
    const message = new Uint8Array(PIECE)
    for (const channel of channels.slice(0, 5)) channel.send(message) // each too little for an event of the engine
    channels[5]!.send(message)
    expect(engines[5]!.bufferedAmount).toBe(0)
    for (const { channel, size } of association.queue.splice(0)) channel.gone(size) // within one turn of the event loop
    await settled()
    expect(engines[5]!.bufferedAmount).toBe(PIECE)
  })

  test('is as fair where the engine hides what it took, and where everything leaves before any event [X1]', async () => {
    const { association, channels } = setup(20)
    for (const channel of channels) sendMuch(channel)
    await association.leave(2 * HIGH_WATER)
    association.left.length = 0
    for (let step = 0; step < 50; step++) {
      association.invisible = 10 * PIECE
      await association.stall()
      expect(association.bytes).toBeGreaterThan(SHARED_WINDOW - PIECE)
    }
    const shares = [...bytesOf(association).values()]
    expect(shares).toHaveLength(20)
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2 * PIECE)
  })
})

describe('ChannelScheduler with one busy channel', () => {
  test('passes every message on at once, unchanged [X1]', () => {
    const { engines, channels } = setup(2)
    const send = vi.spyOn(engines[0]!, 'send')
    const message = new Uint8Array(PIECE)
    while (channels[0]!.bufferedAmount <= HIGH_WATER) channels[0]!.send(message)
    expect(send).toHaveBeenCalledTimes(HIGH_WATER / PIECE + 1)
    for (const [given] of send.mock.calls) expect(given).toBe(message)
    expect(engines[0]!.lowWater).toBe(LOW_WATER)
  })

  test('treats a channel as alone when the bytes of another left without an engine event [X1]', async () => {
    const { association, engines, channels } = setup(2)
    channels[1]!.send('little')
    await association.leaveAll()
    const send = vi.spyOn(engines[0]!, 'send')
    while (channels[0]!.bufferedAmount <= HIGH_WATER) channels[0]!.send(new Uint8Array(PIECE))
    expect(send).toHaveBeenCalledTimes(HIGH_WATER / PIECE + 1)
  })

  test('reports room as early as before, once the others have had their turn [X1]', async () => {
    const { association, engines, channels } = setup(3)
    for (const who of [0, 0, 0, 1, 1]) channels[who]!.send(new Uint8Array(PIECE))
    channels[2]!.send('little')
    await settled()
    expect(engines[1]!.lowWater).toBeLessThan(LOW_WATER)
    await association.leave(2 * PIECE)
    expect(channels[2]!.bufferedAmount).toBe(engines[2]!.bufferedAmount)
    channels[1]!.send('more')
    for (const { lowWater } of engines) expect(lowWater).toBe(LOW_WATER)
  })

  test('gives it the whole engine again when the others have nothing left to send [X1]', async () => {
    const { association, engines, channels } = setup(20)
    sendMuch(channels[0]!)
    for (const channel of channels.slice(1)) channel.send(new Uint8Array(PIECE))
    await association.leave(8 * HIGH_WATER)
    const send = vi.spyOn(engines[0]!, 'send')
    association.left.length = 0
    await association.leave(4 * HIGH_WATER)
    expect(new Set(association.left.map(({ label }) => label))).toEqual(new Set(['0']))
    const given = new Set(send.mock.calls.map(([message]) => message))
    expect(given.size).toBe(1) // no copies
    expect(association.bytes).toBeGreaterThanOrEqual(LOW_WATER)
  })
})

describe('ScheduledChannel', () => {
  test("has its engine channel's label, states and messages, early ones included [X1]", async () => {
    const env = new VirtualEnv()
    const rtc = new FakeRtcChannel('wire')
    const host = { env, drainPoll: undefined, closeRtc: undefined, suspect() {}, opened() {}, closed() {} }
    const shared = new ChannelScheduler().share(new W3cChannel(rtc, host))
    const seen: unknown[] = []
    shared.on('open', () => seen.push('open'))
    shared.on('close', () => seen.push('close'))
    expect([shared.label, shared.state, shared.bufferedAmount, shared.lowWater]).toEqual(['wire', 'connecting', 0, LOW_WATER])
    expect(() => shared.send('x')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    rtc.open()
    expect(shared.state).toBe('open')
    for (const text of ['a', 'b', 'c']) rtc.receive(text)
    shared.once('message', message => seen.push(message))
    await env.advance(0)
    expect(seen).toEqual(['open', 'a'])
    const listener = (message: unknown) => seen.push(message)
    shared.on('message', listener)
    await env.advance(0)
    shared.off('message', listener)
    rtc.receive('d')
    shared.close()
    shared.close()
    expect(seen).toEqual(['open', 'a', 'b', 'c', 'close'])
    expect([shared.state, shared.bufferedAmount, rtc.closes]).toEqual(['closed', 0, 1])
    expect(() => shared.send('x')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await env.advance(0)
    expect(env.pendingTimers).toBe(0)
  })

  test('delivers all bytes in order with every drain, with real timers [X1]', async () => {
    const env = new VirtualEnv()
    const net = new FakeNet(env, { bandwidth: 10_000 })
    const scheduler = new ChannelScheduler()
    const received = await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        const [here, there] = channelPair(net)
        const shared = scheduler.share(here)
        let expected = 0
        there.on('message', message => expect(new DataView((message as Uint8Array).buffer).getUint32(0)).toBe(expected++))
        const message = new Uint8Array(PIECE / (index + 1))
        let sent = 0
        const fill = () => {
          for (; sent < 200 && shared.bufferedAmount <= HIGH_WATER; sent++) {
            new DataView(message.buffer).setUint32(0, sent) // the same memory each time
            shared.send(message)
          }
        }
        shared.on('drain', fill)
        fill()
        await env.until(() => expected === 200)
        return expected
      }),
    )
    expect(received).toEqual([200, 200, 200, 200, 200])
    expect(env.pendingTimers).toBe(0)
  })

  test("counts its own queue and the engine's as bufferedAmount, and drains when that is low [X1]", async () => {
    const { association, channels } = setup(2)
    sendMuch(channels[0]!)
    const other = channels[1]!
    const drains: number[] = []
    other.on('drain', () => drains.push(other.bufferedAmount))
    for (let index = 0; index < 16; index++) other.send(new Uint8Array(PIECE))
    expect(other.bufferedAmount).toBe(16 * PIECE)
    for (let step = 0; drains.length === 0 && step < 200; step++) {
      expect(other.bufferedAmount).toBeGreaterThan(LOW_WATER - PIECE)
      await association.leave(1)
    }
    expect(drains).toHaveLength(1)
    expect(drains[0]).toBeLessThanOrEqual(LOW_WATER)
    expect(drains[0]).toBeGreaterThan(LOW_WATER - 2 * PIECE)
    await association.leave(4 * HIGH_WATER)
    expect(drains).toHaveLength(1)
  })

  test('drains at another mark when one is set [X1]', async () => {
    const { association, channels } = setup(1)
    const [channel] = channels
    const drains: number[] = []
    channel!.on('drain', () => drains.push(channel!.bufferedAmount))
    for (let index = 0; index < 4; index++) channel!.send(new Uint8Array(PIECE))
    channel!.lowWater = PIECE
    await settled()
    expect([channel!.lowWater, drains]).toEqual([PIECE, []])
    await association.leaveAll()
    expect(drains).toEqual([PIECE])
  })

  test('bounds its queue, also for empty messages [X1] [Law 6]', async () => {
    const { channels } = setup(2)
    sendMuch(channels[0]!)
    const full = expect.objectContaining({ code: 'ERR_QUEUE_FULL' })
    expect(() => {
      for (let index = 0; index < 1000; index++) channels[1]!.send(new Uint8Array(PIECE))
    }).toThrow(full)
    expect(channels[1]!.bufferedAmount).toBeLessThanOrEqual(8 * HIGH_WATER)
    expect(channels[1]!.bufferedAmount).toBeGreaterThan(8 * HIGH_WATER - 2 * PIECE)
    channels[1]!.close()
    const { channels: others } = setup(2)
    sendMuch(others[0]!)
    expect(() => {
      for (let index = 0; index < 1_000_000; index++) others[1]!.send('')
    }).toThrow(full)
    expect(() => others[0]!.send(new Uint8Array(300_000))).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
  })
})

describe('the end of a ScheduledChannel', () => {
  test('drops its queue, and gives its share to the others at once [X1]', async () => {
    const { association, engines, channels } = setup(3)
    for (const channel of channels) sendMuch(channel)
    await association.leave(HIGH_WATER)
    for (const channel of channels.slice(0, 2)) {
      channel.close()
      expect(channel.bufferedAmount).toBe(0)
    }
    for (const engine of engines.slice(0, 2)) expect(engine.state).toBe('closed')
    association.queue.splice(0, association.queue.length, ...association.queue.filter(({ channel }) => channel === engines[2]))
    await settled()
    expect(association.bytes).toBeGreaterThanOrEqual(SHARED_WINDOW)
    association.left.length = 0
    await association.leave(HIGH_WATER)
    expect(new Set(association.left.map(({ label }) => label))).toEqual(new Set(['2']))
  })

  test('sends its last messages as an engine channel would [X1]', async () => {
    const { association, channels } = setup(2)
    sendMuch(channels[0]!)
    channels[1]!.send('goodbye')
    channels[1]!.close()
    await association.leave(2 * HIGH_WATER)
    expect(association.left.map(({ message }) => message)).toContain('goodbye')
  })

  test('ends one channel when the engine refuses its queue, and no other [X1]', async () => {
    const { association, engines, channels } = setup(3)
    for (const channel of channels) sendMuch(channel)
    engines[1]!.refusal = new SwarmlinkError('ERR_ENGINE', 'refused')
    let closes = 0
    channels[1]!.on('close', () => closes++)
    await association.leave(HIGH_WATER)
    expect([closes, channels[1]!.state]).toEqual([1, 'closed'])
    association.left.length = 0
    await association.leave(4 * HIGH_WATER)
    expect(new Set(association.left.map(({ label }) => label))).toEqual(new Set(['0', '2']))
  })

  test('lets drain listeners close any of them [X1]', async () => {
    const { association, channels } = setup(5)
    for (const channel of channels) {
      channel.on('drain', () => {
        for (const other of channels) if (other !== channel) other.close()
      })
      sendMuch(channel)
    }
    await association.leave(8 * HIGH_WATER)
    expect(channels.filter(({ state }) => state === 'open')).toHaveLength(1)
    association.left.length = 0
    await association.leave(HIGH_WATER)
    expect(association.left.length).toBeGreaterThanOrEqual(HIGH_WATER / PIECE)
  })
})

test('delivers what each channel was given, in any order of sends and closes [X1]', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ act: fc.constant('send' as const), who: fc.nat(5), size: fc.integer({ min: 8, max: 262_144 }) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ act: fc.constant('burst' as const), who: fc.nat(5), size: fc.integer({ min: 8, max: 70_000 }) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ act: fc.constant('leave' as const), who: fc.nat(5), size: fc.integer({ min: 1, max: 1_000_000 }) }),
    },
    { weight: 3, arbitrary: fc.record({ act: fc.constant('hide' as const), who: fc.nat(5), size: fc.nat(1_000_000) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('close' as const), who: fc.nat(5), size: fc.constant(0) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
      const { association, channels } = setup(6)
      const sent = channels.map((): number[] => [])
      const drained = channels.map(() => true)
      for (const [who, channel] of channels.entries()) channel.on('drain', () => (drained[who] = true))
      const memory = new Uint8Array(262_144)
      const send = (who: number, size: number) => {
        const channel = channels[who]!
        const log = sent[who]!
        if (channel.state !== 'open' || channel.bufferedAmount > 2 * HIGH_WATER) return
        new DataView(memory.buffer).setUint32(0, log.length)
        channel.send(memory.subarray(0, size))
        log.push(size)
        if (channel.bufferedAmount > LOW_WATER) drained[who] = false
      }
      for (const { act, who, size } of steps) {
        if (act === 'send') send(who, size)
        else if (act === 'burst') for (let index = 0; index < 20; index++) send(who, size)
        else if (act === 'leave') await association.leave(size)
        else if (act === 'hide') association.invisible = size
        else channels[who]!.close()
        // Ignores bytes of closed channels: engines report none for them.
        const open = association.queue.filter(({ channel }) => channel.state === 'open')
        expect(open.reduce((sum, { size: bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(HIGH_WATER + 262_144)
      }
      await association.leaveAll()
      for (const [who, channel] of channels.entries()) {
        const arrived = association.left.filter(({ label }) => label === String(who)).map(({ message }) => message as Uint8Array)
        expect(arrived.map(message => message.length)).toEqual(sent[who]!.slice(0, arrived.length))
        for (const [index, message] of arrived.entries()) expect(new DataView(message.buffer).getUint32(0)).toBe(index)
        if (channel.state !== 'open') continue
        expect([arrived.length, channel.bufferedAmount, drained[who]]).toEqual([sent[who]!.length, 0, true])
      }
    }),
    { numRuns: 100 },
  )
})
