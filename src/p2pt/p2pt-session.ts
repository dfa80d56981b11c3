/** One connected peer of a room: sends and receives messages, and matches answers to the promises that wait for them. */
import { isBytes } from '../channel/messages/message-copier.js'
import { Counter } from '../core/counter.js'
import { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'
import { asError, type ErrorCode, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import type { Remote } from '../peer/remote-peer.js'
import type { Incoming, RoomMessenger, P2PTMessage } from './room-messenger.js'
import { P2PTPeer, type P2PTAnswer } from './p2pt-peer.js'
import type { RoomMember } from './p2pt-peers.js'
import type { MessageId, P2PTFault, P2PTFrameError } from './stock-codec.js'
import { QuietPromise } from '../core/quiet-promise.js'
import { PendingAnswers } from '../room/pending-answers.js'

const log = logger('room')

/** Errors of messages that were not sent: reported as `warning` when the promise has no `catch`. */
const NOT_SENT = new Set<ErrorCode>(['ERR_INVALID_ARGUMENT', 'ERR_MESSAGE_TOO_LARGE', 'ERR_QUEUE_FULL'])
/** Messages to one peer that wait for an answer: 100 unanswered ones per second, until their timeout of 30 s, stay below it. */
const MAX_WAITERS = 4_096

export interface P2PTSessionEvents {
  data: [string | Uint8Array]
  /** The {@link P2PTPeer} is bound to the message. */
  message: [P2PTPeer, P2PTMessage]
  /** A received message was dropped, or a message was not sent and its promise has no `catch`. Only the first of each kind, to spare the log. */
  warning: [SwarmlinkError]
}

export interface P2PTSessionDeps {
  env: Env
  messenger: RoomMessenger
  remote: Remote
  /** Timeout for answers, in milliseconds. */
  requestTimeout: number
  /** Closes the connection. */
  disconnect: () => void
}

export class P2PTSession extends Emitter<P2PTSessionEvents> implements RoomMember {
  /** Its `respond` answers the last message. */
  readonly peer = new P2PTPeer(this)
  readonly endedChannels = new Set<string>()
  readonly remote: Remote
  readonly #messenger: RoomMessenger
  readonly #waiters: PendingAnswers<P2PTAnswer>
  readonly #dropped = new Counter<P2PTFault>()
  /** Errors of unsent messages that were reported as `warning`. */
  readonly #unsent = new Set<ErrorCode>()
  readonly #disconnect: () => void
  #last: MessageId | undefined
  open = true

  constructor({ env, messenger, remote, requestTimeout, disconnect }: P2PTSessionDeps) {
    super()
    this.remote = remote
    this.#messenger = messenger
    this.#disconnect = disconnect
    this.#waiters = new PendingAnswers({
      env,
      timeout: requestTimeout,
      most: MAX_WAITERS,
      late: () => new SwarmlinkError('ERR_REQUEST_TIMEOUT', `no answer within ${requestTimeout / 1_000} s: raise requestTimeout`),
      crowded: () => new SwarmlinkError('ERR_QUEUE_FULL', `${MAX_WAITERS} messages wait for an answer: send fewer at a time`),
    })
    messenger.on('data', data => this.emit('data', data))
    messenger.on('message', incoming => this.#receive(incoming))
    messenger.on('failed', (id, error) => this.#waiters.fail(String(id), error))
    messenger.on('dropped', error => this.#drop(error))
  }

  /** Dropped frames and messages by reason. */
  get dropped(): Partial<Record<P2PTFault, number>> {
    return this.#dropped.counts()
  }

  /** Most callers ignore the promise, so its rejection must not end their process. */
  send(message: unknown, answers?: MessageId): Promise<P2PTAnswer> {
    return new QuietPromise<P2PTAnswer>(resolve => resolve(this.#ask(message, answers))).whenIgnored(error => {
      log('%s: %s', this.remote.announceId.slice(0, 8), error.message)
      if (!NOT_SENT.has(error.code) || this.#unsent.has(error.code)) return
      this.#unsent.add(error.code)
      this.emit('warning', error)
    })
  }

  respond(message: unknown): Promise<P2PTAnswer> {
    if (this.#last !== undefined) return this.send(message, this.#last)
    return refused(new SwarmlinkError('ERR_INVALID_ARGUMENT', 'this peer has sent no message to answer yet: use send()'))
  }

  /** The application disconnects this peer. */
  end(): void {
    if (this.open) this.#disconnect()
  }

  /** The connection closed. */
  close(): void {
    this.open = false
    this.#messenger.close()
    this.#waiters.clear(gone())
  }

  #ask(message: unknown, answers: MessageId | undefined): Promise<P2PTAnswer> {
    if (!this.open) return Promise.reject(gone())
    try {
      const id = this.#messenger.send(message, answers)
      if (isBytes(message) && !this.remote.isSwarmlink) return Promise.reject(unanswerable())
      return this.#waiters.wait(String(id))
    } catch (thrown) {
      return Promise.reject(asError(thrown, 'ERR_ENGINE', 'the message could not be sent'))
    }
  }

  #receive({ message, id, answers }: Incoming): void {
    this.#last = id
    const peer = new P2PTPeer(this, id)
    // An answer whose promise is gone is reported as a message.
    if (answers === undefined || !this.#waiters.settle(String(answers), [peer, message])) this.emit('message', peer, message)
  }

  #drop(error: P2PTFrameError): void {
    const count = this.#dropped.add(error.fault)
    if (count === 1) this.emit('warning', error)
  }
}

/** A rejection that needs no `catch`. */
export function refused(reason: SwarmlinkError): Promise<never> {
  return new QuietPromise<never>((_resolve, reject) => reject(reason))
}

export function gone(): SwarmlinkError {
  return new SwarmlinkError('ERR_CLOSED', 'this peer is disconnected: wait for its next `peerconnect`')
}

function unanswerable(): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_REQUEST_FAILED',
    'the bytes were sent, but this peer runs the published p2pt, which cannot answer bytes: send JSON to get an answer',
  )
}
