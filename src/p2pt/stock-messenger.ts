/** Messages to a peer that runs the published `p2pt` package: frames over the one channel that it knows, with an eye on its queue. */
import { copyBytes } from '../channel/message-codec.js'
import { isBytes } from '../channel/message-form.js'
import { Emitter } from '../core/emitter.js'
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { HIGH_WATER, MAX_MESSAGE_SIZE, type EngineChannel } from '../engine/engine.js'
import type { Link, LinkEvents } from './p2pt-link.js'
import {
  Assembly,
  bodyOf,
  chunkLength,
  decode,
  encode,
  isFrame,
  isMessageId,
  MAX_TEXT_LENGTH,
  P2PTFrameError,
  type MessageId,
} from './p2pt-wire.js'

/** What an application may hand in before the peer takes it: a few of the largest messages. */
const MAX_QUEUED = 4 * MAX_TEXT_LENGTH
/** How long a message may stand still before its beginning is forgotten. The package sends all of it at once. */
const STALL_TIMEOUT = 30_000
/** The package numbers its messages from 100 000 to 199 999 by chance. Ours are never among them, nor twice the same. */
const FIRST_ID = 200_000
const LAST_ID = 2 ** 52

export interface StockLinkParts {
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

export class StockLink extends Emitter<LinkEvents> implements Link {
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #maxMessageSize: number
  readonly #queue: Queued[] = []
  readonly #assembly: Assembly
  #queuedSize = 0
  #sweep: Timer | undefined

  constructor({ env, channel, maxMessageSize, jsonLimit }: StockLinkParts) {
    super()
    this.#env = env
    this.#channel = channel
    this.#maxMessageSize = Math.min(maxMessageSize, MAX_MESSAGE_SIZE)
    this.#assembly = new Assembly(jsonLimit)
    channel.on('message', data => this.#receive(data))
    channel.on('drain', () => this.#flush())
  }

  send(message: unknown, answers?: MessageId): MessageId {
    if (this.#channel.state !== 'open') throw new SwarmlinkError('ERR_CLOSED', 'this peer is gone')
    if (answers !== undefined && !isMessageId(answers))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'a message id is a number, or a text of 1 to 64 characters')
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
        `a message of ${size} characters is above the limit of ${MAX_TEXT_LENGTH}; send it in parts`,
      )
    return { id, frames: encode(id, body, chunkLength(this.#maxMessageSize)), size }
  }

  /** The package has no message that is bytes; what it hands on as `data` is whatever came in one piece. */
  #bytes(id: MessageId, message: ArrayBuffer | ArrayBufferView): Queued {
    const size = message.byteLength
    if (size > this.#maxMessageSize)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `this peer takes ${this.#maxMessageSize} bytes in one piece, not ${size}; send them in parts`,
      )
    return { id, frames: [copyBytes(message)].values(), size }
  }

  #enqueue(queued: Queued): void {
    if (this.#queuedSize + queued.size > MAX_QUEUED)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `more than ${MAX_QUEUED} characters wait for this peer; send less, or more slowly`,
      )
    this.#queue.push(queued)
    this.#queuedSize += queued.size
  }

  /** One message after the other, as the package does it: its users expect them in the order in which they were sent. */
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
        queueMicrotask(() => this.emit('failed', queued.id, error)) // whoever hands it in just now is yet to wait for it
      }
    }
  }

  #dequeue(queued: Queued): void {
    if (this.#queue[0] !== queued) return // closed meanwhile
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
      if (!(error instanceof P2PTFrameError)) throw error // ours to mend
      this.emit('dropped', error)
    }
  }

  /** A peer that says no more must not leave us with half of what it said. */
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
