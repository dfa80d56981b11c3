/** Requests and their replies: which wait for a reply, and which the responder works on. Knows no channel and no frame. */
import { withDeadline, type Env } from '../core/env.js'
import { asError, reasonOf, SwarmlinkError } from '../core/errors.js'
import type { Message, RequestOptions, Responder } from './messenger.js'
import type { Purpose } from './wire.js'

const REQUEST_TIMEOUT = 30_000
/** Requests that wait for their replies at a time, here and therefore at the remote. */
const MAX_WAITING = 4096
/** Requests that an asynchronous responder works on at a time; more wait for their turn. */
const MAX_RUNNING = 256
/**
 * Bytes of the requests that it works on at a time: what is read of JSON takes up to eighteen times as much memory. A larger one is worked on
 * alone. Small ones never wait for large ones: the responder may wait for them.
 */
const MAX_RUNNING_BYTES = 4 * 1024 * 1024
const SMALL = 16 * 1024
/** Bytes of the requests that wait for their turn, unread: one message of the usual largest size. Beyond it requests are refused. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** Requests that were given up before they came: a cancel overtakes what waits for credit. */
const MAX_REVOKED = 256

const TOO_MANY = 'too many requests at a time'
const NO_RESPONDER = 'it has no responder (respond() sets one)'

export interface ExchangesHost {
  readonly env: Env
  /** Gives what takes the message back, as long as it has not left. */
  send(purpose: Purpose, exchange: number, message: unknown): () => void
  /** The remote reads so little that it need not be told what it can find out by waiting. */
  crowded(): boolean
  /** So much waits for the remote that it gets no more replies. */
  flooded(): boolean
  /** Tells the remote that nobody waits for this reply any more. */
  cancel(exchange: number): void
  /** A request cannot be read. */
  fault(error: SwarmlinkError): void
}

/** A request of the remote. It is read when its turn comes. */
interface Asked {
  payload: Uint8Array
  read: (payload: Uint8Array) => Message
}

/** The context of a request that the responder works on. Makes its `AbortSignal` when a responder reads it: most never do, and one costs 1 µs. */
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

export class Exchanges {
  readonly #host: ExchangesHost
  readonly #waiting = new Map<number, (result: { reply: Message } | { error: SwarmlinkError }) => void>()
  readonly #running = new Map<number, Running>()
  /** Requests of the remote that wait for their turn, oldest first. */
  readonly #queue = new Map<number, Asked>()
  readonly #revoked = new Set<number>()
  #queuedBytes = 0
  #runningBytes = 0
  #responder: Responder | undefined
  #next = 1

  constructor(host: ExchangesHost) {
    this.#host = host
  }

  set responder(responder: Responder | undefined) {
    this.#responder = responder
  }

  /** Our requests without a reply. */
  get awaited(): number {
    return this.#waiting.size
  }

  /** The remote's requests without a reply. */
  get answering(): number {
    return this.#running.size + this.#queue.size
  }

  async request(message: unknown, { timeout = REQUEST_TIMEOUT, signal }: RequestOptions): Promise<Message> {
    if (signal?.aborted === true) throw aborted(signal)
    if (this.#waiting.size >= MAX_WAITING)
      throw new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_WAITING} requests wait for this peer's replies`)
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
      return await withDeadline(
        this.#host.env,
        reply,
        timeout,
        () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', `the peer did not reply within ${timeout} ms`),
      )
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

  /** The request came to nothing; `error` is ours, or what the remote says about it. */
  failed(exchange: number, error: SwarmlinkError | Message): void {
    const reason = reasonOf(typeof error === 'string' ? error : '')
    this.#settle(exchange, {
      error:
        error instanceof SwarmlinkError
          ? error
          : new SwarmlinkError('ERR_REQUEST_FAILED', `the peer could not answer: ${reason}`),
    })
  }

  /** A request of the remote arrived. The payload is a part of what came with it: one that waits is copied. */
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

  /** Answers a request with a failure. Says nothing to a remote that does not read: its request times out. */
  refuse(exchange: number, reason: string): void {
    if (!this.#host.crowded()) this.#answer('failure', exchange, reason)
  }

  /** Our reply to this request was accepted, but could not leave: sends a failure in its place. */
  unanswered(exchange: number, reason: SwarmlinkError): void {
    this.#answer('failure', exchange, reasonOf(reason))
  }

  /** The remote does not wait for our reply any more. */
  cancelled(exchange: number): void {
    if (this.#dequeue(exchange)) return
    const running = this.#running.get(exchange)
    if (running !== undefined)
      return running.end(new SwarmlinkError('ERR_ABORTED', 'the peer does not wait for the reply any more'))
    this.#revoked.add(exchange)
    const [oldest = exchange] = this.#revoked
    if (this.#revoked.size > MAX_REVOKED) this.#revoked.delete(oldest)
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
      const error = asError(thrown, 'ERR_BAD_FRAME', 'the peer sent what cannot be read')
      this.refuse(exchange, `the request cannot be read: ${error.message}`) // it shall not wait for its timeout
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
    // A synchronous responder has answered before the next request of the same packet is looked at, so it never fills `MAX_RUNNING`.
    if (!isThenable(reply)) return this.#gave(exchange, running, reply)
    void Promise.resolve(reply)
      .then(
        value => this.#gave(exchange, running, value),
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

  /** False when it does not wait. */
  #dequeue(exchange: number): boolean {
    this.#queuedBytes -= this.#queue.get(exchange)?.payload.byteLength ?? 0
    return this.#queue.delete(exchange)
  }

  #gave(exchange: number, running: Running, reply: unknown): void {
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

  /** A reply that cannot be sent is a failure to answer. */
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
    return true // a proxy whose trap throws: `Promise.resolve` makes a rejection of it
  }
}

function aborted(signal: AbortSignal | undefined): SwarmlinkError {
  return new SwarmlinkError('ERR_ABORTED', 'the request was given up', { cause: signal?.reason })
}
