/** A WebSocket tracker as a way of signalling: many topics on one socket. Knows nothing of torrents or WebRTC. */
import { Emitter } from '../../core/emitter.js'
import { systemEnv, type Env } from '../../core/env.js'
import { asError, reasonOf, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { urlName } from '../../core/secrets.js'
import type { Announcement, OutboundAnswer, Signaling, SignalingListener } from '../signaling.js'
import type { SocketState, Traffic } from '../socket.js'
import { checkSocketUrl } from '../url.js'
import { TrackerSocket } from './socket.js'
import { encodeAnnouncement, encodeAnswer, type FrameError, type FrameFault, type Inbound } from './wire.js'

const log = logger('tracker')

/** wt-tracker takes no more; bittorrent-tracker would take 82, aquatic passes the first 10 on and drops the rest. */
export const MAX_OFFERS = 20

/** Why something that arrived was not used. */
export type DropReason =
  | FrameFault
  /** It names a topic that nobody here asked for, or not any more. */
  | 'unknown-topic'
  /** The answer to a question that we never ask. */
  | 'unasked'
  /** Whoever listens threw. */
  | 'listener'

export interface TrackerStatus extends Traffic {
  /** The name of its URL, as `serverName(url)` gives it: the origin, and a short hash of what may be secret. */
  url: string
  state: SocketState
  topics: number
  /** Announcements that left. */
  announces: number
  /** What arrived and was not used, by reason. */
  dropped: Partial<Record<DropReason, number>>
}

export interface TrackerEvents {
  state: [SocketState]
  /** The tracker is away (`ERR_TRACKER_LINK`) or refused something without saying which topic (`ERR_TRACKER_REFUSED`). */
  warning: [SwarmlinkError]
}

interface Topic {
  readonly listener: SignalingListener
  /** What the tracker wants to be told back. */
  trackerId: string | undefined
  /** Faults that this topic heard of on this link: a hostile member must not fill its owner's log. */
  readonly faults: Set<FrameFault>
}

/**
 * Dials when the first topic is subscribed and hangs up when the last one goes.
 *
 * @example
 * const tracker = new Tracker('wss://tracker.example')
 * const unsubscribe = tracker.subscribe(topic, listener)
 */
export class Tracker extends Emitter<TrackerEvents> implements Signaling, AsyncDisposable {
  /** In normal form, with what may be secret in it: one tracker, one URL. */
  readonly url: string
  /** The {@link urlName}: for errors, logs and statistics. */
  readonly name: string
  readonly source = 'tracker'
  readonly maxOffers = MAX_OFFERS
  readonly #env: Env
  readonly #topics = new Map<Id, Topic>()
  readonly #dropped = new Map<DropReason, number>()
  /** The traffic of the sockets before this one. */
  readonly #past: Traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, reconnects: 0 }
  #announces = 0
  #socket: TrackerSocket | undefined
  /** The last socket on its way out: some trackers mistake a second one with our id for an intruder. */
  #leaving: Promise<void> | undefined
  #closed = false

  constructor(url: string, env: Env = systemEnv, name?: string) {
    super()
    this.url = validateTrackerUrl(url)
    this.name = name ?? urlName(this.url)
    this.#env = env
  }

  get open(): boolean {
    return this.#socket?.state === 'open'
  }

  status(): TrackerStatus {
    const now = this.#socket?.traffic
    return {
      url: this.name,
      state: this.#state(),
      topics: this.#topics.size,
      announces: this.#announces,
      framesIn: this.#past.framesIn + (now?.framesIn ?? 0),
      framesOut: this.#past.framesOut + (now?.framesOut ?? 0),
      bytesIn: this.#past.bytesIn + (now?.bytesIn ?? 0),
      bytesOut: this.#past.bytesOut + (now?.bytesOut ?? 0),
      reconnects: this.#past.reconnects + (now?.reconnects ?? 0),
      dropped: Object.fromEntries(this.#dropped),
    }
  }

  subscribe(topic: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw new SwarmlinkError('ERR_CLOSED', `the tracker ${this.name} was closed`)
    if (this.#topics.has(topic)) throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `the topic ${topic} has a listener already`)
    const entry: Topic = { listener, trackerId: undefined, faults: new Set() }
    this.#topics.set(topic, entry)
    this.#settle()
    if (this.open) this.#tell(() => listener.open())
    return () => {
      if (this.#topics.get(topic) !== entry) return
      this.#topics.delete(topic)
      // Not at once: whoever swaps one topic for another keeps the socket.
      queueMicrotask(() => this.#settle())
    }
  }

  announce(announcement: Announcement): boolean {
    if (this.#socket?.state !== 'open') return false
    const offers = announcement.offers.slice(0, MAX_OFFERS)
    const frame = encodeAnnouncement({ ...announcement, offers }, this.#topics.get(announcement.topic)?.trackerId)
    // Two of the three trackers that we know do not answer `stopped`.
    const left = this.#socket.send(frame, { answered: announcement.event !== 'stopped' })
    if (left) this.#announces++
    return left
  }

  answer(answer: OutboundAnswer): boolean {
    if (this.#socket?.state !== 'open') return false
    return this.#socket.send(encodeAnswer(answer, this.#topics.get(answer.topic)?.trackerId), { answered: false })
  }

  /** The network is back: dials at once instead of waiting on. */
  wake(): void {
    this.#socket?.wake()
  }

  /** For good. Returns when the socket is gone; topics that are still subscribed hear `close`. */
  async close(): Promise<void> {
    this.#closed = true
    this.#settle()
    await this.#leaving
    this.#topics.clear()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #state(): SocketState {
    if (this.#closed) return 'closed'
    return this.#socket === undefined || this.#leaving !== undefined ? 'idle' : this.#socket.state
  }

  /** Makes the socket be there exactly while a topic needs it. */
  #settle(): void {
    const needed = this.#topics.size > 0 && !this.#closed
    if (needed && this.#socket === undefined && this.#leaving === undefined) this.#dial()
    else if (!needed && this.#socket !== undefined && this.#leaving === undefined) this.#leaving = this.#hangUp(this.#socket)
  }

  #dial(): void {
    const socket = new TrackerSocket(this.url, this.#env)
    let wasOpen = false
    socket.on('state', state => {
      log('%s: %s', this.name, state)
      if (wasOpen) this.#tellAll(topic => topic.listener.close())
      wasOpen = state === 'open'
      if (wasOpen) this.#tellAll(topic => this.#opened(topic))
      if (state !== 'closed') this.emit('state', state)
    })
    socket.on('frame', frame => this.#receive(frame))
    socket.on('dropped', error => this.#drop(error))
    socket.on('warning', error => this.emit('warning', error))
    this.#socket = socket
    socket.start()
  }

  async #hangUp(socket: TrackerSocket): Promise<void> {
    await socket.close()
    for (const key of Object.keys(this.#past) as Array<keyof Traffic>) this.#past[key] += socket.traffic[key] // its own keys
    this.#socket = undefined
    this.#leaving = undefined
    this.emit('state', this.#closed ? 'closed' : 'idle')
    this.#settle()
  }

  #opened(topic: Topic): void {
    topic.faults.clear()
    topic.trackerId = undefined
    topic.listener.open()
  }

  #receive(frame: Inbound): void {
    if (frame.kind === 'scrape') return this.#count('unasked')
    if (frame.kind === 'complaint') {
      this.emit('warning', this.#refusal(frame.reason))
      return
    }
    const topic = this.#topics.get(frame.topic)
    if (topic === undefined) return this.#count('unknown-topic')
    const { listener } = topic
    switch (frame.kind) {
      case 'offer':
        return this.#tell(() => listener.offer(frame.description))
      case 'answer':
        return this.#tell(() => listener.answer(frame.description))
      case 'failure':
        return this.#tell(() => listener.warning(this.#refusal(frame.reason)))
      case 'counts':
        topic.trackerId = frame.trackerId ?? topic.trackerId
        if (frame.warning !== undefined) {
          const warning = this.#refusal(frame.warning)
          this.#tell(() => listener.warning(warning))
        }
        return this.#tell(() => listener.counts(frame.counts))
    }
  }

  #refusal(reason: string): SwarmlinkError {
    return new SwarmlinkError('ERR_TRACKER_REFUSED', `the tracker ${this.name} says: ${reasonOf(reason)}`)
  }

  #drop(error: FrameError): void {
    this.#count(error.fault)
    const topic = error.topic === undefined ? undefined : this.#topics.get(error.topic)
    if (topic === undefined || topic.faults.has(error.fault)) return
    topic.faults.add(error.fault)
    this.#tell(() => topic.listener.warning(error))
  }

  #count(reason: DropReason): void {
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1)
  }

  /** A listener may subscribe and unsubscribe others while it is told. */
  #tellAll(call: (topic: Topic) => void): void {
    for (const [id, topic] of [...this.#topics]) {
      if (this.#topics.get(id) === topic) this.#tell(() => call(topic))
    }
  }

  /** What a listener throws is its own affair: the socket and the other topics go on. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      this.#count('listener')
      const error = asError(thrown, 'ERR_BAD_FRAME', 'a listener failed')
      log('%s: %s', this.name, error.stack)
      this.emit('warning', error)
    }
  }
}

/** A `ws:` or `wss:` URL in its normal form, or a clear error. */
export function validateTrackerUrl(url: unknown): string {
  return checkSocketUrl('a tracker', url)
}
