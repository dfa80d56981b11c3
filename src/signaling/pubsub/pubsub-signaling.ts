/** A bus as a way of signalling: many topics on one driver, each member called by its name. Knows nothing of torrents or WebRTC. */
import { Emitter } from '../../core/emitter.js'
import { checkNames, checkText } from '../../core/arguments.js'
import { checkEnv, systemEnv, type Env, type Timer } from '../../core/env.js'
import { asCause, asError, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { withoutSecrets } from '../../core/secrets.js'
import type {
  Announcement,
  DirectSignaling,
  OutboundAnswer,
  OutboundCall,
  OutboundCandidate,
  OutboundRefusal,
  SignalingListener,
  SignalingStatus,
} from '../signaling.js'
import { Retry } from '../retry.js'
import { checkDriver, isWatched, type Driver } from './driver.js'
import { DriverPort, type Subscription } from './driver-port.js'
import { PubSubTopic } from './topic.js'
import { decode, encode, MessageError, type Broadcast, type Direct, type Inbound, type MessageFault } from './wire.js'

const log = logger('pubsub')

/** Why something that arrived was not used. */
export type PubSubDropReason =
  | MessageFault
  /** A version that is to come says it. */
  | 'unknown-kind'
  /** It came by the wrong namespace, or in our own name. */
  | 'misplaced'
  /** Whoever listens threw. */
  | 'listener'

export interface PubSubStatus extends SignalingStatus {
  topics: number
  /** Members of all topics together that were heard lately. */
  members: number
  /** Messages to everybody of a topic, and messages to one member, that left. */
  broadcasts: number
  messagesOut: number
  messagesIn: number
  /** What arrived and was not used, by reason. */
  dropped: Partial<Record<PubSubDropReason, number>>
}

export interface PubSubSignalingEvents {
  /** The driver says that something does not work, or threw; it goes on by itself. */
  warning: [SwarmlinkError]
}

export interface PubSubSignalingOptions {
  /** Unique among all signallings of a client. @default `driver:` and the driver's own name */
  name?: string
  env?: Env
}

interface Subscribed {
  readonly topic: PubSubTopic
  /** The subscription to broadcasts of the topic is active. */
  readonly hears: () => boolean
  readonly leave: () => void
}

/**
 * Meets others over anything that has the three methods of a {@link Driver}. Listens to the driver exactly while a topic is
 * subscribed, and never closes it: it belongs to whoever made it.
 *
 * @example
 * const signaling = new PubSubSignaling(new MemoryDriver())
 * const unsubscribe = signaling.subscribe(topic, listener)
 */
export class PubSubSignaling extends Emitter<PubSubSignalingEvents> implements DirectSignaling {
  readonly name: string
  readonly source = 'signaling'
  readonly maxOffers = 0
  readonly #port: DriverPort
  readonly #env: Env
  readonly #topics = new Map<Id, Subscribed>()
  readonly #dropped = new Map<PubSubDropReason, number>()
  readonly #retry = new Retry()
  #unwatch: (() => void) | undefined
  /** Of a driver that knows; any other is always open. */
  #connected = false
  #closed = false
  #broadcasts = 0
  #messagesIn = 0
  #messagesOut = 0

  constructor(driver: Driver, options: PubSubSignalingOptions = {}) {
    super()
    checkDriver('the first argument', driver)
    checkNames(options, ['name', 'env'])
    const { name, env = systemEnv } = options
    if (name !== undefined) checkText('name', name)
    checkEnv(env)
    this.#env = env
    this.name = withoutSecrets(name ?? nameOf(driver)) // a driver of an application's own may be named by its URL
    this.#port = new DriverPort(driver, { env, name: this.name, warn: error => this.#warn(error) })
  }

  get open(): boolean {
    if (this.#closed) return false
    // What its watchers were told last counts: a driver may be open again before they have heard that it was closed.
    return !this.#port.isWatched || (this.#topics.size > 0 ? this.#connected : this.#port.open)
  }

  status(): PubSubStatus {
    const now = this.#env.now()
    const counts = [...this.#topics.values()].map(({ topic }) => topic.members.counts(now))
    return {
      name: this.name,
      state: this.open ? 'open' : 'closed',
      topics: this.#topics.size,
      members: counts.reduce((sum, { complete, incomplete }) => sum + complete + incomplete, 0),
      broadcasts: this.#broadcasts,
      messagesOut: this.#messagesOut,
      messagesIn: this.#messagesIn,
      dropped: Object.fromEntries(this.#dropped),
    }
  }

  subscribe(id: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw new SwarmlinkError('ERR_CLOSED', `the signalling ${this.name} was closed`)
    if (this.#topics.has(id)) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the topic ${id} has a listener already`)
    const subscribed = this.#join(id, listener)
    this.#topics.set(id, subscribed)
    // Watching tells all topics at once when the driver is open; a topic that comes later is told here.
    if (this.#topics.size === 1) this.#watch()
    else this.#openTopic(subscribed)
    return () => {
      if (this.#topics.get(id) !== subscribed) return
      this.#topics.delete(id)
      subscribed.leave()
      if (this.#topics.size === 0) this.#stopWatching()
    }
  }

  announce(announcement: Announcement): boolean {
    return this.#topic(announcement.topic)?.announce(announcement) ?? false
  }

  callees(id: Id): Id[] {
    return this.#topic(id)?.callees() ?? []
  }

  call(call: OutboundCall): boolean {
    return this.#topic(call.topic)?.call(call) ?? false
  }

  answer(answer: OutboundAnswer): boolean {
    return this.#topic(answer.topic)?.answer(answer) ?? false
  }

  candidate(candidate: OutboundCandidate): boolean {
    return this.#topic(candidate.topic)?.candidate(candidate) ?? false
  }

  refuse(refusal: OutboundRefusal): boolean {
    return this.#topic(refusal.topic)?.refuse(refusal) ?? false
  }

  /** For good. The driver stays; topics that are still subscribed hear `close`. */
  close(): void {
    if (this.#closed) return
    const wasOpen = this.open
    this.#closed = true
    const topics = [...this.#topics.values()]
    this.#topics.clear()
    for (const { topic, leave } of topics) {
      leave()
      if (wasOpen) this.#tell(() => topic.listener.close())
    }
    this.#stopWatching()
  }

  #topic(id: Id): PubSubTopic | undefined {
    return this.open ? this.#topics.get(id)?.topic : undefined
  }

  #watch(): void {
    if (!this.#port.isWatched) return this.#opened()
    this.#unwatch = this.#port.watch({
      open: () => {
        this.#connected = true
        this.#opened()
      },
      close: () => {
        this.#connected = false
        log('%s: closed', this.name)
        this.#tellAll(({ topic }) => topic.listener.close())
      },
    })
    if (this.#topics.size === 0) this.#stopWatching() // the first listener left while it was told
  }

  #stopWatching(): void {
    const unwatch = this.#unwatch
    this.#unwatch = undefined
    this.#connected = false
    unwatch?.()
  }

  #opened(): void {
    log('%s: open', this.name)
    for (const subscribed of [...this.#topics.values()]) this.#openTopic(subscribed)
  }

  /** A topic without its subscription announces nothing: answers would be lost. */
  #openTopic(subscribed: Subscribed): void {
    const { topic, hears } = subscribed
    if (this.open && hears() && this.#topics.get(topic.id) === subscribed) this.#tell(() => topic.opened())
  }

  /** Both namespaces of a topic: everybody's from now on, our own as soon as we have a name there. */
  #join(id: Id, listener: SignalingListener): Subscribed {
    const everybody = ['swarm', id]
    let own: Subscription | undefined
    let again: Timer | undefined
    let left = false
    const hear = (message: unknown, take: (inbound: Inbound) => boolean) =>
      this.#receive(topic, message, inbound => left || take(inbound))
    const topic = new PubSubTopic({
      env: this.#env,
      topic: id,
      listener,
      hear: self => {
        own?.end()
        own = this.#port.subscribe(
          [...everybody, self],
          message => hear(message, inbound => topic.heardAlone(inbound)),
          () => {},
        )
      },
      hears: () => own?.active === true,
      broadcast: message => this.#emit(everybody, message, () => lost()),
      send: (to, message) => this.#emit([...everybody, to], message, () => {}),
      tell: call => this.#tell(call),
    })
    // An announcement that a driver took and lost is made anew after a pause, or others would not know of us.
    const lost = () => {
      if (left || again !== undefined) return
      again = this.#env.timer(this.#retry.next(this.#env.now(), this.#env.random()), () => {
        again = undefined
        if (!this.open) return
        this.#tell(() => listener.close())
        this.#openTopic(subscribed)
      })
    }
    const all = this.#port.subscribe(
      everybody,
      message => hear(message, inbound => topic.heardByAll(inbound)),
      () => this.#openTopic(subscribed),
    )
    const leave = () => {
      left = true
      again?.cancel()
      all.end()
      own?.end()
      topic.close()
    }
    const subscribed = { topic, hears: () => all.active, leave }
    return subscribed
  }

  /** False when it threw; `lost` tells of a message that the driver took and that did not leave. */
  #emit(namespace: string[], message: Broadcast | Direct, lost: () => void): boolean {
    const settled = (left: boolean) => {
      if (left) this.#retry.reset()
      else lost()
    }
    if (!this.#port.emit(namespace, encode(message), settled)) return false
    if (namespace.length === 2) this.#broadcasts++
    else this.#messagesOut++
    return true
  }

  #receive(topic: PubSubTopic, message: unknown, hear: (inbound: Inbound) => boolean): void {
    this.#messagesIn++
    let inbound: Inbound
    try {
      inbound = decode(message)
    } catch (thrown) {
      // Of a value that is no plain data a getter may throw anything.
      return this.#drop(
        topic,
        thrown instanceof MessageError ? thrown : new MessageError('not-an-object', { cause: asCause(thrown) }),
      )
    }
    if (inbound.kind === 'unknown') return this.#count('unknown-kind')
    const take = () =>
      this.#tell(() => {
        if (!hear(inbound)) this.#count('misplaced')
      })
    if (this.#port.busy) queueMicrotask(take)
    else take()
  }

  #drop(topic: PubSubTopic, error: MessageError): void {
    this.#count(error.fault)
    if (topic.isNewFault(error)) this.#tell(() => topic.listener.warning(error))
  }

  #count(reason: PubSubDropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }

  /** A listener may subscribe and unsubscribe others while it is told. */
  #tellAll(call: (subscribed: Subscribed) => void): void {
    for (const [id, subscribed] of [...this.#topics]) if (this.#topics.get(id) === subscribed) this.#tell(() => call(subscribed))
  }

  /** What a listener throws is its own affair: the driver and the other topics go on. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      this.#count('listener')
      this.#warn(asError(thrown, 'ERR_BAD_FRAME', 'a listener failed'))
    }
  }

  #warn(error: SwarmlinkError): void {
    log('%s: %s', this.name, error.message)
    this.emit('warning', error)
  }
}

function nameOf(driver: Driver): string {
  return `driver:${isWatched(driver) ? driver.name : 'own'}`
}
