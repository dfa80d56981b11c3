import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { watchChannels, type NativeChannel, type NativeConnection } from '../../../src/engine/native-channels.js'

/** A native channel. Like the library's, it forgets its callbacks when it is closed, but calls back only when the test says so. */
class FakeChannel implements NativeChannel {
  closes = 0
  open = false
  opened = () => {}
  closed = () => {}
  readonly sent: unknown[] = []

  getLabel = () => 'wire'
  getId = () => 2
  getProtocol = () => ''
  isOpen = () => this.open
  bufferedAmount = () => 7
  maxMessageSize = () => 65_536
  setBufferedAmountLowThreshold = () => {}
  onError = () => {}
  onBufferedAmountLow = () => {}
  onMessage = () => {}

  sendMessage(message: string): boolean {
    return this.sent.push(message) > 0
  }

  sendMessageBinary(message: Uint8Array): boolean {
    return this.sent.push(message) > 0
  }

  close(): void {
    this.closes++
    this.open = false
  }

  onOpen(listener: () => void): void {
    this.opened = listener
  }

  onClosed(listener: () => void): void {
    this.closed = listener
  }
}

class FakeConnection implements NativeConnection {
  readonly channel = new FakeChannel()
  announce: (channel: NativeChannel) => void = () => {}

  createDataChannel(): NativeChannel {
    return this.channel
  }

  onDataChannel(listener: (channel: NativeChannel) => void): void {
    this.announce = listener
  }

  close(): void {}
}

let told: string[]

beforeEach(() => {
  told = []
  vi.useFakeTimers()
})
afterEach(() => vi.useRealTimers())

/** Listens as the polyfill does. */
function listen(channel: NativeChannel): NativeChannel {
  channel.onOpen(() => told.push('open'))
  channel.onClosed(() => told.push('closed'))
  return channel
}

/** A channel of this side, which has opened. */
function created() {
  const connection = new FakeConnection()
  const native = connection.channel
  const channel = listen(watchChannels(connection).createDataChannel('wire'))
  native.open = true
  native.opened()
  return { native, channel, end: () => connection.close() }
}

/** A channel of the remote peer. */
function announced(open = true) {
  const connection = new FakeConnection()
  const native = connection.channel
  native.open = open
  const channels: NativeChannel[] = []
  watchChannels(connection).onDataChannel(channel => channels.push(listen(channel)))
  connection.announce(native)
  return { native, channel: channels[0]!, end: () => connection.close() }
}

const both = [
  ['created', created],
  ['announced', announced],
] as const

it.each(both)('closes an open channel that was %s, once [D4]', async (_, make) => {
  const { native, channel, end } = make()
  channel.close()
  native.closed()
  await vi.advanceTimersByTimeAsync(2000)
  expect([native.closes, told.filter(what => what === 'closed')]).toEqual([1, ['closed']])
  end()
})

it.each(both)('lets the library end what it is closing, where the channel was %s [D4]', async (_, make) => {
  const { native, channel, end } = make()
  native.open = false
  channel.close()
  expect(native.closes).toBe(0)
  native.closed()
  await vi.advanceTimersByTimeAsync(2000)
  expect([native.closes, told.filter(what => what === 'closed')]).toEqual([0, ['closed']])
  end()
})

it.each(both)('says that a channel has closed that was %s, where the library does not [D4]', async (_, make) => {
  const { native, channel, end } = make()
  native.open = false
  channel.close()
  await vi.advanceTimersByTimeAsync(2000)
  expect(told.at(-1)).toBe('closed')
  expect(native.closes).toBe(1) // only after its deadline, to destroy the other callbacks
  native.closed() // late
  expect(told.filter(what => what === 'closed')).toHaveLength(1)
  end()
})

it('says that a channel has closed that the remote closed before it was taken over [D4]', async () => {
  const { channel, end } = announced(false)
  await vi.advanceTimersByTimeAsync(2000)
  expect(told).toEqual(['closed'])
  expect(() => channel.sendMessage('late')).toThrow('DataChannel is closed')
  expect(() => channel.sendMessageBinary(new Uint8Array(1))).toThrow('DataChannel is closed')
  expect([channel.isOpen(), channel.bufferedAmount(), channel.getLabel(), channel.getId()]).toEqual([false, 0, '', null])
  end()
})

it('closes a channel that never opened [D4]', () => {
  const connection = new FakeConnection()
  watchChannels(connection).createDataChannel('wire').close()
  expect(connection.channel.closes).toBe(1)
  connection.close()
})

it('passes everything else on [D4]', () => {
  const { native, channel, end } = created()
  channel.sendMessage('text')
  channel.sendMessageBinary(new Uint8Array([1]))
  expect(native.sent).toEqual(['text', new Uint8Array([1])])
  expect([channel.getLabel(), channel.getId(), channel.bufferedAmount(), channel.maxMessageSize()]).toEqual([
    'wire',
    2,
    7,
    65_536,
  ])
  expect(told).toEqual(['open'])
  end()
})
