/** Messages to one peer of ours, over one channel: JSON and binary, in order, with a word about when to wait. */
import { utf8 } from '../core/bytes.js'
import { Emitter } from '../core/emitter.js'
import { sleep, type Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { HIGH_WATER, MAX_MESSAGE_SIZE, type EngineChannel } from '../engine/engine.js'

/** Whatever survives `JSON.stringify`. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** What `send` was given faster than the peer takes it; beyond this an application that ignores `false` is told. */
const MAX_QUEUED = 64 * 1024 * 1024
/** How long `close()` waits for what was sent before. */
const LINGER = 2_000
const LINGER_POLL = 20

export interface DataConnectionEvents {
  /** Messages can be sent. */
  connect: []
  /** A message: whatever the peer sent, bytes as a `Uint8Array`. */
  data: [Json | Uint8Array]
  /** After `send` returned false: there is room again. */
  drain: []
  close: []
  /** Something the peer sent could not be read; the connection goes on. */
  error: [SwarmlinkError]
}

export interface DataConnectionParts {
  env: Env
  channel: EngineChannel
  localPeerId: string
  remotePeerId: string
  verified: boolean
  /** The largest message that the remote takes. */
  maxMessageSize: number
}

/**
 * A message channel to one peer.
 *
 * @example
 * connection.on('data', message => console.log(connection.remotePeerId, message))
 * if (!connection.send({ hello: 'world' })) await new Promise(resolve => connection.once('drain', resolve))
 */
export class DataConnection extends Emitter<DataConnectionEvents> implements AsyncDisposable {
  readonly localPeerId: string
  readonly remotePeerId: string
  /** The remote's peer id is proven against the DTLS certificate of this very connection. */
  readonly verified: boolean
  /** The largest message in bytes that `send` takes on this connection. */
  readonly maxMessageSize: number
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #queue: Array<{ payload: string | Uint8Array; size: number }> = []
  #queuedBytes = 0
  #full = false
  #state: 'starting' | 'open' | 'closing' | 'closed' = 'starting'
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(parts: DataConnectionParts) {
    super()
    this.#env = parts.env
    this.#channel = parts.channel
    this.localPeerId = parts.localPeerId
    this.remotePeerId = parts.remotePeerId
    this.verified = parts.verified
    this.maxMessageSize = Math.min(parts.maxMessageSize, MAX_MESSAGE_SIZE)
    this.#channel.on('close', () => this.#finish())
    this.#channel.on('drain', () => this.#flush())
  }

  /** @internal Called once whoever hands it out has handed it out, so that a listener added there misses nothing. */
  start(): void {
    if (this.#state !== 'starting') return
    if (this.#channel.state === 'closed') return this.#finish()
    this.#state = 'open'
    this.#flush()
    this.emit('connect')
    this.#channel.on('message', message => this.#receive(message))
  }

  /** @internal This side closed it; what it sent may still be on its way. */
  get closedHere(): boolean {
    return this.#closed !== undefined
  }

  /** Bytes that have not left for the network yet. */
  get bufferedAmount(): number {
    return this.#queuedBytes + this.#channel.bufferedAmount
  }

  /**
   * Sends a message: JSON for any value that has a JSON form, bytes for a `Uint8Array`. Returns false when the sender
   * should wait for `drain`; the message is on its way all the same.
   *
   * @throws SwarmlinkError `ERR_MESSAGE_TOO_LARGE`, `ERR_CLOSED`, `ERR_QUEUE_FULL`, `ERR_INVALID_ARGUMENT`
   */
  send(message: Json | Uint8Array): boolean {
    if (this.#state === 'closing' || this.#state === 'closed') throw new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
    const payload = message instanceof Uint8Array ? message : stringify(message)
    const size = typeof payload === 'string' ? utf8.encode(payload).byteLength : payload.byteLength
    if (size > this.maxMessageSize)
      throw new SwarmlinkError(
        'ERR_MESSAGE_TOO_LARGE',
        `a message of ${size} bytes is above this connection's limit of ${this.maxMessageSize}; send it in parts`,
      )
    if (this.#queuedBytes + size > MAX_QUEUED)
      throw new SwarmlinkError(
        'ERR_QUEUE_FULL',
        `more than ${MAX_QUEUED} bytes wait for this peer; wait for 'drain' when send() returns false`,
      )
    // A copy, because the caller may use its buffer again while ours waits.
    this.#queue.push({ payload: typeof payload === 'string' ? payload : payload.slice(), size })
    this.#queuedBytes += size
    if (this.#state === 'open') this.#flush()
    this.#full ||= this.bufferedAmount > HIGH_WATER
    return !this.#full
  }

  /** Lets what was sent leave, then closes. Resolves when closed; the torrent's wire to the same peer stays. */
  close(): Promise<void> {
    this.#closed ??= this.#linger()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #linger(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closing'
    this.#flush() // what was sent before the start
    const deadline = this.#env.now() + LINGER
    while (this.bufferedAmount > 0 && this.#channel.state !== 'closed' && this.#env.now() < deadline)
      await sleep(this.#env, LINGER_POLL)
    this.#channel.close()
    this.#finish()
  }

  #flush(): void {
    try {
      while (this.#queue.length > 0 && this.#channel.state === 'open' && this.#channel.bufferedAmount <= HIGH_WATER) {
        const next = this.#queue[0]
        if (next === undefined) break
        this.#channel.send(next.payload)
        this.#queue.shift()
        this.#queuedBytes -= next.size
      }
    } catch (error) {
      this.emit('error', asError(error, 'ERR_CLOSED', 'a message could not be sent'))
    }
    if (this.#full && this.bufferedAmount <= HIGH_WATER) {
      this.#full = false
      this.emit('drain')
    }
  }

  #receive(message: string | Uint8Array): void {
    if (this.#state !== 'open') return
    if (typeof message !== 'string') return void this.emit('data', message)
    let value: Json
    try {
      value = JSON.parse(message) as Json // whatever JSON.parse gives is Json
    } catch (cause) {
      this.emit('error', new SwarmlinkError('ERR_BAD_FRAME', 'the peer sent a text that is not JSON', { cause }))
      return
    }
    this.emit('data', value)
  }

  #finish(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.emit('close')
  }
}

function stringify(message: Json): string {
  let text: string | undefined
  try {
    text = JSON.stringify(message)
  } catch (cause) {
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this message has no JSON form', { cause })
  }
  if (text === undefined) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `this message has no JSON form: ${typeof message}`)
  return text
}
