/** In what an engine may differ from the W3C's text. Each engine's file fills this in; the rest is the same for all. */
import type { Env } from '../core/env.js'
import type { RtcChannel, RtcConnection, RtcDescription } from './rtc.js'
import type { LocalOffer } from './same-host.js'

/** A connection as its engine's file sees it. */
export interface Probed {
  /** Compares what the engine says with what we believe; a connection that died unnoticed becomes `failed` here. */
  probe(): void
}

/** Changes candidates of the remote on their way to the engine. */
export interface RemoteFilter {
  /** The remote's description as the engine gets it. */
  description(sdp: string): string
  /** The same of a candidate that followed it. */
  candidate(init: RTCIceCandidateInit): RTCIceCandidateInit
  /** Told of each of our own candidates; returns candidates of the remote for the engine. */
  gathered(candidate: string): RTCIceCandidateInit[]
}

export interface Quirks {
  /** Name of the engine, for the log and for {@link Engine.name}. */
  readonly name: string
  /** How to build the engine's connection. */
  open(config: RTCConfiguration): RtcConnection
  /** How to close it, where a plain `close()` will not do. */
  close?(connection: RtcConnection): void
  /** The same of a channel. */
  closeChannel?: (channel: RtcChannel) => void
  /** Settles when the engine can send on the channels that it has announced, where it calls a channel of the remote open too early. */
  confirmChannel?: (connection: RtcConnection) => Promise<unknown>
  /** Milliseconds between looks at `bufferedAmount` while a sender waits, where `bufferedamountlow` may not fire. */
  readonly drainPoll?: number
  /**
   * A channel is opened twice that is created while the SCTP association comes up, and the remote closes it for that. libdatachannel
   * (0.24.5 and before) opens a new channel at once when the association is connected, while the task that opens all channels which waited
   * for that (`PeerConnection::openDataChannels`) is still queued; the task opens every channel that was not acknowledged yet, this one
   * too. A peer that has a channel of this number already takes the second OPEN for a clash and closes the channel (RFC 8832, 6).
   */
  readonly opensTwice?: boolean
  /** An offer that the engine had better get in two parts; the candidates follow after {@link KNOCK_AFTER}. */
  takeOffer?(offer: string, early: RTCIceCandidateInit[]): LocalOffer | undefined
  /**
   * Whether the candidates of such an offer follow also when the offerer has come by itself: Google's WebRTC tells no address of a remote
   * that none of its candidates names.
   */
  readonly namesRemote?: boolean
  /** Whether to wait for {@link REST} before this answer is taken. */
  hasKnocked?(answer: string): boolean
  /** Whether the same offer deserves a second try on a fresh connection after this error. */
  retryAnswer?(error: Error): boolean
  /** What the engine takes as a description and as a candidate, when it is not a plain object. */
  description?(init: RtcDescription): RTCSessionDescriptionInit
  candidate?(init: RTCIceCandidateInit): RTCIceCandidateInit
  /** What stands between the remote's candidates and the engine. Called for each connection with its configuration. */
  guardTurn?(config: RTCConfiguration): RemoteFilter | undefined
  /** Whether it can replace a lost path by an ICE restart. */
  readonly restarts?: boolean
  /** The other end of the chosen candidate pair, where asking for statistics would be a detour. */
  remoteAddress?(connection: RtcConnection): { address: string; port: number } | undefined
  /** Called when a connection begins to live; returns what to call when it is over. */
  guard?(connection: Probed, env: Env): () => void
}
