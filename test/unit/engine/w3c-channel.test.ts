import { describe, expect, it } from 'vitest'
import { HIGH_WATER, LOW_WATER } from '../../../src/engine/engine.js'
import type { RtcChannel } from '../../../src/engine/rtc.js'
import { W3cChannel } from '../../../src/engine/w3c-channel.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'
import { FakeRtcChannel } from './fake-rtc.js'

type Options = { drainPoll?: number; readyState?: string; closeRtc?: (rtc: RtcChannel) => void; confirmed?: Promise<void> }

function setup({ drainPoll, readyState = 'open', closeRtc, confirmed }: Options = {}) {
  const env = new VirtualEnv()
  const rtc = new FakeRtcChannel('wire')
  rtc.readyState = readyState
  let suspicions = 0
  const host = { env, drainPoll, closeRtc, confirmed, suspect: () => suspicions++, opened() {}, closed() {} }
  const channel = new W3cChannel(rtc, host)
  return { env, rtc, channel, suspicions: () => suspicions }
}

const withCode = (code: string) => expect.objectContaining({ code })

describe('messages', () => {
  it('arrive in order as strings and Uint8Arrays, from each type that an engine delivers', async () => {
    const { env, rtc, channel } = setup()
    const messages: unknown[] = []
    channel.on('message', message => messages.push(message))
    expect(rtc.binaryType).toBe('arraybuffer')
    rtc.receive(new Blob([Uint8Array.of(1)]))
    rtc.receive('text')
    rtc.receive(Uint8Array.of(0, 2, 0).buffer)
    rtc.receive(Buffer.from([9, 3, 9]).subarray(1, 2))
    await new Promise(resolve => setImmediate(resolve)) // a Blob is read in real time
    await env.advance(0)
    expect(messages).toEqual([Uint8Array.of(1), 'text', Uint8Array.of(0, 2, 0), Uint8Array.of(3)])
    for (const message of messages)
      if (typeof message !== 'string') expect(Object.getPrototypeOf(message)).toBe(Uint8Array.prototype)
  })

  it('wait for the open event, before which Chromium may deliver some and refuses to send [E4]', () => {
    const { rtc, channel } = setup({ readyState: 'connecting' })
    const seen: string[] = []
    channel.on('open', () => seen.push('open'))
    channel.on('message', message => seen.push(String(message)))
    rtc.receive('first')
    rtc.receive('second')
    expect([channel.state, seen]).toEqual(['connecting', []])
    rtc.open()
    rtc.receive('third')
    expect(seen).toEqual(['open', 'first', 'second', 'third'])
  })

  it('wait for the first listener, and for the next one after `once`', async () => {
    const { env, rtc, channel } = setup()
    for (const text of ['a', 'b', 'c']) rtc.receive(text)
    const messages: unknown[] = []
    channel.once('message', message => messages.push(message))
    expect(messages).toEqual([])
    await env.advance(0)
    expect(messages).toEqual(['a'])
    channel.on('message', message => messages.push(message))
    await env.advance(0)
    rtc.receive('d')
    expect(messages).toEqual(['a', 'b', 'c', 'd'])
  })

  it('close the channel if there is no listener and too many wait', () => {
    const { rtc, channel } = setup()
    for (let i = 0; i < 100 && channel.state === 'open'; i++) rtc.receive(new ArrayBuffer(65_536))
    expect(channel.state).toBe('closed')
    expect(rtc.closes).toBe(1)
    const many = setup()
    for (let i = 0; i < 10_000 && many.channel.state === 'open'; i++) many.rtc.receive('')
    expect(many.channel.state).toBe('closed')
  })

  it('that were sent in the turn of close() are not lost: the quirk closes the engine channel later', () => {
    const closing: RtcChannel[] = []
    const { rtc, channel } = setup({ closeRtc: each => void closing.push(each) })
    channel.send('last words')
    channel.close()
    channel.close()
    expect([channel.state, closing, rtc.closes]).toEqual(['closed', [rtc], 0])
  })

  it('that came before the remote peer closed reach a listener that was added in the same turn', () => {
    const { rtc, channel } = setup()
    const seen: unknown[] = []
    rtc.receive('last words')
    channel.on('message', message => seen.push(message))
    channel.on('close', () => seen.push('close'))
    rtc.dispatchEvent(new Event('close'))
    expect(seen).toEqual(['last words', 'close'])
  })

  it('are not emitted after close, and no other event is', async () => {
    const { env, rtc, channel } = setup()
    const seen: unknown[] = []
    rtc.receive('kept')
    channel.on('message', message => seen.push(message))
    channel.close()
    rtc.receive('late')
    rtc.open()
    await env.advance(0)
    expect(seen).toEqual([])
    channel.close()
    expect(rtc.closes).toBe(1)
  })
})

describe('a channel that the engine reports as open before it can send [E4]', () => {
  function unconfirmed(readyState = 'open') {
    let confirm = () => {}
    const parts = setup({ readyState, confirmed: new Promise(resolve => (confirm = resolve)) })
    const seen: string[] = []
    for (const event of ['open', 'close'] as const) parts.channel.on(event, () => seen.push(event))
    parts.channel.on('message', message => seen.push(String(message)))
    return { ...parts, confirm, seen }
  }

  it('opens once, when the engine has confirmed it, and refuses to send before', async () => {
    const { env, rtc, channel, confirm, seen } = unconfirmed()
    rtc.dispatchEvent(new Event('open'))
    await env.advance(0)
    expect([channel.state, seen]).toEqual(['connecting', []])
    expect(() => channel.send('too early')).toThrow(withCode('ERR_CLOSED'))
    confirm()
    await env.advance(0)
    rtc.dispatchEvent(new Event('open'))
    expect([channel.state, seen, rtc.sent]).toEqual(['open', ['open'], []])
  })

  it('opens with the first message, which proves that it is open', async () => {
    const { env, rtc, channel, confirm, seen } = unconfirmed()
    rtc.receive('first')
    expect([channel.state, seen]).toEqual(['open', ['open', 'first']])
    confirm()
    await env.advance(0)
    expect(seen).toEqual(['open', 'first'])
  })

  it('closes if the engine puts it back to connecting, which Chromium does for ever [E4]', async () => {
    const { env, rtc, channel, confirm } = unconfirmed()
    let closes = 0
    channel.on('close', () => closes++)
    rtc.readyState = 'connecting'
    rtc.receive('first')
    expect([channel.state, closes, rtc.closes]).toEqual(['closed', 1, 1])
    confirm()
    await env.advance(0)
    expect(closes).toBe(1)
  })

  it('closes if the engine does that to an open channel, at the next message [E4]', () => {
    const { rtc, channel } = setup()
    rtc.readyState = 'connecting'
    rtc.send = () => {
      throw new DOMException('not open', 'InvalidStateError')
    }
    expect(() => channel.send('x')).toThrow(withCode('ERR_CLOSED'))
    expect(channel.state).toBe('closed')
  })

  it('opens with its open event if that comes after the confirmation', async () => {
    const { env, rtc, confirm, seen } = unconfirmed('connecting')
    confirm()
    await env.advance(0)
    expect(seen).toEqual([])
    rtc.open()
    expect(seen).toEqual(['open'])
  })

  it('stays closed if it was closed meanwhile', async () => {
    const { env, rtc, channel, confirm, seen } = unconfirmed()
    channel.close()
    confirm()
    await env.advance(0)
    expect([channel.state, seen, rtc.closes]).toEqual(['closed', ['close'], 1])
  })
})

describe('drain', () => {
  const send = (channel: W3cChannel, rtc: FakeRtcChannel) => {
    rtc.bufferedAmount = HIGH_WATER
    channel.send('more')
  }

  it('follows bufferedamountlow once, and only if a sender had to wait', () => {
    const { env, rtc, channel } = setup()
    let drains = 0
    channel.on('drain', () => drains++)
    expect(rtc.bufferedAmountLowThreshold).toBe(LOW_WATER)
    rtc.dispatchEvent(new Event('bufferedamountlow'))
    expect(drains).toBe(0)
    send(channel, rtc)
    rtc.dispatchEvent(new Event('bufferedamountlow')) // outdated: the queue is full
    expect(drains).toBe(0)
    rtc.bufferedAmount = LOW_WATER
    rtc.dispatchEvent(new Event('bufferedamountlow'))
    rtc.dispatchEvent(new Event('bufferedamountlow'))
    expect(drains).toBe(1)
    expect(env.pendingTimers).toBe(0)
  })

  it('comes at the latest low-water mark, raised or lowered', async () => {
    const { env, rtc, channel } = setup()
    let drains = 0
    channel.on('drain', () => drains++)
    send(channel, rtc)
    channel.lowWater = 0
    expect(rtc.bufferedAmountLowThreshold).toBe(0)
    rtc.bufferedAmount = LOW_WATER
    rtc.dispatchEvent(new Event('bufferedamountlow')) // outdated
    expect(drains).toBe(0)
    channel.lowWater = LOW_WATER // the engine fires no further event
    expect(drains).toBe(0)
    await env.advance(0)
    expect(drains).toBe(1)
    channel.lowWater = LOW_WATER / 2 // no sender waits, but the queue is above the mark again
    rtc.bufferedAmount = LOW_WATER / 2
    rtc.dispatchEvent(new Event('bufferedamountlow'))
    expect(drains).toBe(2)
    channel.lowWater = 0
    channel.close()
    channel.lowWater = LOW_WATER
    await env.advance(0)
    expect(drains).toBe(2)
  })

  it('comes at another low-water mark without bufferedamountlow, too', async () => {
    const { env, rtc, channel } = setup({ drainPoll: 5 })
    let drains = 0
    channel.on('drain', () => drains++)
    rtc.bufferedAmount = 1
    channel.lowWater = 0
    await env.advance(100)
    expect(drains).toBe(0)
    rtc.bufferedAmount = 0
    await env.advance(5)
    expect([drains, env.pendingTimers]).toEqual([1, 0])
  })

  it('checks the connection if the engine refuses a new low-water mark', () => {
    const { rtc, channel, suspicions } = setup()
    Object.defineProperty(rtc, 'bufferedAmountLowThreshold', {
      set() {
        throw new Error('called on destroyed channel')
      },
    })
    channel.lowWater = 0
    expect(suspicions()).toBe(1)
  })

  it('comes by polling if an engine does not fire bufferedamountlow, and no timer runs while idle', async () => {
    const { env, rtc, channel } = setup({ drainPoll: 5 })
    let drains = 0
    channel.on('drain', () => drains++)
    channel.send('little')
    expect(env.pendingTimers).toBe(0)
    send(channel, rtc)
    await env.advance(100)
    expect(drains).toBe(0)
    rtc.bufferedAmount = 0
    await env.advance(5)
    expect(drains).toBe(1)
    expect(env.pendingTimers).toBe(0)
    send(channel, rtc)
    channel.close()
    expect(env.pendingTimers).toBe(0)
  })
})

describe('send', () => {
  it('checks the connection if the engine throws (called on destroyed channel)', () => {
    const { rtc, channel, suspicions } = setup()
    rtc.send = () => {
      throw new Error('sendMessage() called on destroyed channel')
    }
    expect(() => channel.send('x')).toThrow(withCode('ERR_ENGINE'))
    expect(suspicions()).toBe(1)
    rtc.readyState = 'closing'
    expect(() => channel.send('x')).toThrow(withCode('ERR_CLOSED'))
  })

  it('refuses a message beyond the queue limit', () => {
    const { rtc, channel } = setup()
    rtc.bufferedAmount = 8 * HIGH_WATER
    expect(() => channel.send('x')).toThrow(withCode('ERR_QUEUE_FULL'))
    expect(rtc.sent).toEqual([])
  })
})
