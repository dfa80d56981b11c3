/** Two ends of a message channel in virtual time, or one end with a forger at the other, which writes its frames itself. */
import { DataConnection } from '../../../src/channel/messages/data-connection.js'
import { FramedMessenger } from '../../../src/channel/messages/framed-messenger.js'
import type { MessageLimits } from '../../../src/channel/messages/message-size.js'
import type { IncomingStream, Message, Progress } from '../../../src/channel/messages/messenger.js'
import { PacketWriter } from '../../../src/channel/messages/packet-writer.js'
import { decode, MAX_PACKET, type MessageFrame } from '../../../src/channel/messages/frame-codec.js'
import type { Env } from '../../../src/core/env.js'
import { channelPair, FakeNet, type FakeChannel, type FakeNetOptions } from './fake-engine.js'
import { VirtualEnv } from './virtual-env.js'

export { gist, pattern } from '../bytes.js'

/** The message limits apply to both ends, unless one has its own. */
export interface PairOptions extends FakeNetOptions, Partial<MessageLimits> {
  hereMax?: number
  thereMax?: number
  thereMaxJson?: number
}

/** One end, and its recorded events. */
export class End {
  readonly connection: DataConnection
  readonly channel: FakeChannel
  /** Codes of `error` events. */
  readonly errors: string[] = []
  readonly progress: Progress[] = []
  /** Codes of `close` events, at most one. Undefined for a normal end. */
  readonly closed: Array<string | undefined> = []
  drained = 0

  constructor(env: Env, channel: FakeChannel, limits: Partial<MessageLimits>) {
    this.channel = channel
    this.connection = new DataConnection({
      localPeerId: 'me',
      remotePeerId: 'you',
      verified: true,
      messenger: host => new FramedMessenger({ env, channel, ...limits, host }),
    })
    this.connection.on('error', ({ code }) => this.errors.push(code))
    this.connection.on('progress', progress => this.progress.push(progress))
    this.connection.on('close', error => this.closed.push(error?.code))
    this.connection.on('drain', () => this.drained++)
  }

  /** Records every message from now on. */
  listen(): Message[] {
    const heard: Message[] = []
    this.connection.on('data', message => heard.push(message))
    return heard
  }

  /** Records every stream from now on. */
  streams(): IncomingStream[] {
    const streams: IncomingStream[] = []
    this.connection.on('stream', stream => streams.push(stream))
    return streams
  }
}

export interface MessagePair {
  env: VirtualEnv
  net: FakeNet
  here: End
  there: End
}

/** Both ends, started. They greet each other as soon as time passes. */
export function messagePair({ hereMax, thereMax, thereMaxJson, ...options }: PairOptions = {}): MessagePair {
  const env = new VirtualEnv()
  const net = new FakeNet(env, options)
  const [a, b] = channelPair(net)
  const limits = limitsOf(options)
  const here = new End(env, a, { ...limits, ...(hereMax !== undefined && { maxMessageSize: hereMax }) })
  const there = new End(env, b, {
    ...limits,
    ...(thereMax !== undefined && { maxMessageSize: thereMax }),
    ...(thereMaxJson !== undefined && { maxJsonSize: thereMaxJson }),
  })
  here.connection.start()
  there.connection.start()
  return { env, net, here, there }
}

/** Sends any frames, and records those it receives. */
export class Forger {
  readonly channel: FakeChannel
  readonly frames: MessageFrame[] = []
  /** Bytes of all the packets that it was sent. */
  received = 0
  readonly #writer = new PacketWriter(MAX_PACKET)

  constructor(channel: FakeChannel) {
    this.channel = channel
    channel.on('message', packet => {
      if (typeof packet === 'string') throw new Error('a text among the packets')
      this.received += packet.byteLength
      for (const { frame } of decode(packet)) this.frames.push(frame)
    })
  }

  /** Sends one packet of the frames that `write` writes. */
  say(write: (writer: PacketWriter) => unknown): void {
    this.#writer.clear()
    write(this.#writer)
    if (this.#writer.length > 0) this.channel.send(this.#writer.packet)
  }

  /** Sends as many packets as `count` calls of `write` need, which returns false when a packet is full. */
  flood(count: number, write: (writer: PacketWriter, i: number) => boolean): void {
    for (let i = 0; i < count && this.channel.state === 'open';)
      this.say(writer => {
        while (i < count && writer.partRoom > 200 && write(writer, i)) i++
      })
  }

  /** All frames of one type that it was told. */
  told<Type extends MessageFrame['type']>(type: Type): Array<Extract<MessageFrame, { type: Type }>> {
    return this.frames.filter((frame): frame is Extract<MessageFrame, { type: Type }> => frame.type === type)
  }
}

export function forgedPair(options: PairOptions = {}): {
  env: VirtualEnv
  here: End
  forger: Forger
} {
  const env = new VirtualEnv()
  const [a, b] = channelPair(new FakeNet(env, options))
  const here = new End(env, a, limitsOf(options))
  const forger = new Forger(b)
  here.connection.start()
  return { env, here, forger }
}

function limitsOf({ maxMessageSize, maxJsonSize }: Partial<MessageLimits>): Partial<MessageLimits> {
  return { ...(maxMessageSize !== undefined && { maxMessageSize }), ...(maxJsonSize !== undefined && { maxJsonSize }) }
}

/** Records the outcome of a promise, to be read after time has passed and never awaited. */
export function outcome<T>(promise: Promise<T>): { value?: T; code?: string; error?: unknown; settled: boolean } {
  const result: { value?: T; code?: string; error?: unknown; settled: boolean } = { settled: false }
  promise.then(
    value => Object.assign(result, { settled: true, value }),
    (error: unknown) =>
      Object.assign(result, { settled: true, error, code: error instanceof Error && 'code' in error ? error.code : undefined }),
  )
  return result
}
