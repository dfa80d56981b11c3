/** The contract of every signalling, which carries offers and answers: a tracker, a pub/sub driver, a relay peer. */
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Sdp } from '../core/sdp.js'

/** The kinds of signallings: a tracker, peer exchange, any other. */
export type SignalingSource = 'tracker' | 'exchange' | 'signaling'

/** An offer in an announcement. */
export interface OutboundOffer {
  id: Id
  sdp: string
}

/** What an announcement says. */
export interface Announcement {
  topic: Id
  /** The sender's announce id. */
  from: Id
  event?: 'started' | 'completed' | 'stopped'
  uploaded: number
  downloaded: number
  /** Bytes still missing; 0 makes the tracker count the sender as a seeder. */
  left: number
  numwant: number
  /** The sender has at most one peer: full members of the swarm make room for it. */
  alone?: boolean
  port: number
  offers: OutboundOffer[]
}

/** Refuses an offer or an answer, so that its sender stops waiting. */
export interface OutboundRefusal {
  topic: Id
  from: Id
  to: Id
  offerId: Id
}

/** An answer to the offer of a member. */
export interface OutboundAnswer extends OutboundRefusal {
  sdp: string
}

/** A directed offer: it names its receiver as an answer does. */
export type OutboundDirectedOffer = OutboundAnswer

/** A candidate that was gathered after its answer had left. */
export interface OutboundCandidate extends OutboundRefusal {
  candidate: RTCIceCandidateInit
}

/** A refusal as it arrives. */
export interface InboundRefusal {
  from: Id
  offerId: Id
}

/** A received offer or answer, whose description passed `parseSdp`. */
export interface InboundDescription extends InboundRefusal {
  sdp: Sdp
}

/** A received candidate, which passed `isCandidate`. */
export interface InboundCandidate extends InboundRefusal {
  candidate: RTCIceCandidateInit
}

/** How many members a signalling counts, and the pace it asks for. */
export interface SwarmCounts {
  /** The seeders and leechers that the tracker counts: an upper bound. */
  complete?: number
  incomplete?: number
  /** The announce intervals that the tracker recommends and enforces, in milliseconds, clamped. */
  interval?: number
  minInterval?: number
}

/** The events of one topic. */
export interface SignalingListener {
  /** Announcements can leave from now on; also called at once when they already can. */
  open(): void
  /** Announcements cannot leave any more; the other side forgets earlier ones. */
  close(): void
  /** A member sent an offer. */
  offer(offer: InboundDescription): void
  /** A member answered an offer of this client. */
  answer(answer: InboundDescription): void
  /** The signalling sent its counts. */
  counts(counts: SwarmCounts): void
  /** A late candidate of a peer that answered our offer. */
  candidate?(candidate: InboundCandidate): void
  /** The peer refused our offer, or our answer to this offer. */
  refused?(refusal: InboundRefusal): void
  /** Whether this client wants a connection to this member; asked before it sends the member anything. `alone`: it has at most one peer. */
  wants?(id: Id, alone?: boolean): boolean
  /** This member waits for a directed offer: {@link DirectSignaling.dialable} contains it now. */
  dialable?(id: Id): void
  /** The connected and connecting peers of this topic: other peers need not name them. */
  known?(): Id[]
  /** The server refused this topic, with a reason that may be shown; or a frame of this topic was malformed. */
  warning(error: SwarmlinkError): void
}

/** A way by which offers and answers travel. */
export interface Signaling {
  /** Unique among all signallings; shown in messages, statistics and metrics: a tracker's name, a driver's name. */
  readonly name: string
  /** The kind of this signalling. */
  readonly source: SignalingSource
  /** The most offers that one announcement may carry; 0 where all offers are directed. */
  readonly maxOffers: number
  /** Whether announcements are taken now. */
  readonly open: boolean
  /** The deadline for answers, in milliseconds, where a person carries them. */
  readonly patience?: number
  /** One listener per topic. The function that it returns ends the subscription. */
  subscribe(topic: Id, listener: SignalingListener): () => void
  /** False when it could not leave now. Nothing is queued: an announcement from before a reconnect is stale. */
  announce(announcement: Announcement): boolean
  /** Sends an answer; false when it could not leave now. */
  answer(answer: OutboundAnswer): boolean
  /** Absent where candidates cannot follow their answer. */
  candidate?(candidate: OutboundCandidate): boolean
  /** Absent where refusals are not carried. */
  refuse?(refusal: OutboundRefusal): boolean
  /** The signature of this very offer or answer is forged: the relay that carried it is not to be trusted. */
  distrust?(description: InboundDescription): void
}

/**
 * A signalling with directed offers. Announcements carry no offers then: each offer goes to one member that is known to wait for it.
 * This keeps nothing secret: on an open bus any client that knows a topic hears the announce ids in it, and may listen under
 * `['swarm', topic, id]` as well as the member itself.
 */
export interface DirectSignaling extends Signaling {
  /** The members that this client should dial, the most recent first. */
  dialable(topic: Id): Id[]
  /** Dials: sends an offer to one of them. False when it could not leave now. */
  dial(call: OutboundDirectedOffer): boolean
}

export function isDirect(signaling: Signaling): signaling is DirectSignaling {
  return 'dialable' in signaling && 'dial' in signaling
}

/** The state of a signalling, for statistics. */
export interface SignalingStatus {
  name: string
  state: 'open' | 'closed'
}
