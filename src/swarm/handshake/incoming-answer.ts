/** Turns the answer to one of our offers into a peer, stage by stage: authenticate, authorize, connect, accept. */
import { asError } from '../../core/errors.js'
import type { ConnectionEntry } from '../../peer/connection-entry.js'
import type { LocalOffer } from '../../peer/offer-gatherer.js'
import { RemotePeer, type Remote } from '../../peer/remote-peer.js'
import type { InboundDescription, Signaling } from '../../signaling/signaling.js'
import { authenticate, authorize, showsProof } from '../admission/authentication.js'
import type { Standing } from '../admission/connection-gater.js'
import { Abandoned, HandshakeRefused } from '../admission/refusal.js'
import type { SwarmContext } from '../swarm-context.js'
import type { ConnectionUpgrader, Upgraded } from './connection-upgrader.js'

export interface IncomingAnswerDeps {
  context: SwarmContext
  upgrader: ConnectionUpgrader
}

/** A peer whose answer the engine has yet to take. */
export interface Accepting extends Upgraded {
  connection: RemotePeer
  entry: ConnectionEntry
}

export class IncomingAnswer {
  readonly #signaling: Signaling
  readonly #description: InboundDescription
  readonly #offer: LocalOffer
  readonly #deps: IncomingAnswerDeps
  /** The remote proved that its id is its own, or this client cannot tell. */
  isProven: boolean

  constructor(signaling: Signaling, description: InboundDescription, offer: LocalOffer, deps: IncomingAnswerDeps) {
    this.#signaling = signaling
    this.#description = description
    this.#offer = offer
    this.#deps = deps
    this.isProven = deps.context.runtime.isProven() // until the proof is verified
  }

  /** Refuses the answers that can be refused before anything is verified. */
  admit(): void {
    const { runtime } = this.#deps.context
    const { sdp } = this.#description
    this.#judge(sdp.identity !== undefined, { proven: showsProof(runtime, sdp) })
  }

  async authenticate(): Promise<Remote> {
    const { runtime, topic } = this.#deps.context
    const { from, sdp } = this.#description
    const offerFingerprint = this.#offer.fingerprint
    const remote = await authenticate(runtime, this.#signaling, sdp, { from, role: 'answer', topic, offerFingerprint })
    this.isProven = runtime.isProven(remote)
    return remote
  }

  /** Asks the application, then the connection policy. */
  async authorize(remote: Remote): Promise<void> {
    const { context } = this.#deps
    const isWelcome = await authorize(context, remote, this.#signaling)
    if (context.closed) throw new Abandoned()
    if (!isWelcome) throw new HandshakeRefused('rejected')
    if (context.policy.agrees?.(remote.announceId, 'offerer', this.#description.sdp.note) === false)
      throw new HandshakeRefused('full')
  }

  /**
   * Claims an entry, closes the connections that lose against this one, and hands the offer's connection to a peer. Synchronous: between the
   * last check and the peer that owns the entry the swarm cannot close, nor another answer pass the same check.
   */
  connect(remote: Remote): Accepting {
    const { context, upgrader } = this.#deps
    const { registry, runtime, policy, closed } = context
    const { from, sdp } = this.#description
    const { connection: engineConnection, channel, fingerprint, slot } = this.#offer
    if (closed) throw new Abandoned()
    const losers = this.#judge(remote.isSwarmlink, { proven: this.isProven }) // again: verifying and asking took a while
    const shares = runtime.shares(remote, this.#signaling.source)
    for (const loser of losers) loser.drop()
    const entry = registry.claim(from, 'offerer', remote.isSwarmlink, {
      proven: this.isProven,
      isolated: sdp.isolated === true || !shares,
      alone: sdp.alone === true,
    })
    policy.answered()
    const connection = new RemotePeer({
      env: runtime.env,
      connection: engineConnection,
      first: channel,
      remote,
      maxMessageSize: sdp.maxMessageSize,
      explain: runtime.explain,
    })
    try {
      const upgraded = upgrader.upgrade(connection, entry, { sdp, signaling: this.#signaling, slot })
      upgraded.session?.bind(fingerprint, sdp.fingerprint)
      return { ...upgraded, connection, entry }
    } catch (error) {
      entry.drop()
      throw error
    }
  }

  /** Resolves when the engine took the answer; a peer whose answer it refuses is closed. */
  async accept({ connection, peer, session, entry }: Accepting): Promise<void> {
    try {
      // The offerer opens the channels that a stock peer does not know, before the connection is up: so they cost no round trip.
      await connection.acceptAnswer(this.#description.sdp.text, () => {
        if (peer.state !== 'closed') session?.converse()
      })
    } catch (thrown) {
      peer.destroy(asError(thrown, 'ERR_BAD_SDP', "the WebRTC engine did not take the peer's answer"))
    }
    this.#deps.upgrader.await(peer, entry)
  }

  #judge(isSwarmlink: boolean, standing: Standing): ConnectionEntry[] {
    const { from, sdp } = this.#description
    const { alone, isolated } = sdp
    const verdict = this.#deps.context.gater.judgeAnswer(from, isSwarmlink, this.#signaling.name, {
      ...standing,
      alone,
      isolated,
    })
    if (!verdict.go) throw new HandshakeRefused(verdict.reason)
    return verdict.replaces
  }
}
