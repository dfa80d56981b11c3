/** From a description that arrived to a peer that connects: checks, in the order of their cost, then the work. */
import { asError, ProtocolError, SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import { parseSdp } from '../core/sdp.js'
import type { Slot } from '../peer/budget.js'
import { CandidateTail } from '../peer/candidate-tail.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import { CONNECT_TIMEOUT, RemotePeer, type Remote, type RemotePeerParts } from '../peer/remote-peer.js'
import type { Claim } from '../peer/registry.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import {
  type InboundCandidate,
  type InboundDescription,
  type InboundRefusal,
  isDirect,
  type Signaling,
} from '../signaling/signaling.js'
import { Answered } from './answered.js'
import { type Arrivals, drop } from './arrivals.js'
import type { Coordinator, Refusal } from './coordinator.js'
import type { Counters } from './counters.js'
import { identify, isAdmitted, isProven, showsProof } from './identification.js'
import { CandidateBoxes } from './late-candidates.js'
import type { Inbound } from './inbound.js'
import type { Network, Together } from './network.js'
import { sign } from './signing.js'

const log = logger('swarm')

/**
 * How long an answer waits for its candidates where they can follow it. A machine's own addresses are gathered in 3 ms; what
 * takes longer asks a STUN server, and one that stays silent would cost the whole of `gatherTimeout`.
 */
const HEAD_START = 10
/** Why an offer is not answered now though it may be later: whoever called had better try somebody else. */
const TOLD = new Set<Refusal>(['full', 'busy', 'budget', 'paused', 'rejected'])

export interface IntroductionOptions {
  topic: Id
  network: Network
  inbound: Inbound
  coordinator: Coordinator<LocalOffer>
  counters: Counters
  arrivals: Arrivals
  /** It came to nothing before there was a peer. */
  failed: (remote: Id, error: SwarmlinkError, signaling: Signaling, proven: boolean) => void
  /** Somebody was turned away for a connection that came to nothing. */
  missed: () => void
}

export class Introduction {
  readonly #options: IntroductionOptions
  readonly #arrivals: Arrivals
  /** Offers whose answer is being looked at: they are in nobody else's books. */
  readonly #held = new Set<LocalOffer>()
  readonly #candidates = new CandidateBoxes()
  readonly #answered = new Answered()
  #closed = false

  constructor(options: IntroductionOptions) {
    this.#options = options
    this.#arrivals = options.arrivals
  }

  /** Somebody offers us a connection. */
  async answer(signaling: Signaling, description: InboundDescription): Promise<void> {
    const { from, offerId, sdp } = description
    const { coordinator, counters, inbound, network, topic } = this.#options
    const { announceId } = network
    counters.add('offersReceived', signaling.name)
    const refuse = (reason: Refusal) => {
      if (TOLD.has(reason)) signaling.refuse?.({ topic, from: announceId, to: from, offerId })
      return this.#refuse(signaling, from, reason)
    }
    const again = this.#answered.again(offerId, from, sdp, network.env.now())
    if (again !== undefined) {
      const { sdp: answer } = again
      if (answer === undefined) return refuse('dialling')
      if (signaling.answer({ topic, from: announceId, to: from, offerId, sdp: answer })) counters.add('answered', signaling.name)
      return
    }
    const { registry } = coordinator
    const judge = () => coordinator.judgeOffer(from, signaling.name, { ...sdp, proven: showsProof(network, sdp) })
    const refusal = judge()
    if (refusal !== undefined) return refuse(refusal)
    // An offer that waits at the gate takes no place and keeps no other offer away.
    const leave = await inbound.gate(signaling).enter()
    if (this.#closed) return leave?.()
    if (leave === undefined) return refuse('busy')
    const late = judge() // again: it may have waited
    if (late !== undefined) {
      leave()
      return refuse(late)
    }
    // Nor does its claim keep the owner of that id out before its proof was verified.
    const slow = signaling.patience !== undefined
    const waits = slow || coordinator.places.flooded
    const claim = registry.claim(from, 'callee', sdp.identity !== undefined, {
      waits,
      slow,
      proven: isProven(network),
      secluded: sdp.secluded === true,
      alone: sdp.alone === true,
    })
    let slot: Slot | undefined
    let peer: TopicPeer | undefined
    try {
      const remote = await identify(network, signaling, sdp, {
        from,
        role: 'offer',
        topic,
        to: isDirect(signaling) ? announceId : undefined,
      })
      if (this.#closed || !registry.has(claim)) return
      if (!claim.proven && isProven(network, remote) && !registry.prove(claim)) {
        claim.release() // or this topic would not wait for what comes of the other
        return refuse('dialling')
      }
      if (!network.shares(remote, signaling.source)) registry.seclude(claim)
      const welcome = await this.#isWelcome(signaling, remote)
      const together = welcome && remote.ours ? await network.together() : undefined
      if (this.#closed || !registry.has(claim)) return
      if (!welcome) return refuse('rejected')
      if (!inbound.attempts.makeRoom(signaling.name)) return refuse('busy')
      slot = inbound.slot(from)
      if (slot === undefined) return refuse('budget')
      const { env, engine, rtcConfig } = network
      const tail = this.#tail(signaling, from, offerId)
      const gatherTimeout = tail === undefined ? network.gatherTimeout : Math.min(HEAD_START, network.gatherTimeout)
      const connection = engine.createConnection({ rtcConfig, gatherTimeout, env })
      const remotePeer = new RemotePeer({
        env,
        connection,
        remote,
        maxMessageSize: sdp.maxMessageSize,
        connectTimeout: CONNECT_TIMEOUT + (signaling.patience ?? 0),
        explain: network.explain,
        ...inTurns(together),
      })
      const link = this.#arrivals.link(together, remotePeer, 'callee', { sdp, source: signaling.source })
      const attempt = inbound.attempts.begin(signaling.name, slot, () => {
        coordinator.places.evicted()
        refuse('busy')
        remotePeer.destroy()
      })
      remotePeer.on('connect', attempt.end)
      peer = this.#arrivals.begin(remotePeer, link, signaling, [slot.release, attempt.end])
      this.#arrivals.adopt(peer, claim)
      const gathered = await remotePeer.createAnswer(sdp.text, tail && (candidate => tail.add(candidate)))
      link?.bind(sdp.fingerprint, parseSdp(gathered).fingerprint)
      const answer = await sign(gathered, { role: 'answer', topic, offerFingerprint: sdp.fingerprint }, this.#options)
      if (peer.state === 'closed') return
      if (!signaling.answer({ topic, from: announceId, to: from, offerId, sdp: answer }))
        return peer.destroy(new SwarmlinkError(linkError(signaling), 'the signalling went away before our answer left'))
      counters.add('answered', signaling.name)
      tail?.follow(answer)
      this.#answered.add(offerId, peer, sdp, answer, env.now())
      if (slow) return attempt.end() // a person takes it from here
      attempt.answered()
      this.#arrivals.await(peer, claim)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_ENGINE', 'the WebRTC engine could not answer')
      this.#accuse(signaling, description, error)
      if (peer === undefined) this.#options.failed(from, error, signaling, claim.proven)
      else peer.destroy(error)
    } finally {
      leave()
      if (peer === undefined) {
        claim.release()
        slot?.release()
      }
    }
  }

  /** Somebody answers an offer of ours. */
  async accept(signaling: Signaling, description: InboundDescription): Promise<void> {
    const { from, offerId, sdp } = description
    const { coordinator, counters, network, topic } = this.#options
    const { announceId } = network
    counters.add('answersReceived', signaling.name)
    const offer = this.#takeOffer(offerId, from)
    const refuse = () => void signaling.refuse?.({ topic, from: announceId, to: from, offerId })
    if (offer === undefined) {
      // A bus may bring one answer twice.
      if (coordinator.registry.judge(from, 'callee', true).go) refuse()
      return this.#refuse(signaling, from, 'unknown-offer')
    }
    this.#held.add(offer)
    if (signaling.candidate !== undefined) this.#candidates.expect(offerId, from)
    const claim = await this.#claimAnswer(signaling, description, offer)
    this.#held.delete(offer)
    if (claim === undefined) {
      this.#candidates.drop(offerId)
      refuse()
      // Whoever it was for, this offer's connection is unused: somebody else may still answer it.
      return network.pool.putBack(offer)
    }
    const remotePeer = new RemotePeer({
      env: network.env,
      connection: offer.connection,
      first: offer.channel,
      remote: claim.info,
      maxMessageSize: sdp.maxMessageSize,
      explain: network.explain,
      ...inTurns(claim.together),
    })
    const link = this.#arrivals.link(claim.together, remotePeer, 'caller', { sdp, source: signaling.source })
    link?.bind(offer.fingerprint, sdp.fingerprint)
    const peer = this.#arrivals.begin(remotePeer, link, signaling, [offer.slot.release])
    this.#arrivals.adopt(peer, claim)
    this.#candidates.deliver(offerId, remotePeer)
    try {
      // The caller opens what stock peers do not know. Before the connection is up, so that it costs no round trip.
      await remotePeer.acceptAnswer(sdp.text, () => {
        if (peer.state !== 'closed') link?.converse()
      })
    } catch (thrown) {
      peer.destroy(asError(thrown, 'ERR_BAD_SDP', "the WebRTC engine did not take the peer's answer"))
    }
    this.#arrivals.await(peer, claim)
  }

  /** A candidate of somebody who answers, or will answer, an offer of ours. */
  candidate(signaling: Signaling, { from, offerId, candidate }: InboundCandidate): void {
    const awaited = this.#options.coordinator.calling.awaits(offerId, from)
    if (!this.#closed && !this.#candidates.add(offerId, from, candidate, awaited)) this.#refuse(signaling, from, 'unknown-offer')
  }

  /** A refusal frees the slot and the offer. It may be forged, so an answer or a connection that follows it is still accepted. */
  refused({ from, offerId }: InboundRefusal): void {
    const offer = this.#options.coordinator.calling.refused(offerId, from)
    if (offer !== undefined) this.#options.network.pool.giveBack(offer)
    const peer = this.#answered.peer(offerId, from)
    if (peer !== undefined) this.#arrivals.doubt(peer)
  }

  close(): void {
    this.#closed = true
    this.#options.network.links.forget(this.#options.missed)
    this.#candidates.clear()
    for (const { connection, slot } of this.#held) {
      connection.close()
      slot.release()
    }
  }

  /** Our offer that an answer belongs to, also where it came back and is idle. */
  #takeOffer(id: Id, from: Id): LocalOffer | undefined {
    const { coordinator, network } = this.#options
    const offer = coordinator.takeOffer(id, from)
    if (offer !== undefined) return network.pool.keep(offer) ? offer : undefined
    const returned = coordinator.returnedOffer(id, from)
    return returned !== undefined && network.pool.retake(returned) ? returned : undefined
  }

  /** What becomes of our candidates that are late for the answer; undefined where they cannot follow it. */
  #tail(signaling: Signaling, to: Id, offerId: Id): CandidateTail | undefined {
    if (signaling.candidate === undefined) return undefined
    const { topic, network } = this.#options
    return new CandidateTail(candidate => void signaling.candidate?.({ topic, from: network.announceId, to, offerId, candidate }))
  }

  /** A place for this remote as the one we called, if its answer is one that we want. */
  async #claimAnswer(
    signaling: Signaling,
    description: InboundDescription,
    offer: LocalOffer,
  ): Promise<IdentifiedClaim | undefined> {
    const { from, sdp } = description
    const { coordinator, topic, network } = this.#options
    const { registry } = coordinator
    const { alone, secluded } = sdp
    const early = coordinator.judgeAnswer(from, sdp.identity !== undefined, signaling.name, {
      alone,
      secluded,
      proven: showsProof(network, sdp), // cheap, before any signature is looked at
    })
    if (!early.go) return this.#refuse(signaling, from, early.reason)
    let remote: Remote | undefined
    let together: Together | undefined
    let welcome = false
    try {
      remote = await identify(network, signaling, sdp, {
        from,
        role: 'answer',
        topic,
        offerFingerprint: offer.fingerprint,
      })
      welcome = await this.#isWelcome(signaling, remote)
      if (welcome && remote.ours) together = await network.together()
    } catch (thrown) {
      const error = asError(thrown, 'ERR_IDENTITY', 'the peer could not be identified')
      this.#accuse(signaling, description, error)
      this.#options.failed(from, error, signaling, isProven(network, remote))
      return undefined
    }
    if (this.#closed) return undefined
    if (!welcome) return this.#refuse(signaling, from, 'rejected')
    const proven = isProven(network, remote)
    const verdict = coordinator.judgeAnswer(from, remote.ours, signaling.name, { alone, proven, secluded }) // again: identifying took a moment
    if (!verdict.go) return this.#refuse(signaling, from, verdict.reason)
    for (const loser of verdict.replaces) drop(loser)
    const claim = registry.claim(from, 'caller', remote.ours, {
      proven,
      secluded: secluded === true || !network.shares(remote, signaling.source),
      alone: alone === true,
    })
    coordinator.places.answered()
    return Object.assign(claim, { info: remote, together })
  }

  /** False when the application or `requireIdentity` does not want this peer. */
  async #isWelcome(signaling: Signaling, remote: Remote): Promise<boolean> {
    const { network, coordinator } = this.#options
    const welcome = await isAdmitted(network, remote, signaling)
    // By this way only, or anybody could say so in its name.
    if (!welcome) coordinator.avoid(remote.announceId, remote.verified ? undefined : signaling.name, isProven(network, remote))
    return welcome
  }

  /** Somebody between changed the description, or whoever sent it lies. */
  #accuse(signaling: Signaling, description: InboundDescription, error: SwarmlinkError): void {
    if (error instanceof ProtocolError) signaling.distrust?.(description)
  }

  #refuse(signaling: Signaling, from: Id, reason: Refusal): undefined {
    const { topic, network, coordinator, counters, missed } = this.#options
    log('%s: refused %s (%s)', topic.slice(0, 8), from.slice(0, 8), reason)
    counters.because('refused', reason, signaling.name)
    if (reason === 'held') network.suspect(from)
    if (coordinator.places.invites(from)) network.sharing.changed(topic)
    if (!coordinator.registry.knows(from) && (reason === 'held' || reason === 'dialling' || reason === 'glare'))
      network.links.await(from, missed)
  }
}

/** Several channels share the connection to a peer of ours; to a stock one there is one. */
function inTurns(together: Together | undefined): Pick<RemotePeerParts, 'share'> {
  if (together === undefined) return {}
  const turns = new together.Turns()
  return { share: channel => turns.share(channel) }
}

function linkError({ source }: Signaling): 'ERR_TRACKER_LINK' | 'ERR_SIGNALING_LINK' {
  return source === 'tracker' ? 'ERR_TRACKER_LINK' : 'ERR_SIGNALING_LINK'
}

type IdentifiedClaim = Claim & { info: Remote; together: Together | undefined }
