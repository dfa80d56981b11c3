/** Signalling over a WebSocket tracker: many topics on one socket. Knows nothing of torrents or WebRTC. */
import { Counter } from '../../core/counter.js'
import { Emitter } from '../../core/emitter.js'
import { systemEnv, type Env, type Timer } from '../../core/env.js'
import { asError, misuse, reasonOf, SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import { urlName } from '../../core/secrets.js'
import type { Announcement, OutboundAnswer, Signaling, SignalingListener } from '../signaling.js'
import { noTraffic, type SocketState, type Traffic } from '../reconnecting-socket.js'
import { checkSocketUrl } from '../url.js'
import { TrackerSocket } from './tracker-socket.js'
import { encodeAnnouncement, encodeAnswer, type FrameError, type FrameFault, type InboundFrame } from './codec.js'

const log = logger('tracker')

/** wt-tracker takes at most 20; bittorrent-tracker takes 82; aquatic forwards the first 10 and drops the rest. */
export const MAX_OFFERS = 20

/** Milliseconds that a warm tracker waits for its first topic. */
export const WARM_FOR = 60_000

/** Why a frame was dropped. */
export type DropReason =
  | FrameFault
  /** Its topic has no subscription here, or not any more. */
  | 'unknown-topic'
  /** A scrape reply, which is never requested. */
  | 'unasked'
  /** The listener threw. */
  | 'listener'

/** The statistics of one tracker. */
export interface TrackerStatus extends Traffic {
  /** The name of the tracker, as `serverName(url)` returns it: the origin, and a short hash of possible secrets. */
  url: string
  /** The state of the WebSocket. */
  state: SocketState
  /** Topics that are announced there. */
  topics: number
  /** Sent announcements. */
  announces: number
  /** Dropped frames by reason. */
  dropped: Partial<Record<DropReason, number>>
}

export interface TrackerEvents {
  state: [SocketState]
  /** The tracker is unreachable (`ERR_TRACKER_LINK`), or refused a frame without naming its topic (`ERR_TRACKER_REFUSED`). */
  warning: [SwarmlinkError]
}

interface Topic {
  readonly listener: SignalingListener
  /** The tracker's `tracker id`, which later frames have to return. */
  trackerId: string | undefined
  /** Faults reported on this connection, one warning per kind: a hostile peer must not fill the log. */
  readonly faults: Set<FrameFault>
}

/**
 * Dials when the first topic is subscribed, or earlier with {@link Tracker.warm}, and closes the socket after the last one is unsubscribed.
 *
 * @example
 * const tracker = new Tracker('wss://tracker.example')
 * const unsubscribe = tracker.subscribe(topic, listener)
 */
export class Tracker extends Emitter<TrackerEvents> implements Signaling, AsyncDisposable {
  /** In normal form, secrets included. Identifies the tracker. */
  readonly url: string
  /** The {@link urlName}: for errors, logs and statistics. */
  readonly name: string
  readonly source = 'tracker'
  readonly maxOffers = MAX_OFFERS
  readonly #env: Env
  readonly #topics = new Map<Id, Topic>()
  readonly #dropped = new Counter<DropReason>()
  readonly #traffic = noTraffic()
  #announces = 0
  #socket: TrackerSocket | undefined
  /** Resolves when the old socket is closed: some trackers mistake a second socket with our announce id for an intruder. */
  #leaving: Promise<void> | undefined
  #closed = false
  /** Set while the socket is kept for the first topic. */
  #warm: Timer | undefined
  /** Why there is no socket yet; told when there is a topic that needs it. */
  #untold: SwarmlinkError | undefined

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
    return {
      url: this.name,
      state: this.#state(),
      topics: this.#topics.size,
      announces: this.#announces,
      ...this.#traffic,
      dropped: this.#dropped.counts(),
    }
  }

  subscribe(topic: Id, listener: SignalingListener): () => void {
    if (this.#closed) throw new SwarmlinkError('ERR_CLOSED', `the tracker ${this.name} was closed`)
    if (this.#topics.has(topic)) throw misuse(`the topic ${topic} has a listener already`)
    const entry: Topic = { listener, trackerId: undefined, faults: new Set() }
    this.#topics.set(topic, entry)
    this.#cool()
    if (this.open) this.#notify(() => listener.open())
    else if (this.#untold !== undefined) this.emit('warning', this.#untold)
    this.#untold = undefined
    return () => {
      if (this.#topics.get(topic) !== entry) return
      this.#topics.delete(topic)
      // Not at once, so that replacing one topic by another keeps the socket.
      queueMicrotask(() => this.#update())
    }
  }

  announce(announcement: Announcement): boolean {
    if (this.#socket?.state !== 'open') return false
    const offers = announcement.offers.slice(0, MAX_OFFERS)
    const frame = encodeAnnouncement({ ...announcement, offers }, this.#topics.get(announcement.topic)?.trackerId)
    // Two of the three known trackers do not answer `stopped`.
    const left = this.#socket.send(frame, { answered: announcement.event !== 'stopped' })
    if (left) this.#announces++
    return left
  }

  answer(answer: OutboundAnswer): boolean {
    if (this.#socket?.state !== 'open') return false
    return this.#socket.send(encodeAnswer(answer, this.#topics.get(answer.topic)?.trackerId), { answered: false })
  }

  wake(): void {
    this.#socket?.wake()
  }

  /**
   * Dials before there is a topic, and keeps the socket for a minute. Returns the function that closes it, if there is no topic; it does nothing
   * if the socket was there already.
   */
  warm(): () => void {
    if (this.#closed || this.#topics.size > 0 || this.#warm !== undefined) return () => {}
    const warm = this.#env.timer(WARM_FOR, () => this.#cool())
    this.#warm = warm
    this.#update()
    return () => {
      if (this.#warm === warm) this.#cool()
    }
  }

  /** Final. Resolves when the socket is closed; listeners of topics that are still subscribed get `close`. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cool()
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

  #cool(): void {
    this.#warm?.cancel()
    this.#warm = undefined
    this.#update()
  }

  /** Opens or closes the socket, so that it exists exactly while a topic is subscribed, or expected. */
  #update(): void {
    const needed = (this.#topics.size > 0 || this.#warm !== undefined) && !this.#closed
    if (needed && this.#socket === undefined && this.#leaving === undefined) this.#dial()
    else if (!needed && this.#socket !== undefined && this.#leaving === undefined) this.#leaving = this.#closeSocket(this.#socket)
  }

  #dial(): void {
    const socket = new TrackerSocket(this.url, this.#env, this.#traffic)
    let wasOpen = false
    socket.on('state', state => {
      log('%s: %s', this.name, state)
      if (wasOpen) this.#notifyAll(topic => topic.listener.close())
      wasOpen = state === 'open'
      if (wasOpen) {
        this.#untold = undefined
        this.#notifyAll(topic => {
          topic.faults.clear()
          topic.trackerId = undefined
          topic.listener.open()
        })
      }
      if (state !== 'closed') this.emit('state', state)
    })
    socket.on('frame', frame => this.#receive(frame))
    socket.on('dropped', error => this.#drop(error))
    socket.on('warning', error => {
      if (this.#topics.size > 0) this.emit('warning', error)
      else this.#untold = error
    })
    this.#socket = socket
    socket.start()
  }

  async #closeSocket(socket: TrackerSocket): Promise<void> {
    await socket.close()
    this.#socket = undefined
    this.#untold = undefined
    this.#leaving = undefined
    this.emit('state', this.#closed ? 'closed' : 'idle')
    this.#update()
  }

  #receive(frame: InboundFrame): void {
    if (frame.kind === 'scrape') return void this.#dropped.add('unasked')
    if (frame.kind === 'complaint') {
      this.emit('warning', this.#refusal(frame.reason))
      return
    }
    const topic = this.#topics.get(frame.topic)
    if (topic === undefined) return void this.#dropped.add('unknown-topic')
    const { listener } = topic
    switch (frame.kind) {
      case 'offer':
        return this.#notify(() => listener.offer(frame.description))
      case 'answer':
        return this.#notify(() => listener.answer(frame.description))
      case 'failure':
        return this.#notify(() => listener.warning(this.#refusal(frame.reason)))
      case 'counts':
        topic.trackerId = frame.trackerId ?? topic.trackerId
        if (frame.warning !== undefined) {
          const warning = this.#refusal(frame.warning)
          this.#notify(() => listener.warning(warning))
        }
        return this.#notify(() => listener.counts(frame.counts))
    }
  }

  #refusal(reason: string): SwarmlinkError {
    return new SwarmlinkError('ERR_TRACKER_REFUSED', `the tracker ${this.name} says: ${reasonOf(reason)}`)
  }

  #drop(error: FrameError): void {
    this.#dropped.add(error.fault)
    const topic = error.topic === undefined ? undefined : this.#topics.get(error.topic)
    if (topic === undefined || topic.faults.has(error.fault)) return
    topic.faults.add(error.fault)
    this.#notify(() => topic.listener.warning(error))
  }

  /** Iterates over a copy: a listener may subscribe and unsubscribe topics meanwhile. */
  #notifyAll(call: (topic: Topic) => void): void {
    for (const [id, topic] of [...this.#topics]) {
      if (this.#topics.get(id) === topic) this.#notify(() => call(topic))
    }
  }

  /** Turns what a listener throws into a warning; the socket and the other topics are not affected. */
  #notify(call: () => void): void {
    try {
      call()
    } catch (thrown) {
      this.#dropped.add('listener')
      const error = asError(thrown, 'ERR_BAD_FRAME', 'a listener failed')
      log('%s: %s', this.name, error.stack)
      this.emit('warning', error)
    }
  }
}

/** Returns a `ws:` or `wss:` URL in its normal form, or throws ERR_INVALID_ARGUMENT. */
export function validateTrackerUrl(url: unknown): string {
  return checkSocketUrl('a tracker', url)
}
