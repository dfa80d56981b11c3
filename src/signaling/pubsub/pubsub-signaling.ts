/** Signalling over a driver: many topics on one bus, with directed offers to members. Knows nothing of torrents or WebRTC. */
import { Counter } from '../../core/counter.js'
import { Emitter } from '../../core/emitter.js'
import { checkNames, checkText } from '../../core/arguments.js'
import { checkEnv, systemEnv, type Env, type Timer } from '../../core/env.js'
import { asCause, asError, misuse, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { withoutSecrets } from '../../core/secrets.js'
import type {
  Announcement,
  DirectSignaling,
  OutboundAnswer,
  OutboundDirectedOffer,
  OutboundCandidate,
  OutboundRefusal,
  SignalingListener,
} from '../signaling.js'
import { Retry } from '../retry.js'
import { checkDriver, isWatched, type Driver } from '../drivers/driver.js'
import { DriverPort, type Subscription } from './driver-port.js'
import type { PubSubDropReason, PubSubSignalingEvents, PubSubSignalingOptions, PubSubStatus } from './pubsub-signaling-types.js'
import { PubSubTopic } from './pubsub-topic.js'
import { decode, encode, MessageError, type Broadcast, type Direct, type InboundMessage } from './codec.js'

const log = logger('pubsub')

interface Subscribed {
  readonly topic: PubSubTopic
  /** The subscription to the topic's broadcasts is active. */
  readonly isListening: () => boolean
  readonly leave: () => void
}

/**
 * Finds peers over any {@link Driver}. Uses the driver only while a topic is subscribed, and never closes it, because it belongs to the
 * application.
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
  readonly #dropped = new Counter<PubSubDropReason>()
  readonly #retry = new Retry()
  #unwatch: (() => void) | undefined
  /** Last event of a watched driver; any other driver counts as open. */
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
    this.name = withoutSecrets(name ?? nameOf(driver)) // an application may name its driver by a URL
    this.#port = new DriverPort(driver, this.name, env, error => this.#warn(error))
  }

  get open(): boolean {
    if (this.#closed) return false
    // The last event counts: a driver may be open again before its watchers got `close`.
    return !this.#port.isWatched || (this.#topics.size > 0 ? this.#connected : this.#port.open)
  }

  /** The statistics of this signalling. */
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
      dropped: this.#dropped.counts(),
    }
  }

  subscribe(id: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw new SwarmlinkError('ERR_CLOSED', `the signalling ${this.name} was closed`)
    if (this.#topics.has(id)) throw misuse(`the topic ${id} has a listener already`)
    const subscribed = this.#join(id, listener)
    this.#topics.set(id, subscribed)
    // Watching opens all topics when the driver is open; a later topic is opened here.
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

  dialable(id: Id): Id[] {
    return this.#topic(id)?.dialable() ?? []
  }

  dial({ topic, from, to, offerId, sdp }: OutboundDirectedOffer): boolean {
    return this.#send(topic, to, { kind: 'offer', from, offerId, sdp })
  }

  answer({ topic, from, to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#send(topic, to, { kind: 'answer', from, offerId, sdp })
  }

  candidate({ topic, from, to, offerId, candidate }: OutboundCandidate): boolean {
    return this.#send(topic, to, { kind: 'candidate', from, offerId, candidate })
  }

  refuse({ topic, from, to, offerId }: OutboundRefusal): boolean {
    return this.#send(topic, to, { kind: 'refusal', from, offerId })
  }

  /** Final. The driver stays open; listeners of topics that are still subscribed get `close`. */
  close(): void {
    if (this.#closed) return
    const wasOpen = this.open
    this.#closed = true
    const topics = [...this.#topics.values()]
    this.#topics.clear()
    for (const { topic, leave } of topics) {
      leave()
      if (wasOpen) this.#notify(() => topic.listener.close())
    }
    this.#stopWatching()
  }

  #topic(id: Id): PubSubTopic | undefined {
    return this.open ? this.#topics.get(id)?.topic : undefined
  }

  #send(topic: Id, to: Id, message: Direct): boolean {
    return this.#topic(topic)?.send(to, message) ?? false
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
        // Over a copy: a listener may subscribe and unsubscribe topics meanwhile.
        for (const [id, entry] of [...this.#topics])
          if (this.#topics.get(id) === entry) this.#notify(() => entry.topic.listener.close())
      },
    })
    if (this.#topics.size === 0) this.#stopWatching() // the first listener unsubscribed within open()
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

  /** Waits for the topic's own subscription: replies to an earlier announcement would be lost. */
  #openTopic(subscribed: Subscribed): void {
    const { topic, isListening } = subscribed
    if (this.open && isListening() && this.#topics.get(topic.id) === subscribed) this.#notify(() => topic.opened())
  }

  /** Subscribes to both namespaces of a topic: that of all members now, that of our own id with the first announcement. */
  #join(id: Id, listener: SignalingListener): Subscribed {
    const topicNamespace = ['swarm', id]
    let own: Subscription | undefined
    let again: Timer | undefined
    let left = false
    const receive = (message: unknown, take: (inbound: InboundMessage) => boolean) =>
      this.#receive(topic, message, inbound => left || take(inbound))
    const topic = new PubSubTopic({
      env: this.#env,
      topic: id,
      listener,
      listen: self => {
        own?.end()
        own = this.#port.subscribe([...topicNamespace, self], message =>
          receive(message, inbound => topic.receiveDirect(inbound)),
        )
      },
      isListening: () => own?.active === true,
      broadcast: message => this.#emit(topicNamespace, message, () => lost()),
      send: (to, message) => this.#emit([...topicNamespace, to], message, () => {}),
      notify: call => this.#notify(call),
    })
    // Repeats an announcement that the driver took and lost: reopens the topic after a pause.
    const lost = () => {
      if (left || again !== undefined) return
      again = this.#env.timer(this.#retry.next(this.#env.now(), this.#env.random()), () => {
        again = undefined
        if (!this.open) return
        this.#notify(() => listener.close())
        this.#openTopic(subscribed)
      })
    }
    const all = this.#port.subscribe(
      topicNamespace,
      message => receive(message, inbound => topic.receiveBroadcast(inbound)),
      () => this.#openTopic(subscribed),
    )
    const leave = () => {
      left = true
      again?.cancel()
      all.end()
      own?.end()
      topic.close()
    }
    const subscribed = { topic, isListening: () => all.active, leave }
    return subscribed
  }

  /** False when the driver threw; calls `lost` when the driver took the message and rejected it later. */
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

  #receive(topic: PubSubTopic, message: unknown, take: (inbound: InboundMessage) => boolean): void {
    this.#messagesIn++
    let inbound: InboundMessage
    try {
      inbound = decode(message)
    } catch (thrown) {
      // A getter of a value that is no plain data may throw anything.
      const error = thrown instanceof MessageError ? thrown : new MessageError('not-an-object', { cause: asCause(thrown) })
      this.#dropped.add(error.fault)
      if (topic.isNewFault(error)) this.#notify(() => topic.listener.warning(error))
      return
    }
    if (inbound.kind === 'unknown') return void this.#dropped.add('unknown-kind')
    const handle = () =>
      this.#notify(() => {
        if (!take(inbound)) this.#dropped.add('misplaced')
      })
    if (this.#port.busy) queueMicrotask(handle)
    else handle()
  }

  /** Turns what a listener throws into a warning; the driver and the other topics are not affected. */
  #notify(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      this.#dropped.add('listener')
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
