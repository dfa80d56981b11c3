import { expect, it } from 'vitest'
import { MessageStream } from '../../../src/media/connection/message-stream.js'

/** The part of a channel that a stream of messages uses. */
class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'connecting'
  bufferedAmount = 0
  bufferedAmountLowThreshold = 0
  binaryType = ''
  readonly sent: unknown[] = []

  send(data: unknown): void {
    if (this.readyState !== 'open') throw new DOMException('the channel is closing', 'InvalidStateError')
    this.sent.push(data)
  }

  open(): void {
    this.readyState = 'open'
    this.dispatchEvent(new Event('open'))
  }
}

function stream(drained = () => {}): MessageStream {
  const ignore = () => {}
  return new MessageStream({
    isCounted: true,
    queueSize: 10,
    received: ignore,
    opened: ignore,
    lost: ignore,
    drained,
    report: ignore,
    failed: ignore,
  })
}

it('sends what waited when the count of the other end comes before the channel opens, as in Firefox [B6]', () => {
  const messages = stream()
  const channel = new FakeChannel()
  messages.attach(channel as unknown as RTCDataChannel) // the part that is used
  messages.send('first')
  messages.counted(0)
  expect(channel.sent).toEqual([])
  channel.open()
  expect(channel.sent).toEqual(['first'])
  expect(messages.send('second')).toBe(true)
  expect(channel.sent).toEqual(['first', 'second'])
})

it('waits for the count over another connection before it sends again [B6]', () => {
  const messages = stream()
  const [one, two] = [new FakeChannel(), new FakeChannel()]
  messages.attach(one as unknown as RTCDataChannel) // the part that is used
  messages.counted(0)
  one.open()
  for (const text of ['a', 'b', 'c']) messages.send(text)
  messages.detach()
  messages.attach(two as unknown as RTCDataChannel) // the part that is used
  messages.send('d')
  two.open()
  expect(two.sent).toEqual([])
  messages.counted(2)
  expect(two.sent).toEqual(['c', 'd'])
})

it('says that messages are taken again when those that waited are sent [B6]', () => {
  let drains = 0
  const messages = stream(() => drains++)
  const channel = new FakeChannel()
  messages.attach(channel as unknown as RTCDataChannel) // the part that is used
  expect(messages.send('waits')).toBe(false)
  channel.open()
  expect(drains).toBe(0)
  messages.counted(0)
  expect([channel.sent, drains]).toEqual([['waits'], 1])
  messages.counted(1)
  expect(drains).toBe(1)
})

it('says so, too, when a channel failed under a message or was full, and another one is open [B6]', () => {
  for (const break_ of [
    (channel: FakeChannel) => (channel.readyState = 'closing'),
    (channel: FakeChannel) => (channel.bufferedAmount = 2 ** 23),
  ]) {
    let drains = 0
    const messages = stream(() => drains++)
    const [one, two] = [new FakeChannel(), new FakeChannel()]
    messages.attach(one as unknown as RTCDataChannel) // the part that is used
    messages.counted(0)
    one.open()
    break_(one)
    expect(messages.send('a')).toBe(false)
    messages.detach()
    messages.attach(two as unknown as RTCDataChannel) // the part that is used
    two.open()
    messages.counted(0)
    expect([two.sent, drains]).toEqual([['a'], 1])
    expect(messages.send('b')).toBe(true)
  }
})

it('sends what the application kept when the count comes before the event open, as in Node on a busy machine [B6]', () => {
  const messages = stream()
  const channel = new FakeChannel()
  messages.attach(channel as unknown as RTCDataChannel) // the part that is used
  channel.readyState = 'open'
  messages.counted(0)
  messages.precede(['kept'])
  channel.open()
  messages.send('second')
  expect(channel.sent).toEqual(['kept', 'second'])
})
