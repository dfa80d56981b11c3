/** Handles the offers, answers, candidates and refusals of one topic. Its two attempts hold the stages from a description to a peer. */
import { asError, ProtocolError, type SwarmlinkError } from '../../core/errors.js'
import type { Id } from '../../core/id.js'
import { logger } from '../../core/log.js'
import type { LocalOffer } from '../../peer/offer-gatherer.js'
import type { TopicPeer } from '../../peer/topic-peer.js'
import type { InboundCandidate, InboundDescription, InboundRefusal, Signaling } from '../../signaling/signaling.js'
import { FloodGuard } from '../admission/flood-guard.js'
import type { InboundLimits } from '../admission/inbound-limits.js'
import { Abandoned, HandshakeRefused, type RefusalReason } from '../admission/refusal.js'
import type { PeerMonitor } from '../peer-monitor.js'
import type { SwarmContext } from '../swarm-context.js'
import { IncomingAnswer, type Accepting } from './incoming-answer.js'
import { IncomingOffer, type IncomingOfferDeps } from './incoming-offer.js'
import type { ConnectionUpgrader } from './connection-upgrader.js'
import { EarlyCandidates } from './early-candidates.js'
import { RecentAnswers } from './recent-answers.js'

const log = logger('swarm')

/** The offerer is told these reasons: it had better dial another peer for now. */
const TOLD = new Set<RefusalReason>(['full', 'busy', 'budget', 'paused', 'rejected'])
/** This client has a connection to the remote, or builds one, maybe for another topic: the topic waits for what becomes of it. */
const HAS_CONNECTION = new Set<RefusalReason>(['connected', 'connecting', 'glare'])

export class Handshake {
  readonly #context: SwarmContext
  readonly #monitor: PeerMonitor
  readonly #deps: IncomingOfferDeps
  /** Offers whose answers are being verified. No other part knows them then. */
  readonly #answered = new Set<LocalOffer>()
  readonly #earlyCandidates = new EarlyCandidates()
  readonly #recentAnswers = new RecentAnswers()

  constructor(context: SwarmContext, inbound: InboundLimits, upgrader: ConnectionUpgrader, monitor: PeerMonitor) {
    this.#context = context
    this.#monitor = monitor
    this.#deps = { context, inbound, upgrader, answers: this.#recentAnswers, flood: new FloodGuard(context) }
  }

  async handleOffer(signaling: Signaling, description: InboundDescription): Promise<void> {
    this.#context.counters.add('offersReceived', signaling.name)
    const attempt = new IncomingOffer(signaling, description, this.#deps)
    try {
      if (this.#repeatAnswer(attempt)) return
      attempt.admit()
      await attempt.queue()
      const remote = await attempt.authenticate()
      await attempt.authorize(remote)
      const answering = attempt.connect(remote, () => this.#refuseOffer(signaling, description, 'busy'))
      await attempt.answer(answering)
    } catch (thrown) {
      attempt.dispose() // before the refusal: its entry would look like another connection
      if (thrown instanceof HandshakeRefused) this.#refuseOffer(signaling, description, thrown.reason)
      else if (!(thrown instanceof Abandoned))
        this.#failed(signaling, description, asError(thrown, 'ERR_ENGINE', 'the WebRTC engine could not answer'), attempt)
    } finally {
      attempt.dispose()
    }
  }

  async handleAnswer(signaling: Signaling, description: InboundDescription): Promise<void> {
    const { from, offerId } = description
    this.#context.counters.add('answersReceived', signaling.name)
    const offer = this.#takeOffer(offerId, from)
    if (offer === undefined) return this.#refuseUnknown(signaling, description)
    const attempt = new IncomingAnswer(signaling, description, offer, this.#deps)
    this.#answered.add(offer)
    if (signaling.candidate !== undefined) this.#earlyCandidates.expect(offerId, from)
    let accepting: Accepting
    try {
      attempt.admit()
      const remote = await attempt.authenticate()
      await attempt.authorize(remote)
      accepting = attempt.connect(remote)
    } catch (thrown) {
      this.#context.runtime.pool.putBack(offer) // its connection is unused: another peer may still answer it
      this.#earlyCandidates.drop(offerId)
      if (thrown instanceof HandshakeRefused) this.#refuse(signaling, from, thrown.reason)
      else if (!(thrown instanceof Abandoned))
        this.#failed(signaling, description, asError(thrown, 'ERR_IDENTITY', 'the peer could not be identified'), attempt)
      return this.#tellRefusal(signaling, description)
    } finally {
      this.#answered.delete(offer)
    }
    this.#earlyCandidates.deliver(offerId, accepting.connection)
    await attempt.accept(accepting)
  }

  /** A candidate of a peer that answers, or will answer, an offer of this client. */
  handleCandidate(signaling: Signaling, { from, offerId, candidate }: InboundCandidate): void {
    const awaited = this.#context.dialPolicy.awaits(offerId, from)
    if (!this.#context.closed && !this.#earlyCandidates.add(offerId, from, candidate, awaited))
      this.#refuse(signaling, from, 'unknown-offer')
  }

  /** A refusal frees the slot and the offer. It may be forged, so an answer or a connection that follows it is still accepted. */
  handleRefusal({ from, offerId }: InboundRefusal): void {
    const { dialPolicy, runtime } = this.#context
    const offer = dialPolicy.refused(offerId, from)
    if (offer !== undefined) runtime.pool.giveBack(offer)
    const peer = this.#recentAnswers.peer(offerId, from)
    if (peer !== undefined) this.#deps.upgrader.doubt(peer)
  }

  /** Ends every attempt and every peer of this topic. */
  close(): void {
    const { runtime, registry, freed } = this.#context
    runtime.index.forget(freed)
    this.#earlyCandidates.clear()
    for (const { connection, slot } of this.#answered) {
      connection.close()
      slot.release()
    }
    for (const entry of registry.entries()) entry.drop()
  }

  /** Sends the same answer to an offer that came before. True when the offer needs no other one. */
  #repeatAnswer(attempt: IncomingOffer): boolean {
    const { from, offerId, sdp } = attempt.description
    const repeated = this.#recentAnswers.again(offerId, from, sdp, this.#context.runtime.env.now())
    if (repeated === undefined) return false
    if (repeated.sdp === undefined) throw new HandshakeRefused('connecting') // the first answer may still be on its way
    attempt.send(repeated.sdp)
    return true
  }

  /** An attempt ended in an error, with a peer or before there was one. */
  #failed(
    signaling: Signaling,
    description: InboundDescription,
    error: SwarmlinkError,
    { peer, isProven }: { peer?: TopicPeer | undefined; isProven: boolean },
  ): void {
    // The signalling brought a bad description: something in between changed it, or its sender lies.
    if (error instanceof ProtocolError) signaling.distrust?.(description)
    if (peer === undefined) this.#monitor.failed(description.from, error, signaling, { proven: isProven })
    else peer.destroy(error)
  }

  /** The offer that an answer belongs to, also where the offer came back unanswered and is idle. */
  #takeOffer(id: Id, from: Id): LocalOffer | undefined {
    const { outstanding, runtime } = this.#context
    const offer = this.#context.takeOffer(id, from)
    if (offer !== undefined) return runtime.pool.keep(offer) ? offer : undefined
    const returned = outstanding.returned(id, from)
    return returned !== undefined && runtime.pool.retake(returned) ? returned : undefined
  }

  #refuseOffer(signaling: Signaling, description: InboundDescription, reason: RefusalReason): void {
    if (TOLD.has(reason)) this.#tellRefusal(signaling, description)
    this.#refuse(signaling, description.from, reason)
  }

  #refuseUnknown(signaling: Signaling, description: InboundDescription): void {
    // A bus may deliver one answer twice: a peer that is connected or connecting is not refused.
    if (this.#context.registry.judge(description.from, 'answerer', true).go) this.#tellRefusal(signaling, description)
    this.#refuse(signaling, description.from, 'unknown-offer')
  }

  #tellRefusal(signaling: Signaling, { from, offerId }: InboundDescription): void {
    const { topic, runtime } = this.#context
    signaling.refuse?.({ topic, from: runtime.announceId, to: from, offerId })
  }

  #refuse(signaling: Signaling, from: Id, reason: RefusalReason): void {
    const { topic, runtime, registry, policy, counters, freed } = this.#context
    log('%s: refused %s (%s)', topic.slice(0, 8), from.slice(0, 8), reason)
    counters.because('refused', reason, signaling.name)
    if (reason === 'connected') runtime.suspect(from)
    if (policy.invites(from)) runtime.sharedTopics.changed(topic)
    if (!registry.knows(from) && HAS_CONNECTION.has(reason)) runtime.index.await(from, freed)
  }
}
