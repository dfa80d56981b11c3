/** One peer of a room, from its connection to its end: messages out, messages in, and who waits for which answer. */
import { isBytes } from '../channel/message-form.js'
import { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'
import { asError, type ErrorCode, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Incoming, Link, P2PTMessage } from './p2pt-link.js'
import { P2PTPeer, type P2PTAnswer } from './p2pt-peer.js'
import type { Member } from './p2pt-peers.js'
import type { MessageId, P2PTFault, P2PTFrameError } from './p2pt-wire.js'
import { QuietPromise } from './quiet-promise.js'
import { Waiters } from './waiters.js'

const log = logger('room')

/** The message was not sent: `warning` says so when its promise has no `catch`. */
const NOT_SENT = new Set<ErrorCode>(['ERR_INVALID_ARGUMENT', 'ERR_MESSAGE_TOO_LARGE', 'ERR_QUEUE_FULL'])
/** Messages to one peer that wait for an answer: enough for a hundred a second that nobody answers, until their deadline. */
const MAX_WAITERS = 4_096

export interface SessionEvents {
  data: [string | Uint8Array]
  /** The peer is bound to the message. */
  message: [P2PTPeer, P2PTMessage]
  /** A message of the peer was dropped, or one to it was not sent and its promise has no `catch`. Only the first of each kind: no peer can fill a log. */
  warning: [SwarmlinkError]
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

export class Session extends Emitter<SessionEvents> implements Member {
  /** Answers what came last. */
  readonly peer = new P2PTPeer(this)
  readonly endedChannels = new Set<string>()
  readonly #remote: Remote
  readonly #link: Link
  readonly #waiters: Waiters<P2PTAnswer>
  readonly #dropped = new Map<P2PTFault, number>()
  /** The kinds of messages that were not sent which `warning` has told of. */
  readonly #unsent = new Set<ErrorCode>()
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

  /** Most callers do not use the promise: a missing answer must not end their process. */
  send(message: unknown, answers?: MessageId): Promise<P2PTAnswer> {
    return new QuietPromise<P2PTAnswer>(resolve => resolve(this.#ask(message, answers))).whenPassedOver(error => {
      log('%s: %s', this.id.slice(0, 8), error.message)
      if (!NOT_SENT.has(error.code) || this.#unsent.has(error.code)) return
      this.#unsent.add(error.code)
      this.emit('warning', error)
    })
  }

  respond(message: unknown): Promise<P2PTAnswer> {
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

  #ask(message: unknown, answers: MessageId | undefined): Promise<P2PTAnswer> {
    if (!this.#open) return Promise.reject(gone())
    try {
      const id = this.#link.send(message, answers)
      if (isBytes(message) && !this.ours) return Promise.reject(unanswerable())
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

/** A rejection that needs no `catch`. */
export function refused(reason: SwarmlinkError): Promise<never> {
  return new QuietPromise<never>((_resolve, reject) => reject(reason))
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
