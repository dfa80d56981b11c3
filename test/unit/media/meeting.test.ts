import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { MemoryDriver } from '../../../src/signaling/drivers/memory-driver.js'
import type { DriverHandler } from '../../../src/signaling/drivers/driver.js'
import { CallWorld, type Emitted } from '../../support/fakes/call-world.js'
import { FakeBus } from '../../support/fakes/fake-bus.js'
import { newStream } from '../../support/fakes/fake-rtc.js'

const kindsOf = (stream: unknown) =>
  (stream as MediaStream)
    .getTracks()
    .map(({ kind }) => kind)
    .toSorted()

describe('a Sender and a Receiver', () => {
  test.each(['sender', 'receiver', 'both'])('meet when first comes: %s [B5] [B9] [B10]', async first => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    const send = () => sender.end.start({ stream: newStream('audio', 'video'), state: { name: 'ada' }, dataChannel: true })
    if (first !== 'receiver') send()
    if (first === 'sender') await world.advance(5_000)
    receiver.end.start()
    if (first === 'receiver') {
      await world.advance(5_000)
      send()
    }
    const startedAt = world.env.now()
    await world.connected(sender, receiver)
    expect(world.env.now() - startedAt).toBeLessThan(100)
    await world.advance(2_000)
    expect(sender.names).toEqual(['connect'])
    expect(receiver.names.toSorted()).toEqual(['channel', 'connect', 'stream'])
    const [shown] = receiver.all('stream')
    expect(shown).toMatchObject({ id: sender.id, state: { name: 'ada' } })
    expect(kindsOf(shown!['stream'])).toEqual(['audio', 'video'])
    expect(receiver.all('connect')[0]).toMatchObject({ id: sender.id, state: { name: 'ada' } })
    expect(sender.all('connect')[0]).toMatchObject({ id: receiver.id, peer: sender.machine.connections[0] })
    expect(world.net.connections).toHaveLength(2)
    await world.stop()
    expect(world.net.open).toHaveLength(0)
    expect(world.env.pendingTimers).toBe(0)
    // @roamhq/wrtc may crash when a description is read while candidates are gathered.
    expect(world.net.connections.map(({ descriptionReads }) => descriptionReads)).toEqual([0, 0])
  })

  test('part so that the end that was left closes first: no end sends to a connection that closes [X14]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start()
    receiver.end.start()
    await world.connected(sender, receiver)
    await world.advance(1_000)
    const closed: string[] = []
    for (const [name, { machine }] of [
      ['sender', sender],
      ['receiver', receiver],
    ] as const) {
      const [rtc] = machine.open
      vi.spyOn(rtc!, 'close').mockImplementationOnce(() => (closed.push(name), rtc!.close()))
    }
    void receiver.end.stop()
    await world.advance(100)
    expect(closed).toEqual(['sender', 'receiver'])
    await world.stop()
    expect(world.env.pendingTimers).toBe(0)
  })

  test('part within half a second when the other end is gone without a word [X14]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start()
    receiver.end.start()
    await world.connected(sender, receiver)
    await world.advance(1_000)
    sender.machine.cut()
    void receiver.end.stop()
    await world.advance(500)
    expect(receiver.machine.open).toHaveLength(0)
    await world.stop()
  })

  test('take the room "default", and a channel for messages when there is no stream [B5]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start()
    receiver.end.start({ room: 'default' })
    await world.connected(sender, receiver)
    await world.advance(100)
    expect(receiver.names).toContain('channel')
    expect(receiver.all('channel')[0]).toMatchObject({ id: sender.id, channel: { label: receiver.id } })
    await world.stop()
  })

  const firstOf =
    (type: string, nth = 1) =>
    (seen: { count: number }) =>
    ({ message }: Emitted) =>
      message.type === type && ++seen.count === nth
  test.each([
    ['the first invoke of the Sender', firstOf('invoke')],
    ['the second invoke', firstOf('invoke', 2)],
    ['the offer', firstOf('offer')],
    ['the answer', firstOf('answer')],
    ['the candidates of one side', firstOf('candidate')],
    ['the candidates of the other side', firstOf('candidate', 2)],
  ])('meet when the bus loses %s [B11]', async (_name, rule) => {
    for (const receiverFirst of [false, true]) {
      const world = new CallWorld()
      world.lose = rule({ count: 0 })
      const [sender, receiver] = [world.sender(), world.receiver()]
      const starts = [() => sender.end.start({ stream: newStream('video') }), () => receiver.end.start()]
      for (const start of receiverFirst ? starts.toReversed() : starts) {
        start()
        await world.advance(10)
      }
      await world.connected(sender, receiver)
      await world.advance(1_000)
      expect(receiver.count('stream')).toBe(1)
      expect([...sender.errors, ...receiver.errors]).toEqual([])
      await world.stop()
    }
  })

  test('meet at the next ping when all first invokes are lost [B8]', async () => {
    const world = new CallWorld()
    world.lose = ({ at, message }) => message.type === 'invoke' && at < 30_000
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    await world.advance(29_000)
    expect(world.net.connections).toHaveLength(0)
    await world.advance(2_000)
    expect([sender, receiver].map(end => end.names.includes('connect'))).toEqual([true, true])
    await world.stop()
  })

  test('use candidates that come before their offer, also while it is being applied [B11]', async () => {
    const world = new CallWorld()
    world.delay = ({ message }) => (message.type === 'offer' ? 50 : 0)
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    await world.connected(sender, receiver)
    expect(receiver.machine.connections[0]!.candidates).toHaveLength(1)
    expect(sender.machine.connections[0]!.candidates).toHaveLength(1)
    await world.stop()
  })

  test('meet over a bus that delays each message by a time of its own', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new CallWorld(seed)
      world.delay = () => 200 * world.env.random()
      const [sender, receiver] = [world.sender(), world.receiver()]
      sender.end.start({ stream: newStream('audio', 'video'), dataChannel: true })
      receiver.end.start()
      await world.connected(sender, receiver)
      await world.advance(1_000)
      expect([seed, ...receiver.names.toSorted()]).toEqual([seed, 'channel', 'connect', 'stream'])
      await world.stop()
    }
  })

  test('of one participant never connect to each other, on a bus that echoes [B4]', async () => {
    const world = new CallWorld()
    const own = { participant: 'tab 1' }
    const [sender, receiver, other] = [world.sender(own), world.receiver(own), world.receiver({ participant: 'tab 2' })]
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    other.end.start()
    await world.connected(other)
    await world.advance(60_000)
    expect(receiver.names).toEqual([])
    expect(sender.all('connect').map(({ id }) => id)).toEqual([other.id])
    expect(sender.end.dropReasons.self).toBeGreaterThan(0)
    await world.stop()
  })

  test('keep rooms apart whose names have the separator of other drivers [B1] [B2]', async () => {
    const world = new CallWorld()
    const [a, b] = [world.sender(), world.sender()]
    a.end.start({ stream: newStream('video'), room: 'x' })
    b.end.start({ stream: newStream('video'), room: 'x:y' })
    await world.advance(10)
    const [inA, inB] = [world.receiver(), world.receiver()]
    inA.end.start({ room: 'x' })
    inB.end.start({ room: 'x:y' })
    await world.connected(inA, inB)
    await world.advance(40_000)
    expect(inA.all('stream').map(({ id }) => id)).toEqual([a.id])
    expect(inB.all('stream').map(({ id }) => id)).toEqual([b.id])
    await world.stop()
  })

  test('two Senders of one stream have two ids, and a Receiver shows both [B10]', async () => {
    const world = new CallWorld()
    const stream = newStream('video')
    const [a, b, receiver] = [world.sender(), world.sender(), world.receiver()]
    a.end.start({ stream })
    b.end.start({ stream })
    receiver.end.start()
    await world.connected(a, b, receiver)
    await world.advance(1_000)
    expect(new Set(receiver.all('stream').map(({ id }) => id))).toEqual(new Set([a.id, b.id]))
    await world.stop()
  })

  test('a late joiner gets the current stream and state at once [B10]', async () => {
    const world = new CallWorld()
    const sender = world.sender()
    sender.end.start({ stream: newStream('audio'), state: { n: 1 } })
    await world.advance(1_000)
    sender.end.sync({ n: 2 })
    sender.end.setStream(newStream('audio', 'video'))
    sender.end.enable('audio', false)
    await world.advance(600_000)
    const receiver = world.receiver()
    receiver.end.start()
    const startedAt = world.env.now()
    await world.env.until(() => receiver.count('stream') === 1)
    expect(world.env.now() - startedAt).toBeLessThan(100)
    const [shown] = receiver.all('stream')
    expect(shown!['state']).toEqual({ n: 2 })
    expect(kindsOf(shown!['stream'])).toEqual(['audio', 'video'])
    expect(receiver.all('mute')).toEqual([{ id: sender.id, kind: 'audio', muted: true }])
    await world.stop()
  })

  test('a room that was left is heard no more, whatever its bus still delivers', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    sender.end.start({ stream: newStream('video'), room: 'old' })
    await world.advance(10)
    receiver.end.start({ room: 'old' }) // its invoke is being signed
    await Promise.resolve()
    void sender.end.stop()
    sender.end.start({ stream: newStream('video'), room: 'new' })
    await world.advance(60_000)
    expect(world.net.connections).toHaveLength(0)
    expect(receiver.names).toEqual([])
    await world.stop()
  })

  test('make a key when they are made, and read the credentials of the application when they start [B4]', async () => {
    const keys = vi.spyOn(crypto.subtle, 'importKey')
    onTestFinished(() => keys.mockRestore())
    const made = () => keys.mock.calls.filter(([format]) => format === 'pkcs8').length
    const load = vi.fn<() => Promise<undefined>>(async () => undefined)
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver({ identity: { load, save: async () => {} } })]
    await vi.waitFor(() => expect(made()).toBe(1))
    expect(load).not.toHaveBeenCalled()
    sender.end.start({ dataChannel: true })
    receiver.end.start()
    await world.connected(sender, receiver)
    expect(load).toHaveBeenCalled()
    expect(made()).toBe(2) // one for each end
    await world.stop()
  })

  test('start though their first key failed, with another one [B4]', async () => {
    const keys = vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new Error('busy'))
    onTestFinished(() => keys.mockRestore())
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    await vi.waitFor(() => expect(keys.mock.calls.length).toBeGreaterThanOrEqual(2))
    await world.advance(10)
    keys.mockRestore()
    sender.end.start({ dataChannel: true })
    receiver.end.start()
    await world.connected(sender, receiver)
    expect([...sender.errors, ...receiver.errors]).toEqual([])
    await world.stop()
  })

  test('stop before the start is done, and start again', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    for (let round = 0; round < 5; round++) {
      sender.end.start({ stream: newStream('video') })
      receiver.end.start()
      await world.advance(round)
      await Promise.all([sender.end.stop(), receiver.end.stop()])
      expect([sender.end.id, receiver.end.id]).toEqual([undefined, undefined])
    }
    sender.end.start({ stream: newStream('video') })
    receiver.end.start()
    const before = receiver.count('connect')
    await world.env.until(() => receiver.count('connect') > before)
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })

  test('cannot be started twice, nor in a room with an empty or endless name', () => {
    const world = new CallWorld()
    const { end } = world.sender()
    for (const room of ['', 'x'.repeat(513), 5 as unknown as string])
      expect(() => end.start({ room })).toThrow(/^got .*: room must be/)
    end.start({ room: 'a' })
    expect(() => end.start({ room: 'b' })).toThrow('it is started already, in room "a": call stop() before start()')
    return world.stop()
  })
})

describe('drivers of the application', () => {
  /** The driver of the document: synchronous, and its handlers get the very object. */
  class DocumentDriver extends Map<string, Set<DriverHandler>> {
    on(namespace: readonly string[], handler: DriverHandler): void {
      const key = namespace.join(':')
      this.set(key, (this.get(key) ?? new Set()).add(handler))
    }
    off(namespace: readonly string[], handler: DriverHandler): void {
      this.get(namespace.join(':'))?.delete(handler)
    }
    emit(namespace: readonly string[], message: unknown): void {
      for (const handler of this.get(namespace.join(':')) ?? []) handler(message)
    }
  }
  const late = (bus: MemoryDriver, world: CallWorld) => {
    const wait = (ms: number) => new Promise<void>(resolve => void world.env.timer(ms, resolve))
    return {
      on: async (...args: Parameters<MemoryDriver['on']>) => wait(30).then(() => bus.on(...args)),
      off: async (...args: Parameters<MemoryDriver['off']>) => wait(30).then(() => bus.off(...args)),
      emit: async (...args: Parameters<MemoryDriver['emit']>) => wait(30).then(() => bus.emit(...args)),
    }
  }
  test.each<[string, (world: CallWorld, document: DocumentDriver) => object]>([
    ['that of the document', (_world, document) => document],
    ['an asynchronous one', world => late(world.bus, world)],
    [
      'one whose emit() throws after it emitted',
      ({ bus }) => ({
        on: bus.on.bind(bus),
        off: bus.off.bind(bus),
        emit: (...args: Parameters<MemoryDriver['emit']>) => {
          bus.emit(...args)
          throw new Error('a broken driver')
        },
      }),
    ],
    [
      'one whose emit() rejects',
      ({ bus }) => ({
        on: bus.on.bind(bus),
        off: bus.off.bind(bus),
        emit: async (...args: Parameters<MemoryDriver['emit']>) => {
          bus.emit(...args)
          throw new Error('a broken driver')
        },
      }),
    ],
    [
      'one whose promises never settle',
      ({ bus }) => ({
        on: (...args: Parameters<MemoryDriver['on']>) => (bus.on(...args), new Promise(() => {})),
        off: (...args: Parameters<MemoryDriver['off']>) => (bus.off(...args), new Promise(() => {})),
        emit: (...args: Parameters<MemoryDriver['emit']>) => (bus.emit(...args), new Promise(() => {})),
      }),
    ],
    [
      'one whose on() throws three times',
      ({ bus }) => {
        let calls = 0
        return {
          on: (...args: Parameters<MemoryDriver['on']>) => {
            if (++calls <= 3) throw new Error('not yet')
            bus.on(...args)
          },
          off: bus.off.bind(bus),
          emit: bus.emit.bind(bus),
        }
      },
    ],
  ])('work, such as %s [B1]', async (_name, make) => {
    const world = new CallWorld()
    const document = new DocumentDriver()
    const driver = () => make(world, document) as MemoryDriver
    const [sender, receiver] = [world.sender({ driver: driver() }), world.receiver({ driver: driver() })]
    sender.end.start({ stream: newStream('video'), dataChannel: true })
    receiver.end.start()
    await world.connected(sender, receiver)
    await world.advance(1_000)
    expect(sender.end.send('hello')).toBe(true)
    await world.advance(1_000)
    expect(receiver.messages).toEqual(['hello'])
    for (const message of [...sender.errors, ...receiver.errors])
      expect(message).toMatch(/^the driver of the \w+ of room "default" failed in \w+: /)
    const stopped = world.stop()
    await world.advance(20_000)
    await stopped
    expect(world.net.open).toHaveLength(0)
    expect(world.env.pendingTimers).toBe(0)
  })

  test('a bus that was away is entered again, and the call goes on meanwhile [X14]', async () => {
    const world = new CallWorld()
    const bus = new FakeBus(world.env)
    const drivers = [bus.driver(), bus.driver()] as const
    const [sender, receiver] = [world.sender({ driver: drivers[0] }), world.receiver({ driver: drivers[1] })]
    sender.end.start({ stream: newStream('audio'), dataChannel: true })
    receiver.end.start()
    await world.connected(sender, receiver)
    for (const driver of drivers) driver.turn(false)
    await world.advance(60_000)
    sender.end.setStream(newStream('audio', 'video'))
    sender.end.sync({ without: 'a bus' })
    sender.machine.cut()
    await world.advance(3_000)
    sender.machine.heal()
    await world.advance(10_000)
    const [shown] = receiver.all('stream')
    expect(receiver.count('stream')).toBe(1)
    expect(kindsOf(shown!['stream'])).toEqual(['audio', 'video'])
    expect(receiver.all('sync')).toEqual([{ id: sender.id, state: { without: 'a bus' } }])
    expect(receiver.names).toContain('reconnected')
    expect(receiver.names).not.toContain('dispose')
    const other = world.receiver({ driver: bus.driver() })
    other.end.start()
    await world.advance(2_000)
    expect(other.names).toEqual([])
    drivers[0].turn(true)
    await world.connected(other)
    await world.stop()
    expect(bus.driver().watchers).toBe(0)
  })
})
