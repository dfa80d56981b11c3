/**
 * One end's place in a room of a bus: subscribes to its namespaces, signs what it sends, and checks, limits and orders what it receives.
 * Knows nothing of connections.
 */
import { Counter } from '../../core/counter.js'
import type { Env } from '../../core/env.js'
import { asError, ProtocolError, type SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { readSafely } from '../../core/uncaught.js'
import { TokenBucket, type RateLimit } from '../../core/token-bucket.js'
import { TokenBuckets } from '../../core/token-buckets.js'
import type { Identity } from '../../identity/identity.js'
import type { Driver } from '../../signaling/drivers/driver.js'
import { DriverPort } from '../../signaling/pubsub/driver-port.js'
import { decodeMessage, type MediaMessage } from './codec.js'
import { signMessage, verifyMessage, type SignatureVerdict } from './message-signer.js'

const log = logger('media')

/** Messages of one id. An end sends some ten messages for a connection, and one for every change of its state. */
const ID_RATE: RateLimit = { burst: 60, rate: 10 }
/** Messages of all ids of the room, because ids cost nothing: checking a signature takes 0.2 ms. */
const ROOM_RATE: RateLimit = { burst: 600, rate: 200 }
const MAX_IDS = 1024
/** In characters: a public key in base64. */
const MAX_KEY = 64

export type EndRole = 'sender' | 'receiver'
const OTHER = { sender: 'receiver', receiver: 'sender' } as const

/** Why messages of the bus were ignored. */
export type BusDropReason = 'malformed' | 'forged' | 'rate' | 'unknown'

export interface Arrival {
  message: MediaMessage
  /** The message was sent to this end alone. */
  isDirected: boolean
  /** The proven identity of the sender; undefined without a signature. */
  peerId: Id | undefined
}

export interface RoomBusDeps {
  driver: Driver
  env: Env
  role: EndRole
  room: string
  id: string
  identity: Identity
  /** Called for each message of another end, in the order of each sender's messages. */
  arrived: (arrival: Arrival) => void
  /** The bus carries messages from now on: at the start, and after it was away. */
  opened: () => void
  warn: (error: SwarmlinkError) => void
}

export class RoomBus {
  readonly dropped = new Counter<BusDropReason>()
  readonly #deps: RoomBusDeps
  readonly #port: DriverPort
  readonly #room: readonly string[]
  readonly #own: readonly string[]
  readonly #ends: Array<() => void> = []
  readonly #idRates: TokenBuckets
  readonly #roomRate: TokenBucket
  /** The last arrival of each id, so that messages whose signatures take different times stay in order. */
  readonly #arriving = new Map<string, Promise<void>>()
  /** The last message that is being signed. */
  #sending: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(deps: RoomBusDeps) {
    const { driver, env, role, room, id, warn } = deps
    this.#deps = deps
    this.#room = [role, room]
    this.#own = [role, room, id]
    this.#port = new DriverPort(driver, `the ${role} of room ${JSON.stringify(room)}`, env, warn)
    this.#idRates = new TokenBuckets(ID_RATE, MAX_IDS)
    this.#roomRate = new TokenBucket(ROOM_RATE)
  }

  /** Subscribes, and calls `opened` once both subscriptions have begun. */
  open(): void {
    const opened = () => {
      if (!this.#isClosed && subscriptions.every(({ active }) => active) && this.isOpen) this.#deps.opened()
    }
    const subscriptions = [this.#room, this.#own].map(namespace =>
      this.#port.subscribe(namespace, message => this.#receive(namespace, message), opened),
    )
    this.#ends.push(...subscriptions.map(subscription => () => subscription.end()))
    if (this.#port.isWatched) this.#ends.push(this.#port.watch({ open: opened, close: () => {} }))
    else if (subscriptions.every(({ active }) => active)) queueMicrotask(opened)
  }

  /** The id of this end. */
  get id(): string {
    return this.#deps.id
  }

  get isOpen(): boolean {
    return !this.#isClosed && (!this.#port.isWatched || this.#port.open)
  }

  /** Sends a message to all ends of the other role in the room. */
  broadcast(message: object): void {
    this.#send([OTHER[this.#deps.role], this.#deps.room], message)
  }

  /** Sends a message to one end. */
  send(to: string, message: object): void {
    this.#send([OTHER[this.#deps.role], this.#deps.room, to], message)
  }

  /** The message as it would be sent, for the moment when the page is left and nothing can be signed any more. */
  async presign(to: string, message: object): Promise<(() => void) | undefined> {
    const namespace = [OTHER[this.#deps.role], this.#deps.room, to]
    try {
      const signed = await this.#signed(namespace, message)
      return () => this.#emit(namespace, signed)
    } catch (error) {
      log('cannot sign the end of a connection ahead: %o', error) // it is signed when it ends, unless the page is left
      return undefined
    }
  }

  /** Resolves when all messages that were sent before have been given to the driver. */
  flush(): Promise<void> {
    return this.#sending
  }

  close(): void {
    this.#isClosed = true
    for (const end of this.#ends.splice(0)) end()
  }

  #send(namespace: readonly string[], message: object): void {
    const signed = this.#signed(namespace, message)
    this.#sending = Promise.all([signed, this.#sending]).then(
      ([ready]) => this.#emit(namespace, ready),
      (error: unknown) => this.#deps.warn(asError(error, 'ERR_ENGINE', 'a message of a call cannot be signed')),
    )
  }

  async #signed(namespace: readonly string[], message: object): Promise<object> {
    const { identity, id } = this.#deps
    return signMessage(identity, namespace, { id, swarmlink: 1, ...message })
  }

  #emit(namespace: readonly string[], message: object): void {
    if (!this.#isClosed) this.#port.emit(namespace, message, () => {})
  }

  #receive(namespace: readonly string[], value: unknown): void {
    if (this.#isClosed) return
    const message = this.#decode(value)
    if (message === undefined || message.id === this.#deps.id) return // a bus may deliver the messages of this end, too
    const now = this.#deps.env.now()
    if (!this.#idRates.of(senderOf(message, value), now).take(1, now) || !this.#roomRate.take(1, now))
      return this.#drop('rate', message)
    const arriving = (this.#arriving.get(message.id) ?? Promise.resolve())
      .then(() => this.#deliver(namespace, message, value as object)) // decoded above
      .catch((error: unknown) => this.#deps.warn(asError(error, 'ERR_ENGINE', 'a message of a call could not be handled')))
      .then(() => {
        if (this.#arriving.get(message.id) === arriving) this.#arriving.delete(message.id)
      })
    this.#arriving.set(message.id, arriving)
  }

  async #deliver(namespace: readonly string[], message: MediaMessage, value: object): Promise<void> {
    const verdict = await this.#verify(namespace, value)
    if (this.#isClosed) return
    if (verdict === false) this.#drop('forged', message)
    else this.#deps.arrived({ message, isDirected: namespace === this.#own, peerId: verdict?.peerId })
  }

  async #verify(namespace: readonly string[], message: object): Promise<SignatureVerdict> {
    try {
      return await verifyMessage(namespace, message)
    } catch (error) {
      log('%o', error) // a getter of an object on a bus within the process threw
      return false
    }
  }

  #decode(value: unknown): MediaMessage | undefined {
    try {
      return decodeMessage(value)
    } catch (error) {
      if (!(error instanceof ProtocolError)) log('%o', error) // a getter of an object on a bus within the process threw
      this.#drop('malformed')
      return undefined
    }
  }

  #drop(reason: BusDropReason, message?: MediaMessage): void {
    this.dropped.add(reason)
    log('dropped a message of %s (%s): %s', message?.id ?? 'unknown', message?.type ?? 'unknown type', reason)
  }
}

/** The id, and the key that the message claims: strangers without a key cannot use up the allowance of an end that has one. */
function senderOf({ id }: MediaMessage, value: unknown): string {
  const key = readSafely(() => (value as { key?: unknown }).key) // an object, because it was decoded
  return typeof key === 'string' && key.length <= MAX_KEY ? `${id} ${key}` : id
}
