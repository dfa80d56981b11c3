/** How an engine may differ from the W3C specification. Each engine's file fills this in; all other code is shared. */
import type { Env } from '../core/env.js'
import type { RtcChannel, RtcConnection, RtcDescription } from './rtc.js'
import type { LoopbackNotices } from './loopback-notices.js'
import type { HeldDescription } from './same-host.js'

/** The part of a connection that an engine's file uses. */
export interface Probed {
  /** Compares the engine's state with the connection's; a connection that closed without an event becomes `failed`. */
  probe(): void
}

/** Edits candidates of the remote peer before the engine gets them. */
export interface RemoteFilter {
  /** Edits the remote description. */
  description(sdp: string): string
  /** Edits a trickled remote candidate. */
  candidate(init: RTCIceCandidateInit): RTCIceCandidateInit
  /** Called with each local candidate; returns remote candidates to add now. */
  gathered(candidate: string): RTCIceCandidateInit[]
}

export interface Quirks {
  /** Name of the engine, for the log and for {@link Engine.name}. */
  readonly name: string
  open(config: RTCConfiguration): RtcConnection
  /** Closes the connection, if `close()` alone is not enough. */
  close?(connection: RtcConnection): void
  /** Closes a channel, if `close()` alone is not enough. */
  closeChannel?: (channel: RtcChannel) => void
  /** Whether the engine's `close` event of a channel that this side closes comes when the remote end has all that was sent, and has closed it too. */
  readonly tellsClosedAtBothEnds?: boolean
  /** Settles when the engine can send on the channels that it reported, for engines that report `open` too early. */
  confirmChannel?: (connection: RtcConnection) => Promise<unknown>
  /** Milliseconds between reads of `bufferedAmount` while a sender waits, for engines that may not fire `bufferedamountlow`. */
  readonly drainPoll?: number
  /**
   * The engine opens a channel twice that is created while the SCTP association comes up, and the remote peer then closes it.
   * libdatachannel (0.24.5 and before) opens a new channel at once when the association is connected, while the task that opens all
   * waiting channels (`PeerConnection::openDataChannels`) is still queued; the task opens every channel that was not acknowledged yet,
   * this one too. The remote peer takes the second OPEN for a clash of channel numbers and closes the channel (RFC 8832, 6).
   */
  readonly opensTwice?: boolean
  /** Splits an offer of the same machine in two parts; the candidates follow when the other end is ready, or after {@link KNOCK_AFTER}. */
  splitOffer?(offer: string, early: RTCIceCandidateInit[]): HeldDescription | undefined
  /** The same for an answer that expects a notice. */
  splitAnswer?(answer: string): HeldDescription | undefined
  /** How two ends on one machine tell each other that they are ready. */
  readonly notices?: Pick<LoopbackNotices, 'expect' | 'isAvailable' | 'soon' | 'tell'>
  /** Whether they follow even after the offerer's first packet: Google's WebRTC reports no address that is in no remote candidate. */
  readonly namesRemote?: boolean
  /** Whether to wait for {@link REST} before this answer is applied. */
  hasKnocked?(answer: string): boolean
  /** Whether to retry the same offer once on a new connection after this error. */
  retryAnswer?(error: Error): boolean
  /** Makes the engine's class of a description and of a candidate, if it takes no plain objects. */
  description?(init: RtcDescription): RTCSessionDescriptionInit
  candidate?(init: RTCIceCandidateInit): RTCIceCandidateInit
  /**
   * `localDescription` must not be read while candidates are gathered. @roamhq/wrtc 0.10.0 makes its text on the main thread, and may add a candidate
   * to it on the signalling thread meanwhile: 1 of 2 700 calls ended the process with SIGSEGV (in `SdpSerialize`).
   */
  readonly unsafeDescriptions?: boolean
  /** Whether an answerer with this configuration must be the DTLS client: see node-datachannel.ts. */
  answersAsDtlsClient?(config: RTCConfiguration): boolean
  /** Makes the filter for remote candidates. Called for each connection with its configuration. */
  guardTurn?(config: RTCConfiguration): RemoteFilter | undefined
  /** Whether the engine supports ICE restart. */
  readonly restarts?: boolean
  /** The remote end of the selected candidate pair, if the engine has it without `getStats()`. */
  remoteAddress?(connection: RtcConnection): { address: string; port: number } | undefined
  /** Called when a connection is created; returns a function to call when it has ended. */
  guard?(connection: Probed, env: Env): () => void
}
