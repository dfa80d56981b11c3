/** Offers and answers that are lost, late or repeated. */
import { describe, expect, test } from 'vitest'
import { sleep } from '../../../src/core/env.js'
import { CallWorld, type CallEnd } from '../../support/fakes/call-world.js'
import { newStream } from '../../support/fakes/fake-rtc.js'
import type { Sender, SenderStartOptions } from '../../../src/media/sender.js'

const sectionsOf = ({ machine }: CallEnd<Sender>) =>
  (machine.open[0]?.localDescription?.sdp ?? '').match(/^m=\w+/gm)?.toSorted() ?? []

/** A Sender and a Receiver that are connected. */
async function call(start: SenderStartOptions) {
  const world = new CallWorld()
  const [sender, receiver] = [world.sender(), world.receiver()]
  sender.end.start(start)
  receiver.end.start()
  await world.connected(sender, receiver)
  return { world, sender, receiver }
}

describe('a call whose offer or answer', () => {
  test.each(['offer', 'answer'])(
    'is lost at the start, the %s, comes up within 6 s with media and messages [B5] [X14]',
    async lost => {
      const world = new CallWorld()
      let count = 0
      world.lose = ({ message }) => message.type === lost && ++count === 1
      const [sender, receiver] = [world.sender(), world.receiver()]
      sender.end.start({ stream: newStream('audio', 'video'), dataChannel: true })
      receiver.end.start()
      await world.env.until(() => receiver.count('connect') === 1, 6_000)
      await world.advance(1_000)
      expect(sectionsOf(sender)).toEqual(['m=application', 'm=audio', 'm=video'])
      expect(sender.end.send('hello')).toBe(true)
      await world.advance(100)
      expect(receiver.messages).toEqual(['hello'])
      expect([...sender.errors, ...receiver.errors]).toEqual([])
      await world.stop()
    },
  )

  test.each([1_000, 1_300, 2_000])('takes %d ms one way connects [X14]', async delay => {
    const world = new CallWorld()
    world.delay = () => delay
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    await world.env.until(() => receiver.count('connect') === 1, 20_000)
    expect([...sender.names, ...receiver.names]).not.toContain('dispose')
    await world.stop()
  })

  test.each(['createAnswer', 'setLocalDescription'])(
    'fails in %s for a track that was added is made again, and shows the track [B6] [X14]',
    async failing => {
      const { world, sender, receiver } = await call({ stream: newStream('audio'), dataChannel: true })
      await world.advance(3_000)
      let count = 0
      receiver.machine.misbehave = method => (method === failing && ++count === 1 ? 'rejects' : undefined)
      sender.end.setStream(newStream('audio', 'video'))
      await world.advance(10_000)
      const kinds = receiver.machine.open[0]!.transceivers.map(({ kind }) => kind).toSorted()
      expect(kinds).toEqual(['audio', 'video'])
      expect(count).toBe(2)
      expect(sender.errors).toEqual([])
      await world.stop()
    },
  )
})

describe('a state that was told', () => {
  test.each(['is lost', 'overtakes the offer'])('before the call is up, and %s, arrives all the same [B6]', async how => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    if (how === 'is lost') world.lose = ({ message }) => message.type === 'sync'
    else world.delay = ({ message }) => (message.type === 'offer' ? 300 : 0)
    sender.end.start({ stream: newStream('video'), state: 'old' })
    receiver.end.start()
    await world.env.until(() => world.count('offer') > 0, 5_000)
    sender.end.sync('new')
    sender.end.enable('video', false)
    await world.connected(sender, receiver)
    await world.advance(2_000)
    expect(receiver.all('sync').at(-1)).toMatchObject({ state: 'new' })
    expect(receiver.all('mute').at(-1)).toMatchObject({ kind: 'video', muted: true })
    await world.stop()
  })

  test('before the start, with messages and a stream, belongs to the call [B5]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    expect(sender.end.send('early')).toBe(false)
    sender.end.sync({ name: 'ada' })
    sender.end.setStream(newStream('video'))
    sender.end.start({ dataChannel: true })
    receiver.end.start()
    await world.connected(sender, receiver)
    await world.advance(1_000)
    expect(receiver.messages).toEqual(['early'])
    expect(receiver.all('stream')[0]).toMatchObject({ state: { name: 'ada' } })
    await sender.end.stop()
    sender.end.start()
    await world.advance(5_000)
    expect(receiver.count('stream')).toBe(1)
    await world.stop()
  })
})

describe('a connection that is replaced', () => {
  test('counts as lost until the next one works, so that an end which dies meanwhile is missed [X14]', async () => {
    const { world, sender, receiver } = await call({ stream: newStream('video'), dataChannel: true })
    await world.advance(3_000)
    const control = receiver.machine.open[0]!.channels.find(({ label }) => label === 'swarmlink-media')!
    control.isHeld = true // this direction is lost
    await world.env.until(() => receiver.machine.connections.length > 1, 29_000)
    sender.machine.kill()
    sender.env.halt()
    world.lose = () => true
    await world.advance(40_000)
    expect(receiver.names.filter(name => ['reconnecting', 'dispose'].includes(name))).toEqual(['reconnecting', 'dispose'])
    expect(receiver.all('dispose')[0]).toMatchObject({ reason: 'lost' })
    await world.stop()
  })
})

describe('a channel for messages', () => {
  test('that closes alone is replaced, and no message is lost [B6] [X14]', async () => {
    const { world, sender, receiver } = await call({ stream: newStream('video'), dataChannel: true })
    await world.advance(1_000)
    receiver.machine.open[0]!.channels.find(({ label }) => label !== 'swarmlink-media')!.close()
    await world.advance(100)
    expect(sender.end.send('kept')).toBe(false)
    await world.advance(2_000)
    expect(receiver.messages).toEqual(['kept'])
    expect(receiver.end.send('back')).toBe(true)
    await world.advance(100)
    expect(sender.messages).toEqual(['back'])
    await world.stop()
  })

  test('that a Receiver opens is closed [Law 6]', async () => {
    const { world, receiver } = await call({ stream: newStream('video') })
    await world.advance(1_000)
    const own = receiver.machine.open[0]!.createDataChannel('mine')
    await world.advance(1_000)
    expect(own.readyState).toBe('closed')
    await world.stop()
  })
})

describe('getStats()', () => {
  test('gives the rates since its own last call, also beside a listener for quality [B9]', async () => {
    const { world, receiver } = await call({ stream: newStream('video') })
    const rates: number[] = []
    const read = async () => {
      const stats = receiver.end.getStats()
      await world.advance(10)
      rates.push((await stats)[0]?.tracks[0]?.bitrate ?? 0)
    }
    receiver.end.addEventListener('quality', () => {})
    await world.advance(2_000)
    for (let second = 0; second < 5; second++) {
      await read()
      await world.advance(990)
    }
    expect(rates.slice(1).every(rate => rate > 0)).toBe(true)
    await world.stop()
  })
})

describe('a Sender', () => {
  test('that is stopped by its own error stays stopped, without a connection or an event more [Law 5]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.machine.misbehave = method => (method === 'constructor' ? 'rejects' : undefined)
    sender.end.addEventListener('error', () => void sender.end.stop())
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    await world.advance(60_000)
    expect(sender.count('error')).toBe(1)
    expect(await sender.end.getStats()).toEqual([])
    await world.stop()
    expect(world.env.pendingTimers).toBe(0)
  })

  test('refuses a name of its participant that the other end would ignore [B5]', () => {
    const world = new CallWorld()
    expect(() => world.sender({ participant: 'x'.repeat(129) })).toThrow('participant must be a text of at most 128 characters')
  })

  test('asks verify() for no Receiver after stop() [Law 5]', async () => {
    const world = new CallWorld()
    let asked = 0
    const verify = () => new Promise<boolean>(() => asked++)
    const sender = world.sender({ verify })
    sender.end.start({ stream: newStream('video') })
    for (let i = 0; i < 20; i++) world.receiver().end.start()
    await world.advance(1_000)
    expect(asked).toBe(8)
    await sender.end.stop()
    await world.advance(1_000)
    expect(asked).toBe(8)
    await world.stop()
  })
})

test('an offer that cannot be applied is reported once, also when its answer was faster [Law 7]', async () => {
  const { world, sender } = await call({ stream: newStream('audio'), dataChannel: true })
  const rtc = sender.machine.open[0]!
  const apply = rtc.setLocalDescription.bind(rtc)
  let count = 0
  rtc.setLocalDescription = async description => {
    if (++count > 1) return apply(description)
    await sleep(world.env, 200)
    throw new Error('was refused')
  }
  sender.end.setStream(newStream('audio', 'video'))
  await world.advance(20_000)
  expect(sender.errors).toEqual(['the negotiation failed: was refused'])
  await world.stop()
})

test('stop() in a listener of an event of the first offer leaves no connection [Law 5]', async () => {
  const world = new CallWorld()
  const [sender, receiver] = [world.sender(), world.receiver()]
  sender.end.enable('video', false)
  sender.end.start({ stream: newStream('audio', 'video') })
  receiver.end.addEventListener('mute', () => void receiver.end.stop())
  receiver.end.start()
  await world.advance(10_000)
  expect(receiver.count('mute')).toBe(1)
  expect(receiver.machine.open).toEqual([])
  await world.stop()
})
