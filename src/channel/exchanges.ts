/** Requests and their replies: who waits for what, and who works on what. Knows no channel and no frame. */
import { withDeadline, type Env } from '../core/env.js'
import { reasonOf, SwarmlinkError } from '../core/errors.js'
import type { Message, RequestOptions, Responder, Sendable } from './messenger.js'
import type { Purpose } from './wire.js'

const REQUEST_TIMEOUT = 30_000
/** Requests that wait for their replies at a time. */
const MAX_WAITING = 4096
/** Requests of the remote that our responder works on at a time; more are refused. */
const MAX_RUNNING = 256
/** Requests that were given up before they came: a cancel overtakes what waits for credit. */
const MAX_REVOKED = 256

const TOO_MANY = 'too many requests at a time'

export interface ExchangesHost {
  readonly env: Env
  /** Gives what takes the message back, as long as it has not left. */
  send(purpose: Purpose, exchange: number, message: Sendable): () => void
  /** The remote reads so little that it need not be told what it can find out by waiting. */
  crowded(): boolean
  /** So much waits for the remote that it gets no more replies. */
  flooded(): boolean
  /** Tells the remote that nobody waits for this reply any more. */
  cancel(exchange: number): void
}

export class Exchanges {
  readonly #host: ExchangesHost
  readonly #waiting = new Map<number, (result: { reply: Message } | { error: SwarmlinkError }) => void>()
  readonly #running = new Map<number, AbortController>()
  readonly #revoked = new Set<number>()
  #responder: Responder | undefined
  #next = 1

  constructor(host: ExchangesHost) {
    this.#host = host
  }

  set responder(responder: Responder | undefined) {
    this.#responder = responder
  }

  async request(message: Sendable, { timeout = REQUEST_TIMEOUT, signal }: RequestOptions): Promise<Message> {
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

  /** The remote asks. */
  async asked(exchange: number, message: Message): Promise<void> {
    if (this.#revoked.delete(exchange) || this.#running.has(exchange)) return
    const responder = this.#responder
    if (responder === undefined) return this.#refuse(exchange, 'nobody answers requests here')
    if (this.#running.size >= MAX_RUNNING || this.#host.flooded()) return this.#refuse(exchange, TOO_MANY)
    const running = new AbortController()
    this.#running.set(exchange, running)
    try {
      const reply = await responder(message, { signal: running.signal })
      if (running.signal.aborted) return
      if (this.#host.flooded()) this.#refuse(exchange, TOO_MANY)
      else this.#answer('reply', exchange, reply ?? null)
    } catch (thrown) {
      if (!running.signal.aborted) this.#answer('failure', exchange, reasonOf(thrown))
    } finally {
      this.#running.delete(exchange)
    }
  }

  /** The remote does not wait for our reply any more. */
  cancelled(exchange: number): void {
    const running = this.#running.get(exchange)
    if (running !== undefined)
      return running.abort(new SwarmlinkError('ERR_ABORTED', 'the peer does not wait for the reply any more'))
    this.#revoked.add(exchange)
    const [oldest = exchange] = this.#revoked
    if (this.#revoked.size > MAX_REVOKED) this.#revoked.delete(oldest)
  }

  close(error: SwarmlinkError): void {
    for (const exchange of [...this.#waiting.keys()]) this.#settle(exchange, { error })
    for (const running of this.#running.values()) running.abort(error)
  }

  #settle(exchange: number, result: { reply: Message } | { error: SwarmlinkError }): void {
    const settle = this.#waiting.get(exchange)
    this.#waiting.delete(exchange)
    settle?.(result)
  }

  #refuse(exchange: number, reason: string): void {
    if (!this.#host.crowded()) this.#answer('failure', exchange, reason)
  }

  /** A reply that cannot be sent is a failure to answer. */
  #answer(purpose: 'reply' | 'failure', exchange: number, message: Sendable): void {
    try {
      this.#host.send(purpose, exchange, message)
    } catch (thrown) {
      if (purpose === 'reply') this.#answer('failure', exchange, reasonOf(thrown))
    }
  }
}

function aborted(signal: AbortSignal | undefined): SwarmlinkError {
  return new SwarmlinkError('ERR_ABORTED', 'the request was given up', { cause: signal?.reason })
}
