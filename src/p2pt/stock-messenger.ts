/** Messages to a peer with the npm package `p2pt`: frames over its only channel, with backpressure. */
import { copyBytes } from '../channel/messages/message-codec.js'
import { isBytes } from '../channel/messages/message-copier.js'
import { Emitter } from '../core/emitter.js'
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { HIGH_WATER, MAX_MESSAGE_SIZE, type EngineChannel } from '../engine/engine.js'
import type { RoomMessenger, RoomMessengerEvents } from './room-messenger.js'
import { MessageAssembly } from './message-assembly.js'
import {
  bodyOf,
  chunkLength,
  decode,
  encode,
  isFrame,
  isMessageId,
  MAX_TEXT_LENGTH,
  P2PTFrameError,
  type MessageId,
} from './stock-codec.js'

/** Characters and bytes in the send queue: a few of the largest messages. */
const MAX_QUEUED = 4 * MAX_TEXT_LENGTH
/** Timeout between two chunks of a message. The package sends all chunks at once. */
const STALL_TIMEOUT = 30_000
/** The package draws its message ids from 100 000 to 199 999. Ours are above, from a range so large that none is drawn twice. */
const FIRST_ID = 200_000
const LAST_ID = 2 ** 52

export interface StockMessengerDeps {
  env: Env
  channel: EngineChannel
  /** The largest message that the remote takes, in bytes. */
  maxMessageSize: number
  /** The largest JSON text that this side takes, in characters. */
  jsonLimit: number
}

interface Queued {
  readonly id: MessageId
  readonly frames: Iterator<string | Uint8Array>
  readonly size: number
}

export class StockMessenger extends Emitter<RoomMessengerEvents> implements RoomMessenger {
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #maxMessageSize: number
  readonly #queue: Queued[] = []
  readonly #assembly: MessageAssembly
  #queuedSize = 0
  #sweep: Timer | undefined

  constructor({ env, channel, maxMessageSize, jsonLimit }: StockMessengerDeps) {
    super()
    this.#env = env
    this.#channel = channel
    this.#maxMessageSize = Math.min(maxMessageSize, MAX_MESSAGE_SIZE)
    this.#assembly = new MessageAssembly(jsonLimit)
    channel.on('message', data => this.#receive(data))
    channel.on('drain', () => this.#flush())
  }

  send(message: unknown, answers?: MessageId): MessageId {
    if (this.#channel.state !== 'open') throw new SwarmlinkError('ERR_CLOSED', 'this peer is disconnected')
    if (answers !== undefined && !isMessageId(answers))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'the message id is wrong: give a number, or a text of 1 to 64 characters')
    const id = answers ?? FIRST_ID + Math.floor(this.#env.random() * (LAST_ID - FIRST_ID))
    this.#enqueue(isBytes(message) ? this.#bytes(id, message) : this.#text(id, message))
    this.#flush()
    return id
  }

  close(): void {
    this.#sweep?.cancel()
    this.#assembly.clear()
    this.#queue.length = 0
    this.#queuedSize = 0
  }

  #text(id: MessageId, message: unknown): Queued {
    const body = bodyOf(message)
    const size = body.text.length
    if (size > MAX_TEXT_LENGTH)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `a message of ${size} characters is above the limit of ${MAX_TEXT_LENGTH}: send it in parts`,
      )
    return { id, frames: encode(id, body, chunkLength(this.#maxMessageSize)), size }
  }

  /** The package has no binary messages; its event `data` reports each channel message as it is. */
  #bytes(id: MessageId, message: ArrayBuffer | ArrayBufferView): Queued {
    const size = message.byteLength
    if (size > this.#maxMessageSize)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `${size} bytes are above the ${this.#maxMessageSize} that this peer takes at once: send them in parts`,
      )
    return { id, frames: [copyBytes(message)].values(), size }
  }

  #enqueue(queued: Queued): void {
    if (this.#queuedSize + queued.size > MAX_QUEUED)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `the send queue to this peer is full (${MAX_QUEUED} characters): send less, or more slowly`,
      )
    this.#queue.push(queued)
    this.#queuedSize += queued.size
  }

  /** One message after the other, as the package does, whose users expect messages in order. */
  #flush(): void {
    while (this.#channel.state === 'open' && this.#channel.bufferedAmount <= HIGH_WATER) {
      const [queued] = this.#queue
      if (queued === undefined) return
      try {
        const next = queued.frames.next()
        if (next.done !== true) this.#channel.send(next.value)
        else this.#dequeue(queued)
      } catch (thrown) {
        this.#dequeue(queued)
        const error = asError(thrown, 'ERR_ENGINE', 'a message could not be sent')
        queueMicrotask(() => this.emit('failed', queued.id, error)) // later: if send() is on the stack, its promise does not wait yet
      }
    }
  }

  #dequeue(queued: Queued): void {
    if (this.#queue[0] !== queued) return // close() emptied the queue
    this.#queue.shift()
    this.#queuedSize -= queued.size
  }

  #receive(data: string | Uint8Array): void {
    this.emit('data', data)
    if (typeof data !== 'string' || !isFrame(data)) return
    try {
      const found = this.#assembly.add(decode(data), this.#env.now())
      this.#watch()
      if (found !== undefined) this.emit('message', { message: found.message, id: found.id, answers: found.id })
    } catch (error) {
      if (!(error instanceof P2PTFrameError)) throw error // a bug of swarmlink
      this.emit('dropped', error)
    }
  }

  /** Drops unfinished messages after STALL_TIMEOUT. */
  #watch(): void {
    if (this.#assembly.size === 0 || this.#sweep !== undefined) return
    this.#sweep = this.#env.timer(STALL_TIMEOUT, () => {
      this.#sweep = undefined
      const expired = this.#assembly.expire(this.#env.now() - STALL_TIMEOUT)
      for (let i = 0; i < expired; i++) this.emit('dropped', new P2PTFrameError('stalled'))
      this.#watch()
    })
  }
}
