/** One topic on one bus: announces this client, keeps the member list, and decides which side dials. Knows no driver. */
import type { Env, Timer } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import type { Announcement, SignalingListener } from '../signaling.js'
import { Members, PRESENCE_INTERVAL } from './members.js'
import type { Broadcast, Direct, InboundMessage, MessageError, MessageFault } from './codec.js'

/** All members get an announcement, so one that only repeats the last is sent at most once per this time. */
export const BROADCAST_GAP = 30_000
/** Within this time after its own `started` announcement a client counts as a newcomer as well. */
export const YOUNG = 1_000
/** Members that reply to a newcomer at once, or three per wanted peer if that is more; the others wait, so that not all dial it. */
const CHOICE = 50
/** The other members dial at a random time within this, if the newcomer still wants peers. */
const LATER = 30_000
/** Rate limit of `here` messages: fifty newcomers at once, then 10 per second. */
const HERE = { burst: 50, rate: 10 }
/** Batches changes of the counts. */
const COUNT_DELAY = 1_000

export interface PubSubTopicDeps {
  env: Env
  topic: Id
  listener: SignalingListener
  /** Subscribes to the direct messages of this id, instead of an earlier one. */
  listen: (self: Id) => void
  isListening: () => boolean
  /** False when it could not leave. */
  broadcast: (message: Broadcast) => boolean
  send: (to: Id, message: Direct) => boolean
  /** Runs code that calls the listener, and catches what it throws. */
  notify: (call: () => void) => void
}

export class PubSubTopic {
  readonly listener: SignalingListener
  readonly members = new Members()
  readonly #deps: PubSubTopicDeps
  readonly #here = new TokenBucket(HERE)
  /** Faults reported since the driver opened, one warning per kind: a hostile member must not fill the log. */
  readonly #faults = new Set<MessageFault>()
  /** Our announce id; unknown before the first announcement. */
  #self: Id | undefined
  #done = false
  #startedAt = Number.NEGATIVE_INFINITY
  #broadcastAt = Number.NEGATIVE_INFINITY
  #countTimer: Timer | undefined
  #dialTimer: Timer | undefined

  constructor(deps: PubSubTopicDeps) {
    this.#deps = deps
    this.listener = deps.listener
  }

  get id(): Id {
    return this.#deps.topic
  }

  opened(): void {
    this.#faults.clear()
    this.listener.open()
  }

  announce({ from, event, left, numwant, alone = false }: Announcement): boolean {
    if (event === 'stopped') return this.#self === undefined || this.#deps.broadcast({ kind: 'leave', from })
    if (this.#self !== from) {
      this.#self = from
      this.#deps.listen(from)
    }
    if (!this.#deps.isListening()) return false // offers to this client would be lost
    const now = this.#deps.env.now()
    this.#done = left === 0
    if (event !== undefined || now - this.#broadcastAt >= BROADCAST_GAP) {
      const started = event === 'started'
      if (!this.#deps.broadcast({ kind: 'announce', from, started, done: this.#done, want: numwant, alone })) return false
      this.#broadcastAt = now
      if (started) this.#startedAt = now
    }
    this.#countSoon(0)
    return true
  }

  /** Descriptions also say whether this client is a seeder. */
  send(to: Id, message: Direct): boolean {
    return this.#deps.send(to, 'sdp' in message ? { ...message, done: this.#done } : message)
  }

  dialable(): Id[] {
    return this.members.dialable(this.#deps.env.now())
  }

  /** True for the first error of its kind since the driver opened. */
  isNewFault({ fault }: MessageError): boolean {
    return this.#faults.size < this.#faults.add(fault).size
  }

  /** False when the kind does not belong into this namespace. Ignores our own broadcasts, which come back. */
  receiveBroadcast(message: InboundMessage): boolean {
    if (message.kind === 'leave') this.#count(message.from !== this.#self && this.members.left(message.from))
    else if (message.kind !== 'announce') return false
    else if (message.from !== this.#self) this.#announced(message)
    return true
  }

  receiveDirect(message: InboundMessage): boolean {
    if (message.kind === 'unknown' || message.kind === 'announce' || message.kind === 'leave' || message.from === this.#self)
      return false
    const { kind, from } = message
    const now = this.#deps.env.now()
    switch (kind) {
      case 'here':
        this.#count(this.members.heard(from, now, { done: message.done, weDial: true }))
        if (this.#wants(from)) this.listener.dialable?.(from)
        break
      case 'candidate':
        this.listener.candidate?.({ from, offerId: message.offerId, candidate: message.candidate })
        break
      case 'refusal':
        this.listener.refused?.({ from, offerId: message.offerId })
        break
      default:
        this.#count(this.members.heard(from, now, { done: message.done }))
        this.listener[kind]({ from, offerId: message.offerId, sdp: message.sdp })
    }
    return true
  }

  close(): void {
    this.#countTimer?.cancel()
    this.#dialTimer?.cancel()
    this.members.clear()
  }

  /**
   * A member announced itself. An earlier member dials a newcomer, because that takes the fewest messages. When both came within
   * {@link YOUNG}, or neither is new, the higher id dials; the lower one sends `here`, so that the other knows of it.
   */
  #announced({ from, started, done, want, alone }: Extract<InboundMessage, { kind: 'announce' }>): void {
    const { env, send } = this.#deps
    const now = env.now()
    const self = this.#self
    const isNewcomer = started && now - this.#startedAt >= YOUNG
    const weDial = self !== undefined && want > 0 && (isNewcomer || self > from)
    const isKnown = this.members.has(from)
    this.#count(this.members.heard(from, now, { done, weDial }))
    if (self === undefined || want === 0) return
    if (!this.#wants(from)) {
      // A full client does not dial, but it may evict a peer for a dialler that has at most one.
      const may = alone && env.random() * this.members.size <= CHOICE && this.#wants(from, true)
      if (may && this.#here.take(1, now)) send(from, { kind: 'here', from: self, done: this.#done })
      return
    }
    // A known member that announces again was dialled by too few.
    const isAtOnce = isKnown || env.random() * this.members.size <= Math.max(CHOICE, 3 * want)
    if (weDial) this.#dialAfter(from, isAtOnce ? 0 : LATER * env.random())
    else if (!isAtOnce) return
    else if (this.#here.take(1, now)) send(from, { kind: 'here', from: self, done: this.#done })
  }

  /** One timer for all waiting members: the listener then reads {@link dialable}, which holds all of them. */
  #dialAfter(id: Id, ms: number): void {
    if (ms === 0) return this.listener.dialable?.(id)
    this.#dialTimer ??= this.#deps.env.timer(ms, () => {
      this.#dialTimer = undefined
      this.#deps.notify(() => this.listener.dialable?.(id))
    })
  }

  #wants(id: Id, alone = false): boolean {
    return this.listener.wants?.(id, alone) ?? true
  }

  #count(changed: boolean): void {
    if (changed && this.#countTimer === undefined) this.#countSoon(COUNT_DELAY)
  }

  /** Reports counts as a tracker does, this client included. */
  #countSoon(ms: number): void {
    const { env, notify } = this.#deps
    this.#countTimer?.cancel()
    this.#countTimer = env.timer(ms, () => {
      this.#countTimer = undefined
      const { complete, incomplete } = this.members.counts(env.now())
      notify(() =>
        this.listener.counts({
          complete: complete + (this.#done ? 1 : 0),
          incomplete: incomplete + (this.#done ? 0 : 1),
          interval: PRESENCE_INTERVAL,
        }),
      )
    })
  }
}
