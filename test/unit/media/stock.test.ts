import { describe, expect, test } from 'vitest'
import type { DriverHandler } from '../../../src/signaling/drivers/driver.js'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream, type FakeMachine, type FakePeerConnection } from '../../support/fakes/fake-rtc.js'

interface Wire {
  type: string
  id: string
  offer?: { type: 'offer'; sdp: string }
  answer?: { type: 'answer'; sdp: string }
  candidate?: RTCIceCandidateInit
  state?: unknown
  credentials?: unknown
}

/** What both classes of `p2p` 0.4.2 do alike: one handler for both namespaces. Handlers ignore messages without a type or an id, and those with their own id. */
abstract class Stock {
  readonly machine: FakeMachine
  readonly peers = new Map<string, FakePeerConnection>()
  readonly messages: unknown[] = []
  readonly events: string[] = []
  protected readonly world: CallWorld
  protected readonly id: string
  readonly #role: string
  readonly #subscriptions: Array<[string[], DriverHandler]> = []
  /** Candidates of ids that are not known yet. */
  readonly #queued = new Map<string, RTCIceCandidateInit[]>()

  constructor(world: CallWorld, role: string, id: string) {
    this.world = world
    this.machine = world.net.machine()
    this.id = id
    this.#role = role
  }

  protected listen(namespace: string[], handle: (message: Wire) => void): void {
    const handler = (message: unknown) => {
      const { type, id } = message as Wire
      if (type && id && id !== this.id) handle(message as Wire)
    }
    this.#subscriptions.push([namespace, handler])
    this.world.bus.on(namespace, handler)
  }

  protected emit(to: string | undefined, message: object): void {
    const other = this.#role === 'sender' ? 'receiver' : 'sender'
    this.world.driver().emit([other, 'default', ...(to === undefined ? [] : [to])], { id: this.id, ...message })
  }

  protected open(id: string): FakePeerConnection {
    const peer = new this.machine.wrtc.RTCPeerConnection({}) as unknown as FakePeerConnection
    this.peers.set(id, peer)
    peer.addEventListener('icecandidate', event => {
      const { candidate } = event as unknown as { candidate: RTCIceCandidateInit | null }
      if (candidate !== null) this.emit(id, { type: 'candidate', candidate })
    })
    peer.addEventListener('iceconnectionstatechange', () => {
      const { iceConnectionState } = peer
      if (iceConnectionState === 'connected') this.events.push('connect')
      if (['disconnected', 'failed'].includes(iceConnectionState)) this.dispose(id)
    })
    return peer
  }

  protected candidate(id: string, candidate: RTCIceCandidateInit): void {
    const peer = this.peers.get(id)
    if (peer === undefined) this.#queued.set(id, [...(this.#queued.get(id) ?? []), candidate])
    else void peer.addIceCandidate(candidate).catch(() => {}) // without a remote description it is lost
  }

  protected flush(id: string): void {
    for (const candidate of this.#queued.get(id) ?? [])
      void this.peers
        .get(id)
        ?.addIceCandidate(candidate)
        .catch(() => {})
    this.#queued.delete(id)
  }

  dispose(id: string): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    this.peers.delete(id)
    peer.close()
    this.events.push('dispose')
  }

  stop(): void {
    for (const [namespace, handler] of this.#subscriptions.splice(0)) this.world.bus.off(namespace, handler)
    for (const id of [...this.peers.keys()]) this.dispose(id)
  }
}

class StockReceiver extends Stock {
  readonly states: unknown[] = []
  readonly streams: MediaStream[] = []

  constructor(world: CallWorld, id = 'a stock receiver') {
    super(world, 'receiver', id)
  }

  start(): void {
    for (const namespace of [
      ['receiver', 'default'],
      ['receiver', 'default', this.id],
    ])
      this.listen(namespace, message => void this.#handle(message))
    this.ping()
  }

  ping(): void {
    this.emit(undefined, { type: 'invoke', credentials: 'c' })
  }

  async #handle({ type, id, offer, candidate, state }: Wire): Promise<void> {
    if (type === 'invoke' && !this.peers.has(id)) return this.emit(id, { type: 'invoke', credentials: 'c' })
    if (type === 'dispose') return this.dispose(id)
    if (type === 'sync') return void this.states.push(state)
    if (type === 'candidate') return this.candidate(id, candidate!)
    if (type !== 'offer' || this.peers.has(id)) return // it ignores a second offer
    const peer = this.open(id)
    this.states.push(state)
    peer.addEventListener('track', event => void this.streams.push((event as unknown as { streams: [MediaStream] }).streams[0]), {
      once: true,
    })
    peer.addEventListener(
      'datachannel',
      event => {
        const { channel } = event as unknown as { channel: EventTarget & { label: string } }
        this.events.push(`channel ${channel.label}`)
        channel.addEventListener('message', message => this.messages.push((message as MessageEvent).data))
      },
      { once: true },
    )
    await peer.setRemoteDescription(offer!)
    this.flush(id)
    await peer.setLocalDescription(await peer.createAnswer())
    this.emit(id, { type: 'answer', answer: peer.localDescription })
  }
}

class StockSender extends Stock {
  stream = newStream('audio', 'video')
  state: unknown = { by: 'stock' }

  constructor(world: CallWorld, id = 'a stock sender') {
    super(world, 'sender', id)
  }

  start(): void {
    const invoked = ({ type, id }: Wire) => void (type === 'invoke' && !this.peers.has(id) && this.#offer(id))
    this.listen(['sender', 'default'], invoked)
    this.listen(['sender', 'default', this.id], message => {
      invoked(message)
      if (message.type === 'candidate') this.candidate(message.id, message.candidate!)
      if (message.type === 'answer')
        void this.peers
          .get(message.id)
          ?.setRemoteDescription(message.answer!)
          .catch(() => {})
    })
    this.emit(undefined, { type: 'invoke' })
  }

  send(data: string): void {
    for (const peer of this.peers.values()) peer.channels[0]!.send(data)
  }

  sync(state: unknown): void {
    for (const id of this.peers.keys()) this.emit(id, { type: 'sync', state })
  }

  override dispose(id: string): void {
    if (this.peers.has(id)) this.emit(id, { type: 'dispose', state: this.state })
    super.dispose(id)
  }

  async #offer(id: string): Promise<void> {
    const peer = this.open(id)
    for (const track of this.stream.tracks) peer.addTransceiver(track, { direction: 'sendonly', streams: [this.stream] })
    peer.createDataChannel(id)
    await peer.setLocalDescription(await peer.createOffer())
    this.emit(id, { type: 'offer', offer: peer.localDescription, state: this.state })
  }
}

describe('a stock Receiver', () => {
  test('gets stream, state, channel and messages from our Sender, with the fields of its wire alone [B10] [B11]', async () => {
    const world = new CallWorld()
    const sender = world.sender({ verify: (_id, credentials) => credentials === 'c' })
    const stock = new StockReceiver(world)
    sender.end.start({ stream: newStream('audio', 'video'), state: { by: 'us' }, dataChannel: true })
    await world.advance(50)
    stock.start()
    await world.connected(sender)
    await world.advance(500)
    expect(stock.events).toEqual(['connect', 'channel a stock receiver'])
    expect(stock.streams.map(stream => stream.getTracks().length)).toEqual([2])
    expect(sender.end.send('hello')).toBe(true)
    sender.end.sync({ by: 'us', n: 2 })
    await world.advance(100)
    expect(stock.messages).toEqual(['hello'])
    expect(stock.states).toEqual([{ by: 'us' }, { by: 'us', n: 2 }])
    const sent = world.emitted.filter(({ namespace }) => namespace[2] === 'a stock receiver').map(({ message }) => message)
    expect(sent.map(({ type }) => type)).toEqual(['offer', 'candidate', 'sync'])
    expect(sent[0]).toMatchObject({ offer: { type: 'offer' }, state: { by: 'us' }, metadata: { by: 'us' } })
    expect(sent[1]).toMatchObject({
      candidate: { candidate: expect.stringMatching(/^candidate:/), sdpMid: '0', sdpMLineIndex: 0 },
    })
    await sender.end.stop()
    await world.advance(100)
    expect(stock.events).toEqual(['connect', 'channel a stock receiver', 'dispose'])
    stock.stop()
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })

  test('is back within 3 s after a path that was away, and gets added tracks by a new connection [X14]', async () => {
    const world = new CallWorld()
    const sender = world.sender()
    const stock = new StockReceiver(world)
    stock.start()
    sender.end.start({ stream: newStream('audio'), dataChannel: true })
    await world.connected(sender)
    await world.advance(500)
    sender.end.setStream(newStream('audio', 'video'))
    await world.env.until(() => stock.streams.at(-1)?.getTracks().length === 2, 2_000)
    await world.advance(1_000)
    sender.machine.cut()
    await world.advance(8_000)
    sender.machine.heal()
    const before = stock.events.filter(name => name === 'connect').length
    await world.env.until(() => stock.events.filter(name => name === 'connect').length > before || stock.peers.size > 0, 3_000)
    await world.advance(10_000)
    expect([...stock.peers.values()].map(({ works }) => works)).toEqual([true])
    stock.stop()
    await world.advance(60_000)
    expect(sender.names.at(-1)).toBe('dispose')
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })

  test('keeps its call when another client of the bus disposes, answers or invokes in its name [Law 6]', async () => {
    const world = new CallWorld()
    const sender = world.sender()
    const stock = new StockReceiver(world)
    sender.end.start({ stream: newStream('video') })
    stock.start()
    await world.connected(sender)
    const answer = world.emitted.find(({ message }) => message.type === 'answer')!.message
    for (let i = 0; i < 20; i++) {
      const to = ['sender', 'default', sender.id]
      world.write(to, { type: 'dispose', id: 'a stock receiver' })
      world.write(to, { ...answer, id: 'a stock receiver' })
      world.write(to, { type: 'answer', id: 'a stock receiver', answer: { type: 'answer', sdp: 'v=0' } })
      world.write(['sender', 'default'], { type: 'invoke', id: 'a stock receiver' })
      world.write(to, { type: 'invoke', id: 'a stock receiver' })
      world.write(to, { type: 'invoke', id: 'a stock receiver', swarmlink: 1, again: 'renew' })
      await world.advance(500)
    }
    expect(sender.names).toEqual(['connect'])
    expect([...stock.peers.values()].map(({ works }) => works)).toEqual([true])
    await world.stop()
    stock.stop()
  })
})

describe('a stock Sender', () => {
  async function connected() {
    const world = new CallWorld()
    const receiver = world.receiver()
    const stock = new StockSender(world)
    receiver.end.start()
    await world.advance(50)
    stock.start()
    await world.connected(receiver)
    await world.advance(500)
    return { world, receiver, stock }
  }

  test('is shown by our Receiver with state, channel and messages [B10]', async () => {
    const { world, receiver, stock } = await connected()
    expect(receiver.names.toSorted()).toEqual(['channel', 'connect', 'stream'])
    expect(receiver.all('stream')[0]).toMatchObject({ id: 'a stock sender', state: { by: 'stock' } })
    stock.send('hello')
    stock.sync({ by: 'stock', n: 2 })
    await world.advance(100)
    expect(receiver.messages).toEqual(['hello'])
    expect(receiver.all('sync')).toEqual([{ id: 'a stock sender', state: { by: 'stock', n: 2 } }])
    expect(receiver.end.want('a stock sender', 'low')).toBe(false)
    const sent = world.emitted.filter(({ namespace }) => namespace[2] === 'a stock sender').map(({ message }) => message.type)
    expect(new Set(sent)).toEqual(new Set(['invoke', 'answer', 'candidate']))
    stock.stop()
    await world.advance(1_000)
    expect(receiver.all('dispose')).toMatchObject([{ id: 'a stock sender', reason: 'left' }])
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })

  test('that ends the connection after a path was away is asked again at once [B10] [X14]', async () => {
    const { world, receiver, stock } = await connected()
    stock.machine.cut()
    await world.advance(7_000)
    stock.machine.heal()
    await world.env.until(() => receiver.count('connect') === 2, 3_000)
    expect(receiver.count('stream')).toBe(2)
    await world.stop()
    stock.stop()
  })

  test('keeps its call when another client of the bus disposes or offers in its name, also without a channel [Law 6]', async () => {
    for (const hasChannel of [true, false]) {
      const { world, receiver, stock } = await connected()
      if (!hasChannel) for (const channel of [...stock.peers.values()][0]!.channels) channel.close()
      await world.advance(500)
      const real = world.emitted.find(({ message }) => message.type === 'offer')!.message as unknown as Wire
      const forged = { type: 'offer', sdp: real.offer!.sdp.replaceAll(/a=ice-ufrag:\w+/g, 'a=ice-ufrag:forged01') }
      for (let i = 0; i < 20; i++) {
        const to = ['receiver', 'default', receiver.id]
        world.write(to, { type: 'dispose', id: 'a stock sender' })
        world.write(to, { type: 'dispose', id: 'a stock sender', swarmlink: 1, reason: 'full' })
        world.write(to, { type: 'offer', id: 'a stock sender', swarmlink: 1, offer: forged, session: '0'.repeat(16), attempt: 1 })
        world.write(['receiver', 'default', receiver.id], { type: 'offer', id: 'a stock sender', offer: forged, state: 'forged' })
        await world.advance(700)
      }
      expect(receiver.names.toSorted()).toEqual(['channel', 'connect', 'stream'])
      expect([...stock.peers.values()].map(({ works }) => works)).toEqual([true])
      await world.stop()
      stock.stop()
    }
  })

  test('of version 0.5 or later has `metadata`, which is the state, and its disposal without a state is understood [B10]', async () => {
    const world = new CallWorld()
    const receiver = world.receiver()
    receiver.end.start()
    await world.advance(10)
    const stock = new StockSender(world)
    stock.state = undefined
    const driver = world.driver()
    world.driver = () => ({
      ...driver,
      emit: (namespace, message) =>
        driver.emit(
          namespace,
          (message as Wire).type === 'offer' ? { ...(message as Wire), metadata: { name: 'ada' } } : message,
        ),
    })
    stock.start()
    await world.connected(receiver)
    expect(receiver.all('stream')[0]!['state']).toEqual({ name: 'ada' })
    stock.stop()
    await world.advance(1_000)
    expect(receiver.names.at(-1)).toBe('dispose')
    await world.stop()
  })
})
