/** One peer of a room, from its connection to its end: messages out, messages in, and who waits for which answer. */
import { bytesOf } from '../channel/json.js'
import type { Sendable } from '../channel/messenger.js'
import { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Incoming, Link, P2PTMessage } from './p2pt-link.js'
import { P2PTPeer, type Conversation, type P2PTAnswer } from './p2pt-peer.js'
import type { MessageId, P2PTFault, P2PTFrameError } from './p2pt-wire.js'
import { Waiters } from './waiters.js'

const log = logger('room')

/** Messages to one peer that wait for an answer: enough for a hundred a second that nobody answers, until their deadline. */
const MAX_WAITERS = 4_096

export interface SessionEvents {
  data: [string | Uint8Array]
  /** The peer is bound to the message. */
  message: [P2PTPeer, P2PTMessage]
  /** For the first time of its kind, so that a hostile peer cannot fill anybody's log. */
  warning: [P2PTFrameError]
}

export interface SessionParts {
  env: Env
  link: Link
  remote: Remote
  /** How long an answer is waited for, in milliseconds. */
  requestTimeout: number
  /** Ends the connection. */
  hangUp: () => void
}

export class Session extends Emitter<SessionEvents> implements Conversation {
  /** Answers what came last. */
  readonly peer = new P2PTPeer(this)
  readonly #remote: Remote
  readonly #link: Link
  readonly #waiters: Waiters<P2PTAnswer>
  readonly #dropped = new Map<P2PTFault, number>()
  readonly #hangUp: () => void
  #last: MessageId | undefined
  #open = true

  constructor({ env, link, remote, requestTimeout, hangUp }: SessionParts) {
    super()
    this.#remote = remote
    this.#link = link
    this.#hangUp = hangUp
    this.#waiters = new Waiters({
      env,
      timeout: requestTimeout,
      most: MAX_WAITERS,
      late: () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', `no answer came within ${requestTimeout / 1_000} s`),
      crowded: () => new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_WAITERS} later messages to this peer wait for an answer`),
    })
    link.on('data', data => this.emit('data', data))
    link.on('message', incoming => this.#receive(incoming))
    link.on('failed', (id, error) => this.#waiters.fail(String(id), error))
    link.on('dropped', error => this.#drop(error))
  }

  get id(): string {
    return this.#remote.announceId
  }

  get peerId(): string {
    return this.#remote.peerId
  }

  get ours(): boolean {
    return this.#remote.ours
  }

  get verified(): boolean {
    return this.#remote.verified
  }

  get open(): boolean {
    return this.#open
  }

  /** What the peer sent and nobody could use, by reason. */
  get dropped(): Partial<Record<P2PTFault, number>> {
    return Object.fromEntries(this.#dropped)
  }

  send(message: Sendable, answers?: MessageId): Promise<P2PTAnswer> {
    const answer = this.#ask(message, answers)
    // Most messages are sent without a thought of an answer: that none comes must not end the process.
    answer.catch((error: SwarmlinkError) => log('%s: %s', this.id.slice(0, 8), error.message))
    return answer
  }

  respond(message: Sendable): Promise<P2PTAnswer> {
    if (this.#last !== undefined) return this.send(message, this.#last)
    return refused(new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this peer has not said anything yet; send() begins a talk'))
  }

  /** The application wants no more of this peer. */
  end(): void {
    if (this.#open) this.#hangUp()
  }

  /** The connection is gone. */
  close(): void {
    this.#open = false
    this.#link.close()
    this.#waiters.clear(gone())
  }

  #ask(message: Sendable, answers: MessageId | undefined): Promise<P2PTAnswer> {
    if (!this.#open) return Promise.reject(gone())
    try {
      const bytes = bytesOf(message)
      const id = this.#link.send(bytes ?? (message as P2PTMessage), answers) // what is no bytes
      if (bytes !== undefined && !this.ours) return Promise.reject(unanswerable())
      return this.#waiters.wait(String(id))
    } catch (thrown) {
      return Promise.reject(asError(thrown, 'ERR_ENGINE', 'the message could not be sent'))
    }
  }

  #receive({ message, id, answers }: Incoming): void {
    this.#last = id
    const peer = new P2PTPeer(this, id)
    // What nobody waits for any more is a message like any other.
    if (answers === undefined || !this.#waiters.settle(String(answers), [peer, message])) this.emit('message', peer, message)
  }

  #drop(error: P2PTFrameError): void {
    const count = (this.#dropped.get(error.fault) ?? 0) + 1
    this.#dropped.set(error.fault, count)
    if (count === 1) this.emit('warning', error)
  }
}

/** A rejection that whoever passes it over need not hear of. */
export function refused(reason: SwarmlinkError): Promise<never> {
  const promise = Promise.reject(reason)
  promise.catch(() => {})
  return promise
}

export function gone(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this peer is gone; a new `peerconnect` tells when it is back')
}

function unanswerable(): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_REQUEST_FAILED',
    'the bytes are on their way, but this peer runs the published p2pt, which cannot answer bytes; send JSON to be answered',
  )
}
