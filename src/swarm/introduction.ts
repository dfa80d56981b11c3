/** From a description that arrived to a peer that connects: checks, in the order of their cost, then the work. */
import { asError, ProtocolError, SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import { parseSdp, withAlone, withSecluded } from '../core/sdp.js'
import { signDescription, type ProofContext } from '../identity/proof.js'
import type { Slot } from '../peer/budget.js'
import { CandidateTail } from '../peer/candidate-tail.js'
import type { Leave } from '../peer/gate.js'
import type { LocalOffer } from '../peer/offer-pool.js'
import { CONNECT_TIMEOUT, RemotePeer, type Remote, type RemotePeerParts } from '../peer/remote-peer.js'
import type { Claim } from '../peer/registry.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { InboundCandidate, InboundDescription, InboundRefusal, Signaling } from '../signaling/signaling.js'
import { type Arrivals, drop } from './arrivals.js'
import type { Coordinator, Refusal } from './coordinator.js'
import type { Counters } from './counters.js'
import { identify, isAdmitted, isProven, showsProof } from './identification.js'
import { CandidateBoxes } from './late-candidates.js'
import type { Network, Together } from './network.js'

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
  /** Whom we answered and are not connected to yet, by the ids of their offers. */
  readonly #answered = new Map<Id, TopicPeer>()
  #closed = false

  constructor(options: IntroductionOptions) {
    this.#options = options
    this.#arrivals = options.arrivals
  }

  /** Our offer as it leaves for this topic: the gathered one, with our identity in it. */
  async sign(offer: LocalOffer): Promise<string> {
    return await this.#sign(offer.sdp, { role: 'offer', topic: this.#options.topic })
  }

  /** Somebody offers us a connection. */
  async answer(signaling: Signaling, description: InboundDescription): Promise<void> {
    const { from, offerId, sdp } = description
    const { coordinator, counters, network, topic } = this.#options
    const { announceId } = network
    counters.add('offersReceived', signaling.name)
    const refuse = (reason: Refusal) => {
      if (TOLD.has(reason)) signaling.refuse?.({ topic, from: announceId, to: from, offerId })
      return this.#refuse(signaling, from, reason)
    }
    const { registry } = coordinator
    const refusal = coordinator.judgeOffer(from, signaling.name, { ...sdp, proven: showsProof(network, sdp) })
    if (refusal !== undefined) return refuse(refusal)
    // Whoever waits at the gate takes no place yet: a flood must not make us look full to everybody else. Nor does it keep the owner of
    // that id out before anybody has looked at its proof.
    const slow = signaling.patience !== undefined
    const claim = registry.claim(from, 'callee', sdp.identity !== undefined, {
      waits: true,
      slow,
      proven: isProven(network),
      secluded: sdp.secluded === true,
    })
    let leave: Leave | undefined
    let slot: Slot | undefined
    let peer: TopicPeer | undefined
    try {
      leave = await network.gate(signaling).enter()
      if (leave === undefined) return refuse('busy')
      if (!coordinator.places.has(sdp.alone)) return refuse('full')
      if (!slow) registry.admit(claim)
      const remote = await identify(network, signaling, sdp, { from, role: 'offer', topic })
      if (this.#closed || !registry.has(claim)) return
      if (!claim.proven && isProven(network, remote) && !registry.prove(claim)) {
        claim.release() // or this topic would not wait for what comes of the other
        return refuse('dialling')
      }
      const welcome = await this.#isWelcome(signaling, remote)
      const together = welcome && remote.ours ? await network.together() : undefined
      if (this.#closed || !registry.has(claim)) return
      if (!welcome) return refuse('rejected')
      slot = network.budget.acquire()
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
      const link = this.#arrivals.link(together, remotePeer, 'callee', sdp)
      peer = this.#arrivals.begin(remotePeer, link, signaling, [slot.release, leave])
      this.#arrivals.adopt(peer, claim)
      const gathered = await remotePeer.createAnswer(sdp.text, tail && (candidate => tail.add(candidate)))
      link?.bind(sdp.fingerprint, parseSdp(gathered).fingerprint)
      const answer = await this.#sign(gathered, { role: 'answer', topic, offerFingerprint: sdp.fingerprint })
      if (peer.state === 'closed') return
      if (!signaling.answer({ topic, from: announceId, to: from, offerId, sdp: answer }))
        return peer.destroy(new SwarmlinkError(linkError(signaling), 'the signalling went away before our answer left'))
      counters.add('answered', signaling.name)
      if (slow) leave() // a person takes it from here
      tail?.follow(answer)
      this.#await(offerId, peer)
    } catch (thrown) {
      const error = asError(thrown, 'ERR_ENGINE', 'the WebRTC engine could not answer')
      this.#accuse(signaling, description, error)
      if (peer === undefined) this.#options.failed(from, error, signaling, claim.proven)
      else peer.destroy(error)
    } finally {
      if (peer === undefined) {
        claim.release()
        slot?.release()
        leave?.()
      }
    }
  }

  /** Somebody answers an offer of ours. */
  async accept(signaling: Signaling, description: InboundDescription): Promise<void> {
    const { from, offerId, sdp } = description
    const { coordinator, counters, network, topic } = this.#options
    const { announceId } = network
    counters.add('answersReceived', signaling.name)
    const offer = coordinator.takeOffer(offerId, from)
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
      return network.pool.giveBack(offer)
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
    const link = this.#arrivals.link(claim.together, remotePeer, 'caller', sdp)
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
  }

  /** A candidate of somebody who answers, or will answer, an offer of ours. */
  candidate(signaling: Signaling, { from, offerId, candidate }: InboundCandidate): void {
    const awaited = this.#options.coordinator.calling.awaits(offerId, from)
    if (!this.#closed && !this.#candidates.add(offerId, from, candidate, awaited)) this.#refuse(signaling, from, 'unknown-offer')
  }

  /** Nobody waits for us on that connection: its place is free, and so is the offer. */
  refused({ from, offerId }: InboundRefusal): void {
    const offer = this.#options.coordinator.calling.refused(offerId, from)
    if (offer !== undefined) this.#options.network.pool.giveBack(offer)
    const peer = this.#answered.get(offerId)
    if (peer?.remote.announceId === from) peer.destroy()
  }

  close(): void {
    this.#closed = true
    this.#options.network.links.forget(this.#options.missed)
    this.#candidates.clear()
    for (const { connection, slot } of this.#held) {
      connection.close()
      slot.release()
    }
    for (const claim of this.#options.coordinator.registry.claims()) drop(claim)
  }

  #await(offerId: Id, peer: TopicPeer): void {
    if (peer.state !== 'connecting') return
    this.#answered.set(offerId, peer)
    const done = () => void this.#answered.delete(offerId)
    peer.on('connect', done)
    peer.on('close', done)
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
    return Object.assign(registry.claim(from, 'caller', remote.ours, { proven, secluded: secluded === true }), {
      info: remote,
      together,
    })
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

  async #sign(sdp: string, context: ProofContext): Promise<string> {
    const { network, coordinator } = this.#options
    // Whoever has only one has nobody when that one dies, which may show half a minute later.
    const text = coordinator.registry.open < 2 ? withAlone(sdp) : sdp
    return await signDescription(coordinator.registry.shares ? text : withSecluded(text), {
      ...context,
      identity: network.identity,
      announceId: network.announceId,
    })
  }

  #refuse(signaling: Signaling, from: Id, reason: Refusal): undefined {
    const { topic, network, coordinator, counters, missed } = this.#options
    log('%s: refused %s (%s)', topic.slice(0, 8), from.slice(0, 8), reason)
    counters.because('refused', reason, signaling.name)
    if (reason === 'held') network.suspect(from)
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
