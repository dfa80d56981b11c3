/** One topic on one bus: says who we are, keeps the list of the others, and settles who calls whom. Knows no driver. */
import type { Env, Timer } from '../../core/env.js'
import type { Id } from '../../core/id.js'
import { TokenBucket } from '../../core/token-bucket.js'
import type {
  Announcement,
  OutboundAnswer,
  OutboundCall,
  OutboundCandidate,
  OutboundRefusal,
  SignalingListener,
} from '../signaling.js'
import { Members, PRESENCE_INTERVAL } from './members.js'
import type { Broadcast, Direct, Inbound, MessageError, MessageFault } from './wire.js'

/** Everybody hears an announcement, so one that only repeats the last is kept back for this long. */
export const BROADCAST_GAP = 30_000
/** Whose own first announcement is younger than this may have come together with whoever announces now. */
export const YOUNG = 1_000
/** Somebody who has more than this many others to choose from, and three for each that it wants, is not called by all at once. */
const CHOICE = 50
/** The others see within this time whether it still has room. */
const LATER = 30_000
/** How often somebody who waits to be called says so: a crowd that comes together, and then whoever was missed. */
const HERE = { burst: 50, rate: 10 }
/** Changes of the counts are told together. */
const COUNT_DELAY = 1_000

export interface TopicParts {
  env: Env
  topic: Id
  listener: SignalingListener
  /** Hears what is for this member alone, from now on instead of what was for another one. */
  hear: (self: Id) => void
  /** Whether that is in force yet. */
  hears: () => boolean
  /** False when it could not leave. */
  broadcast: (message: Broadcast) => boolean
  send: (to: Id, message: Direct) => boolean
  /** Calls the listener, whose mistakes are its own affair. */
  tell: (call: () => void) => void
}

export class PubSubTopic {
  readonly listener: SignalingListener
  readonly members = new Members()
  readonly #parts: TopicParts
  readonly #here: TokenBucket
  /** Faults that the listener heard of since the driver opened: a hostile member must not fill its owner's log. */
  readonly #faults = new Set<MessageFault>()
  /** Who we are here; unknown until we announce. */
  #self: Id | undefined
  #done = false
  #startedAt = Number.NEGATIVE_INFINITY
  #broadcastAt = Number.NEGATIVE_INFINITY
  #counting: Timer | undefined
  #later: Timer | undefined

  constructor(parts: TopicParts) {
    this.#parts = parts
    this.listener = parts.listener
    this.#here = new TokenBucket(HERE, parts.env.now())
  }

  get id(): Id {
    return this.#parts.topic
  }

  opened(): void {
    this.#faults.clear()
    this.listener.open()
  }

  announce({ from, event, left, numwant, alone = false }: Announcement): boolean {
    if (event === 'stopped') return this.#self === undefined || this.#parts.broadcast({ kind: 'leave', from })
    if (this.#self !== from) {
      this.#self = from
      this.#parts.hear(from)
    }
    if (!this.#parts.hears()) return false // or offers to us would be lost
    const now = this.#parts.env.now()
    this.#done = left === 0
    if (event !== undefined || now - this.#broadcastAt >= BROADCAST_GAP) {
      const started = event === 'started'
      if (!this.#parts.broadcast({ kind: 'announce', from, started, done: this.#done, want: numwant, alone })) return false
      this.#broadcastAt = now
      if (started) this.#startedAt = now
    }
    this.#countSoon(0)
    return true
  }

  call({ from, to, offerId, sdp }: OutboundCall): boolean {
    return this.#parts.send(to, { kind: 'offer', from, offerId, sdp, done: this.#done })
  }

  answer({ from, to, offerId, sdp }: OutboundAnswer): boolean {
    return this.#parts.send(to, { kind: 'answer', from, offerId, sdp, done: this.#done })
  }

  candidate({ from, to, offerId, candidate }: OutboundCandidate): boolean {
    return this.#parts.send(to, { kind: 'candidate', from, offerId, candidate })
  }

  refuse({ from, to, offerId }: OutboundRefusal): boolean {
    return this.#parts.send(to, { kind: 'refusal', from, offerId })
  }

  callees(): Id[] {
    return this.members.callees(this.#parts.env.now())
  }

  /** True when this was the first of its kind since the driver opened. */
  isNewFault({ fault }: MessageError): boolean {
    return this.#faults.size < this.#faults.add(fault).size
  }

  /** Whether a message is of use to us: our own come back, and each kind has its namespace. */
  heardByAll(message: Inbound): boolean {
    if (message.kind === 'leave') this.#count(message.from !== this.#self && this.members.left(message.from))
    else if (message.kind !== 'announce') return false
    else if (message.from !== this.#self) this.#met(message)
    return true
  }

  heardAlone(message: Inbound): boolean {
    if (message.kind === 'unknown' || message.kind === 'announce' || message.kind === 'leave' || message.from === this.#self)
      return false
    const { kind, from } = message
    const now = this.#parts.env.now()
    switch (kind) {
      case 'here':
        this.#count(this.members.heard(from, now, { done: message.done, ours: true }))
        if (this.#wants(from)) this.listener.callee?.(from)
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
    this.#counting?.cancel()
    this.#later?.cancel()
    this.members.clear()
  }

  /**
   * Somebody says that it is there. Whoever was there before calls the newcomer: that is the shortest way. When both came at
   * about the same time, or nobody is new, the higher id calls; the lower one makes sure that the other knows of it.
   */
  #met({ from, started, done, want, alone }: Extract<Inbound, { kind: 'announce' }>): void {
    const { env, send } = this.#parts
    const now = env.now()
    const self = this.#self
    const isNewcomer = started && now - this.#startedAt >= YOUNG
    const ours = self !== undefined && want > 0 && (isNewcomer || self > from)
    const isKnown = this.members.has(from)
    this.#count(this.members.heard(from, now, { done, ours }))
    if (self === undefined || want === 0) return
    if (!this.#wants(from)) {
      // Who has no room calls nobody, and may make room for a caller that has nobody.
      const may = alone && env.random() * this.members.size <= CHOICE && this.#wants(from, true)
      if (may && this.#here.take(1, now)) send(from, { kind: 'here', from: self, done: this.#done })
      return
    }
    // Whoever says once more that it has room was called by too few.
    const isAtOnce = isKnown || env.random() * this.members.size <= Math.max(CHOICE, 3 * want)
    if (ours) this.#callSoon(from, isAtOnce ? 0 : LATER * env.random())
    else if (!isAtOnce) return
    else if (this.#here.take(1, now)) send(from, { kind: 'here', from: self, done: this.#done })
  }

  /** One of those that wait is named for all: whoever calls looks at all callees. */
  #callSoon(id: Id, ms: number): void {
    if (ms === 0) return this.listener.callee?.(id)
    this.#later ??= this.#parts.env.timer(ms, () => {
      this.#later = undefined
      this.#parts.tell(() => this.listener.callee?.(id))
    })
  }

  #wants(id: Id, alone = false): boolean {
    return this.listener.wants?.(id, alone) ?? true
  }

  #count(changed: boolean): void {
    if (changed && this.#counting === undefined) this.#countSoon(COUNT_DELAY)
  }

  /** What a tracker would reply; it counts us too. */
  #countSoon(ms: number): void {
    const { env, tell } = this.#parts
    this.#counting?.cancel()
    this.#counting = env.timer(ms, () => {
      this.#counting = undefined
      const { complete, incomplete } = this.members.counts(env.now())
      tell(() =>
        this.listener.counts({
          complete: complete + (this.#done ? 1 : 0),
          incomplete: incomplete + (this.#done ? 0 : 1),
          interval: PRESENCE_INTERVAL,
        }),
      )
    })
  }
}
