/** The contract of every way by which offers and answers travel: a tracker, a pub/sub driver, a peer in between. */
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Sdp } from '../core/sdp.js'

export type SignalingSource = 'tracker' | 'exchange' | 'signaling'

export interface OutboundOffer {
  id: Id
  sdp: string
}

export interface Announcement {
  topic: Id
  /** Who says so: the announce id. */
  from: Id
  event?: 'started' | 'completed' | 'stopped'
  uploaded: number
  downloaded: number
  /** Bytes still missing; 0 makes the sender a seeder in the tracker's books. */
  left: number
  numwant: number
  /** It has nobody, or only one: a swarm in which everybody is full makes room for it. */
  alone?: boolean
  port: number
  offers: OutboundOffer[]
}

export interface OutboundAnswer {
  topic: Id
  from: Id
  to: Id
  offerId: Id
  sdp: string
}

/** An offer to somebody whom the signalling knows by name travels as an answer does. */
export type OutboundCall = OutboundAnswer

/** A candidate that its answer did not wait for. */
export interface OutboundCandidate {
  topic: Id
  from: Id
  to: Id
  offerId: Id
  candidate: RTCIceCandidateInit
}

/** The same as it arrives; it passed `isCandidate`. */
export interface InboundCandidate {
  from: Id
  offerId: Id
  candidate: RTCIceCandidateInit
}

/** An offer or an answer that is not taken up, so that nobody waits for what would not come. */
export interface OutboundRefusal {
  topic: Id
  from: Id
  to: Id
  offerId: Id
}

export interface InboundRefusal {
  from: Id
  offerId: Id
}

/** An offer or an answer that somebody sent us; its description passed `parseSdp`. */
export interface InboundDescription {
  from: Id
  offerId: Id
  sdp: Sdp
}

export interface SwarmCounts {
  /** How many seeders and leechers the tracker believes in: an upper bound, not a truth. */
  complete?: number
  incomplete?: number
  /** The pace that the tracker asks for, and the pace it insists on, in milliseconds, within bounds. */
  interval?: number
  minInterval?: number
}

/** What one topic hears. */
export interface SignalingListener {
  /** Announcements are taken from now on; also called at once when they are already. */
  open(): void
  /** Announcements are not taken any more; what was announced is forgotten at the other side. */
  close(): void
  offer(offer: InboundDescription): void
  answer(answer: InboundDescription): void
  counts(counts: SwarmCounts): void
  /** A late candidate of somebody who answered an offer of ours. */
  candidate?(candidate: InboundCandidate): void
  /** Our offer, or our answer to this offer, is not taken up. */
  refused?(refusal: InboundRefusal): void
  /** Whether we would like to be connected to this member, who may have nobody else; asked before anything is sent on its account. */
  wants?(id: Id, alone?: boolean): boolean
  /** This member waits for our call: {@link DirectSignaling.callees} has it now. */
  callee?(id: Id): void
  /** Whom this topic holds or is being connected to: nobody has to name them again. */
  known?(): Id[]
  /** The other side refused this topic, with a reason fit for a message; or a frame of this topic was malformed. */
  warning(error: SwarmlinkError): void
}

export interface Signaling {
  /** Unique among all, and shown in messages, statistics and metrics: a tracker's name, a driver's name. */
  readonly name: string
  readonly source: SignalingSource
  /** The most offers that one announcement may carry; none where offers go to members by name. */
  readonly maxOffers: number
  readonly open: boolean
  /** How long an answer may be on its way, in milliseconds, where a person carries it. */
  readonly patience?: number
  /** One listener a topic. The function that comes back ends it. */
  subscribe(topic: Id, listener: SignalingListener): () => void
  /** False when it could not leave now. Nothing is queued: an announcement made before a drop is stale. */
  announce(announcement: Announcement): boolean
  answer(answer: OutboundAnswer): boolean
  /** Absent where candidates cannot follow their answer. */
  candidate?(candidate: OutboundCandidate): boolean
  /** Absent where nobody is told. */
  refuse?(refusal: OutboundRefusal): boolean
  /** This very offer or answer was not from whom it said: whoever carried it lies. */
  distrust?(description: InboundDescription): void
}

/**
 * A signalling that knows the others by name. Announcements carry no offers then: each offer goes to one member, who is known
 * to be there and to wait for it. That is no secrecy: on an open bus whoever knows a topic hears the announce ids in it, and may
 * listen under `['swarm', topic, id]` as well as the member itself.
 */
export interface DirectSignaling extends Signaling {
  /** The members that are ours to call, the one that was heard last first. */
  callees(topic: Id): Id[]
  /** Sends an offer to one of them; false when it could not leave now. */
  call(call: OutboundCall): boolean
}

export function isDirect(signaling: Signaling): signaling is DirectSignaling {
  return 'callees' in signaling && 'call' in signaling
}

/** How a signalling does, for statistics. */
export interface SignalingStatus {
  name: string
  state: 'open' | 'closed'
}
