/** The requests of both sides: those that wait for a reply, and those that the responder works on. Knows no channel and no frame. */
import { BoundedMap } from '../../core/bounded-map.js'
import { withDeadline, type Env } from '../../core/env.js'
import { asError, reasonOf, SwarmlinkError } from '../../core/errors.js'
import type { Message, RequestOptions, Responder } from './messenger.js'
import type { Purpose } from './frame-codec.js'

const REQUEST_TIMEOUT = 30_000
/** Limit for requests that wait for replies, on this side and therefore on the remote side. */
const MAX_WAITING = 4096
/** Limit for requests that an asynchronous responder works on; others wait in the queue. */
const MAX_RUNNING = 256
/**
 * Limit in bytes for the requests that the responder works on: parsed JSON takes up to 18 times as much memory. A larger request runs alone.
 * Small requests never wait for large ones, because the responder of a large one may wait for a small one.
 */
const MAX_RUNNING_BYTES = 4 * 1024 * 1024
const SMALL = 16 * 1024
/** Limit in bytes for unparsed requests in the queue: one message of the default largest size. Beyond it requests are refused. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** Limit for cancels that arrived before their request: a cancel overtakes a request that waits for credit. */
const MAX_REVOKED = 256

const TOO_MANY = 'too many requests at a time'
const NO_RESPONDER = 'it has no responder (respond() sets one)'

export interface RequestTableHost {
  readonly env: Env
  /** Sends a message; returns a function that takes it back while it has not left. */
  send(purpose: Purpose, exchange: number, message: unknown): () => void
  /** The remote peer reads so little that failures are not sent: its requests time out. */
  crowded(): boolean
  /** The bytes that are queued for the remote peer exceed the limit for replies: it gets no more. */
  flooded(): boolean
  /** Tells the remote peer that this side no longer waits for the reply. */
  cancel(exchange: number): void
  fault(error: SwarmlinkError): void
}

/** A request of the remote peer. It is parsed when the responder gets it. */
interface Asked {
  payload: Uint8Array
  read: (payload: Uint8Array) => Message
}

/** The context of a request that the responder works on. Its `AbortSignal` is created on first use, because it costs 1 µs and few use it. */
class Running {
  readonly size: number
  #controller: AbortController | undefined
  #ended: SwarmlinkError | undefined

  constructor(size: number) {
    this.size = size
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#ended !== undefined) this.#controller.abort(this.#ended)
    return this.#controller.signal
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }

  end(reason: SwarmlinkError): void {
    this.#ended ??= reason
    this.#controller?.abort(reason)
  }
}

export class RequestTable {
  readonly #host: RequestTableHost
  readonly #waiting = new Map<number, (result: { reply: Message } | { error: SwarmlinkError }) => void>()
  readonly #running = new Map<number, Running>()
  /** Requests of the remote peer that wait, oldest first. */
  readonly #queue = new Map<number, Asked>()
  readonly #revoked = new BoundedMap<number, true>(MAX_REVOKED)
  #queuedBytes = 0
  #runningBytes = 0
  #responder: Responder | undefined
  #next = 1

  constructor(host: RequestTableHost) {
    this.#host = host
  }

  set responder(responder: Responder | undefined) {
    this.#responder = responder
  }

  /** Requests of this side without a reply. */
  get awaited(): number {
    return this.#waiting.size
  }

  /** Requests of the remote peer without a reply. */
  get answering(): number {
    return this.#running.size + this.#queue.size
  }

  async request(message: unknown, { timeout = REQUEST_TIMEOUT, signal }: RequestOptions): Promise<Message> {
    if (signal?.aborted === true) throw aborted(signal)
    if (this.#waiting.size >= MAX_WAITING)
      throw new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_WAITING} requests wait for replies of this peer: wait for some of them`)
    const exchange = this.#next
    this.#next = exchange === 2 ** 32 - 1 ? 1 : exchange + 1
    const takeBack = this.#host.send('request', exchange, message)
    let abort = () => {}
    try {
      const reply = new Promise<Message>((resolve, reject) => {
        this.#waiting.set(exchange, result => ('reply' in result ? resolve(result.reply) : reject(result.error)))
        abort = () => reject(aborted(signal))
        signal?.addEventListener('abort', abort)
      })
      const late = () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', `timeout: the peer did not reply within ${timeout} ms`)
      return await withDeadline(this.#host.env, reply, timeout, late)
    } catch (error) {
      if (this.#waiting.has(exchange)) {
        takeBack()
        this.#host.cancel(exchange)
      }
      throw error
    } finally {
      this.#waiting.delete(exchange)
      signal?.removeEventListener('abort', abort)
    }
  }

  awaits(exchange: number): boolean {
    return this.#waiting.has(exchange)
  }

  replied(exchange: number, reply: Message): void {
    this.#settle(exchange, { reply })
  }

  /** The request failed; `error` is a local error, or the reason that the remote peer sent. */
  failed(exchange: number, error: SwarmlinkError | Message): void {
    if (error instanceof SwarmlinkError) return this.#settle(exchange, { error })
    const reason = reasonOf(typeof error === 'string' ? error : '')
    this.#settle(exchange, { error: new SwarmlinkError('ERR_REQUEST_FAILED', `the peer could not answer: ${reason}`) })
  }

  /** A request of the remote peer arrived. The payload is a view of its packet: it is copied if the request has to wait. */
  asked(exchange: number, asked: Asked): void {
    const { payload, read } = asked
    if (this.#revoked.delete(exchange) || this.#running.has(exchange) || this.#queue.has(exchange)) return
    if (this.#responder === undefined) return this.refuse(exchange, NO_RESPONDER)
    if (this.#host.flooded()) return this.refuse(exchange, TOO_MANY)
    if (this.#mayRun(asked)) return this.#run(exchange, asked, this.#responder)
    const size = payload.byteLength
    if (this.#queue.size >= MAX_WAITING || this.#queuedBytes + size > MAX_QUEUED_BYTES) return this.refuse(exchange, TOO_MANY)
    this.#queue.set(exchange, { payload: new Uint8Array(payload), read })
    this.#queuedBytes += size
  }

  /** Answers a request with a failure, unless the remote peer does not read: then its request times out. */
  refuse(exchange: number, reason: string): void {
    if (!this.#host.crowded()) this.#answer('failure', exchange, reason)
  }

  /** The reply to this request was queued, but could not be sent: sends a failure instead. */
  unanswered(exchange: number, reason: SwarmlinkError): void {
    this.#answer('failure', exchange, reasonOf(reason))
  }

  /** The remote peer no longer waits for the reply. */
  cancelled(exchange: number): void {
    if (this.#dequeue(exchange)) return
    const running = this.#running.get(exchange)
    if (running !== undefined) return running.end(new SwarmlinkError('ERR_ABORTED', 'the peer no longer waits for the reply'))
    this.#revoked.set(exchange, true)
  }

  close(error: SwarmlinkError): void {
    for (const exchange of [...this.#waiting.keys()]) this.#settle(exchange, { error })
    for (const running of this.#running.values()) running.end(error)
    this.#queue.clear()
  }

  #mayRun({ payload: { byteLength: size } }: Asked): boolean {
    const hasRoom = size <= SMALL || this.#runningBytes === 0 || this.#runningBytes + size <= MAX_RUNNING_BYTES
    return hasRoom && this.#running.size < MAX_RUNNING
  }

  #run(exchange: number, { payload, read }: Asked, responder: Responder): void {
    let message: Message
    try {
      message = read(payload)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_BAD_FRAME', 'the peer sent a malformed request')
      this.refuse(exchange, `the request cannot be read: ${error.message}`) // so that it need not wait for its timeout
      return this.#host.fault(error)
    }
    const running = new Running(payload.byteLength)
    this.#running.set(exchange, running)
    this.#runningBytes += running.size
    let reply: unknown
    try {
      reply = responder(message, running)
    } catch (thrown) {
      return this.#threw(exchange, running, thrown)
    }
    // A synchronous responder answers before the next request of the same packet, so it never reaches `MAX_RUNNING`.
    if (!isThenable(reply)) return this.#succeeded(exchange, running, reply)
    void Promise.resolve(reply)
      .then(
        value => this.#succeeded(exchange, running, value),
        (thrown: unknown) => this.#threw(exchange, running, thrown),
      )
      .then(() => this.#runNext())
  }

  #runNext(): void {
    for (const [exchange, asked] of this.#queue) {
      if (this.#running.size >= MAX_RUNNING) return
      if (!this.#mayRun(asked)) continue
      this.#dequeue(exchange)
      if (this.#responder === undefined) this.refuse(exchange, NO_RESPONDER)
      else this.#run(exchange, asked, this.#responder)
    }
  }

  /** Removes a request from the queue; false if it is not there. */
  #dequeue(exchange: number): boolean {
    this.#queuedBytes -= this.#queue.get(exchange)?.payload.byteLength ?? 0
    return this.#queue.delete(exchange)
  }

  #succeeded(exchange: number, running: Running, reply: unknown): void {
    this.#stopped(exchange, running)
    if (running.ended) return
    if (this.#host.flooded()) this.refuse(exchange, TOO_MANY)
    else this.#answer('reply', exchange, reply ?? null)
  }

  #stopped(exchange: number, { size }: Running): void {
    if (this.#running.delete(exchange)) this.#runningBytes -= size
  }

  #threw(exchange: number, running: Running, thrown: unknown): void {
    this.#stopped(exchange, running)
    if (!running.ended) this.#answer('failure', exchange, reasonOf(thrown))
  }

  #settle(exchange: number, result: { reply: Message } | { error: SwarmlinkError }): void {
    const settle = this.#waiting.get(exchange)
    this.#waiting.delete(exchange)
    settle?.(result)
  }

  /** Sends a reply; if it cannot be sent, sends a failure instead. */
  #answer(purpose: 'reply' | 'failure', exchange: number, message: unknown): void {
    try {
      this.#host.send(purpose, exchange, message)
    } catch (thrown) {
      if (purpose === 'reply') this.#answer('failure', exchange, reasonOf(thrown))
    }
  }
}

function isThenable(value: unknown): boolean {
  try {
    return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value
  } catch {
    return true // a proxy whose trap throws: `Promise.resolve` turns that into a rejection
  }
}

function aborted(signal: AbortSignal | undefined): SwarmlinkError {
  return new SwarmlinkError('ERR_ABORTED', 'the request was aborted', { cause: signal?.reason })
}
