/**
 * Answers one incoming offer, stage by stage: admit, queue, authenticate, authorize, connect, answer. Owns the registry entry, the permit of
 * the queue and the budget slot until a peer takes them over; `dispose()` gives back what no peer took over.
 */
import { SwarmlinkError } from '../../core/errors.js'
import type { Release } from '../../core/semaphore.js'
import { parseSdp } from '../../core/sdp.js'
import { CandidateTail } from '../../peer/candidate-tail.js'
import type { ConnectionEntry } from '../../peer/connection-entry.js'
import type { Slot } from '../../peer/connection-budget.js'
import { CONNECT_TIMEOUT, RemotePeer, type Remote } from '../../peer/remote-peer.js'
import type { TopicPeer } from '../../peer/topic-peer.js'
import { type InboundDescription, isDirect, type Signaling } from '../../signaling/signaling.js'
import { authenticate, authorize, showsProof } from '../admission/authentication.js'
import type { FloodGuard } from '../admission/flood-guard.js'
import type { HalfOpen } from '../admission/half-open-connections.js'
import type { InboundLimits } from '../admission/inbound-limits.js'
import { Abandoned, HandshakeRefused } from '../admission/refusal.js'
import type { SwarmContext } from '../swarm-context.js'
import type { ConnectionUpgrader, Upgraded } from './connection-upgrader.js'
import type { RecentAnswers } from './recent-answers.js'

/** Milliseconds that an answer waits for candidates that may follow it: host candidates take 3, a silent STUN server `gatherTimeout`. */
const HEAD_START = 10

export interface IncomingOfferDeps {
  context: SwarmContext
  inbound: InboundLimits
  upgrader: ConnectionUpgrader
  answers: RecentAnswers
  flood: FloodGuard
}

/** A connection whose answer is yet to leave. */
export interface Answering extends Upgraded {
  connection: RemotePeer
  entry: ConnectionEntry
  halfOpen: HalfOpen
  /** Present where candidates may follow the answer. */
  tail: CandidateTail | undefined
}

export class IncomingOffer {
  readonly signaling: Signaling
  readonly description: InboundDescription
  readonly #deps: IncomingOfferDeps
  #permit: Release | undefined
  #entry: ConnectionEntry | undefined
  #slot: Slot | undefined
  /** The peer that took over the entry and the slot. */
  peer: TopicPeer | undefined

  constructor(signaling: Signaling, description: InboundDescription, deps: IncomingOfferDeps) {
    this.signaling = signaling
    this.description = description
    this.#deps = deps
  }

  get isProven(): boolean {
    return this.#entry?.proven === true
  }

  /** Refuses the offers that can be refused before anything is verified or built. */
  admit(): void {
    const { gater, runtime } = this.#deps.context
    const { from, sdp } = this.description
    const reason = gater.judgeOffer(from, this.signaling.name, { ...sdp, proven: showsProof(runtime, sdp) })
    if (reason !== undefined) throw new HandshakeRefused(reason)
  }

  /** Waits for a permit and claims an entry. A queued offer takes no slot and blocks no other offer. */
  async queue(): Promise<void> {
    const { inbound, context } = this.#deps
    this.#permit = await inbound.queue(this.signaling).acquire()
    if (context.closed) throw new Abandoned()
    if (this.#permit === undefined) throw new HandshakeRefused('busy')
    this.admit() // again: other offers were answered meanwhile
    this.#entry = this.#claim()
  }

  /** Verifies the proof, so that an impostor's entry does not block the owner of the id. */
  async authenticate(): Promise<Remote> {
    const { registry, runtime, topic } = this.#deps.context
    const { from, sdp } = this.description
    const to = isDirect(this.signaling) ? runtime.announceId : undefined
    const remote = await authenticate(runtime, this.signaling, sdp, { from, role: 'offer', topic, to })
    const entry = this.#live()
    if (!entry.proven && runtime.isProven(remote) && !registry.prove(entry)) throw new HandshakeRefused('connecting')
    if (!runtime.shares(remote, this.signaling.source)) registry.isolate(entry)
    return remote
  }

  /** Asks the application, then the connection policy. */
  async authorize(remote: Remote): Promise<void> {
    const { context } = this.#deps
    const isWelcome = await authorize(context, remote, this.signaling)
    this.#live()
    if (!isWelcome) throw new HandshakeRefused('rejected')
    if (context.policy.agrees?.(remote.announceId, 'answerer', this.description.sdp.note) === false)
      throw new HandshakeRefused('full')
  }

  /**
   * Takes a slot of the connection budget and builds the connection. Synchronous: between the last check and the peer that owns the entry the
   * swarm cannot close, nor another attempt pass the same check. `evicted`: called when the connection is closed for a newer attempt.
   */
  connect(remote: Remote, evicted: () => void): Answering {
    const { context, inbound, upgrader, flood } = this.#deps
    const entry = this.#live()
    if (!inbound.halfOpen.makeRoom(this.signaling.name)) throw new HandshakeRefused('busy')
    const slot = inbound.slot(remote.announceId)
    if (slot === undefined) throw new HandshakeRefused('budget')
    this.#slot = slot
    const { runtime } = context
    const { signaling } = this
    const { sdp } = this.description
    const tail = this.#tail()
    const connection = new RemotePeer({
      env: runtime.env,
      connection: runtime.createConnection(tail === undefined ? undefined : HEAD_START),
      remote,
      maxMessageSize: sdp.maxMessageSize,
      connectTimeout: CONNECT_TIMEOUT + (signaling.patience ?? 0),
      explain: runtime.explain,
    })
    const halfOpen = inbound.halfOpen.begin(signaling.name, slot, () => {
      flood.evicted()
      connection.destroy()
      evicted()
    })
    connection.on('connect', halfOpen.end)
    connection.on('close', halfOpen.end)
    try {
      const upgraded = upgrader.upgrade(connection, entry, { sdp, signaling, slot })
      this.peer = upgraded.peer
      return { ...upgraded, connection, entry, halfOpen, tail }
    } catch (error) {
      connection.destroy() // no peer owns it
      throw error
    }
  }

  /** Creates, signs and sends the answer. */
  async answer({ connection, peer, session, entry, halfOpen, tail }: Answering): Promise<void> {
    const { context, upgrader, answers } = this.#deps
    const { offerId, sdp, from } = this.description
    const gathered = await connection.createAnswer(sdp.text, tail && (candidate => tail.add(candidate)))
    session?.bind(sdp.fingerprint, parseSdp(gathered).fingerprint)
    const answer = await context.sign(gathered, { role: 'answer', offerFingerprint: sdp.fingerprint }, from)
    if (peer.state === 'closed') return
    if (!this.send(answer))
      return peer.destroy(new SwarmlinkError(linkError(this.signaling), 'the signalling closed before our answer left'))
    tail?.follow(answer)
    answers.add(offerId, peer, sdp, answer, context.runtime.env.now())
    if (entry.slow) return halfOpen.end() // a person carries the answer
    halfOpen.answered()
    upgrader.await(peer, entry)
  }

  /** Sends an answer; false when the signalling could not. */
  send(sdp: string): boolean {
    const { topic, runtime, counters } = this.#deps.context
    const { from, offerId } = this.description
    const sent = this.signaling.answer({ topic, from: runtime.announceId, to: from, offerId, sdp })
    if (sent) counters.add('answered', this.signaling.name)
    return sent
  }

  /** Idempotent. */
  dispose(): void {
    this.#permit?.()
    if (this.peer !== undefined) return
    this.#entry?.release()
    this.#slot?.release()
  }

  #claim(): ConnectionEntry {
    const { context, flood } = this.#deps
    const { registry, runtime } = context
    const { from, sdp } = this.description
    const slow = this.signaling.patience !== undefined
    return registry.claim(from, 'answerer', sdp.identity !== undefined, {
      waits: slow || flood.flooded,
      slow,
      proven: runtime.isProven(),
      isolated: sdp.isolated === true,
      alone: sdp.alone === true,
    })
  }

  /** The entry, unless the swarm closed or a better connection to this remote released it. */
  #live(): ConnectionEntry {
    const entry = this.#entry
    const { closed, registry } = this.#deps.context
    if (closed || entry === undefined || !registry.has(entry)) throw new Abandoned()
    return entry
  }

  /** Carries the candidates that are gathered after the answer left; undefined where the signalling carries none. */
  #tail(): CandidateTail | undefined {
    const { signaling } = this
    if (signaling.candidate === undefined) return undefined
    const { topic, runtime } = this.#deps.context
    const { from: to, offerId } = this.description
    return new CandidateTail(candidate => void signaling.candidate?.({ topic, from: runtime.announceId, to, offerId, candidate }))
  }
}

function linkError({ source }: Signaling): 'ERR_TRACKER_LINK' | 'ERR_SIGNALING_LINK' {
  return source === 'tracker' ? 'ERR_TRACKER_LINK' : 'ERR_SIGNALING_LINK'
}
