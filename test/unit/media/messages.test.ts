import { describe, expect, test } from 'vitest'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream } from '../../support/fakes/fake-rtc.js'

async function call(options: { queueSize?: number; dataChannel?: boolean } = {}) {
  const world = new CallWorld()
  const { queueSize = 10, dataChannel = true } = options
  const [sender, receiver] = [world.sender({ queueSize }), world.receiver({ queueSize })]
  sender.end.start({ stream: newStream('video'), dataChannel })
  receiver.end.start()
  return { world, sender, receiver }
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `m${from + i}`)

describe('send', () => {
  test('reaches every Receiver, or one, as text and as bytes, and goes both ways [B6]', async () => {
    const { world, sender, receiver } = await call()
    const other = world.receiver()
    other.end.start()
    await world.connected(receiver, other)
    await world.advance(500)
    const bytes = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4)
    expect(sender.end.send('to all')).toBe(true)
    expect(sender.end.send('to one', other.id)).toBe(true)
    expect(sender.end.send(bytes, receiver.id)).toBe(true)
    bytes.fill(0)
    expect(receiver.end.send('back', sender.id)).toBe(true)
    expect(receiver.end.send('to all Senders')).toBe(true)
    await world.advance(100)
    expect(receiver.messages).toEqual(['to all', new Uint8Array([1, 2, 3]).buffer])
    expect(other.messages).toEqual(['to all', 'to one'])
    expect(sender.all('message')).toEqual([
      { id: receiver.id, message: 'back' },
      { id: receiver.id, message: 'to all Senders' },
    ])
    await world.stop()
  })

  test('keeps the newest messages of a Receiver whose channel is not open yet, and drain follows [B4]', async () => {
    const { world, sender, receiver } = await call({ queueSize: 3 })
    await world.env.until(() => sender.machine.connections.length > 0)
    for (const text of range(0, 5)) expect(sender.end.send(text, receiver.id)).toBe(false)
    await world.connected(sender, receiver)
    await world.advance(500)
    expect(receiver.messages).toEqual(range(2, 5))
    expect(sender.all('drain')).toEqual([{ id: receiver.id }])
    expect(sender.end.send('next')).toBe(true)
    await world.advance(100)
    expect(sender.count('drain')).toBe(1)
    await world.stop()
  })

  test('keeps the newest messages of an empty room for the first Receiver, before those to it alone [B4]', async () => {
    const world = new CallWorld()
    const sender = world.sender({ queueSize: 4 })
    sender.end.start()
    await world.advance(10)
    for (const text of range(0, 6)) expect(sender.end.send(text)).toBe(false)
    const [first, second] = [world.receiver(), world.receiver()]
    first.end.start()
    await world.env.until(() => sender.machine.connections.length > 0)
    expect(sender.end.send('to you', first.id)).toBe(false)
    await world.connected(first)
    second.end.start()
    await world.connected(second)
    await world.advance(500)
    expect(first.messages).toEqual([...range(3, 6), 'to you'])
    expect(second.messages).toEqual([])
    await world.stop()
  })

  test('keeps nothing with a queueSize of 0 [B4]', async () => {
    const { world, sender, receiver } = await call({ queueSize: 0 })
    await world.env.until(() => sender.machine.connections.length > 0)
    expect(sender.end.send('gone')).toBe(false)
    await world.connected(receiver)
    await world.advance(500)
    expect(receiver.messages).toEqual([])
    await world.stop()
  })

  test('to an end that is not there is refused, and never goes to another one [B6]', async () => {
    const { world, sender, receiver } = await call()
    expect(sender.end.send('a secret', 'not here')).toBe(false)
    await world.connected(receiver)
    await world.advance(500)
    expect(sender.end.send('a secret', 'not here')).toBe(false)
    expect(receiver.end.send('a secret', 'not here')).toBe(false)
    await world.advance(500)
    expect([...receiver.messages, ...sender.messages]).toEqual([])
    await world.stop()
  })

  test('sends the bytes of the moment when it was called, also from a queue [B6]', async () => {
    const { world, sender, receiver } = await call()
    const bytes = new Uint8Array([1, 2])
    sender.end.send(bytes)
    bytes.fill(9)
    await world.connected(receiver)
    await world.advance(500)
    expect(receiver.messages).toEqual([new Uint8Array([1, 2]).buffer])
    await world.stop()
  })

  test('refuses what no implementation can send, and a Sender without channels [B5] [B6]', async () => {
    const { world, sender, receiver } = await call({ dataChannel: false })
    await world.connected(receiver)
    for (const wrong of [undefined, null, 5, {}, [], new Map(), 5n, Symbol('x')])
      expect(() => sender.end.send(wrong as string)).toThrow(/a message must be a string, an ArrayBuffer or a typed array/)
    expect(() => sender.end.send('x'.repeat(300_000))).toThrow(/too large, the limit is \d+: send it in parts/)
    expect(() => sender.end.send('x')).toThrow('this Sender has no channel for messages: start it with dataChannel: true')
    await world.stop()
  })

  test('loses no message and repeats none over restarts and over a new connection [X14]', async () => {
    const { world, sender, receiver } = await call({ queueSize: 1_000 })
    await world.connected(receiver)
    const sent: string[] = []
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 25; i++) {
        const text = `m${sent.length}`
        sent.push(text)
        sender.end.send(text)
      }
      if (round % 20 === 5) sender.machine.cut()
      if (round % 20 === 8) sender.machine.heal()
      if (round % 20 === 15) sender.machine.move()
      if (round === 40) receiver.machine.open[0]!.channels.find(({ label }) => label === 'swarmlink-media')!.close()
      await world.advance(500)
    }
    await world.advance(20_000)
    expect(receiver.messages).toEqual(sent)
    expect(sender.machine.connections.length).toBeGreaterThan(1)
    expect(sender.names).not.toContain('dispose')
    await world.stop()
  })

  test('says false above the high-water mark, drain once below, and refuses what would fill the memory [B6] [Law 6]', async () => {
    const { world, sender, receiver } = await call()
    await world.connected(receiver)
    await world.advance(500)
    sender.machine.open[0]!.channels.forEach(channel => (channel.isHeld = channel.label !== 'swarmlink-media'))
    const block = new Uint8Array(256 * 1024)
    let taken = 0
    while (sender.end.send(block)) taken++
    expect(taken).toBeGreaterThan(1)
    for (let i = 0; i < 80; i++) sender.end.send(block)
    expect(sender.errors.length).toBeGreaterThan(0)
    expect(sender.all('error')[0]!.error).toMatchObject({ code: 'ERR_QUEUE_FULL' })
    const channel = sender.machine.open[0]!.channels.find(({ label }) => label !== 'swarmlink-media')!
    expect(channel.bufferedAmount).toBeLessThanOrEqual(16 * 1024 * 1024)
    expect(sender.count('drain')).toBe(0)
    channel.isHeld = false
    channel.flush()
    await world.advance(500)
    expect(sender.count('drain')).toBe(1)
    expect(receiver.messages).toHaveLength(16 * 4)
    await world.stop()
  })

  test('fires drain after a new connection took over a full buffer [B6]', async () => {
    const { world, sender, receiver } = await call()
    await world.connected(receiver)
    await world.advance(500)
    for (const channel of sender.machine.open[0]!.channels) channel.isHeld = channel.label !== 'swarmlink-media'
    const block = new Uint8Array(256 * 1024)
    let taken = 1
    while (sender.end.send(block)) taken++
    receiver.machine.open[0]!.channels.find(({ label }) => label === 'swarmlink-media')!.close()
    await world.env.until(() => sender.count('reconnected') > 0)
    await world.advance(1_000)
    expect(sender.count('drain')).toBe(1)
    expect(receiver.messages).toHaveLength(taken)
    await world.stop()
  })
})
