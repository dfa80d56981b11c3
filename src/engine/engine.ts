/** The WebRTC interface for the rest of the library: the same for each engine, and free of their quirks. */
import type { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'

export interface EngineConfig {
  rtcConfig: RTCConfiguration
  /** Timeout of candidate gathering in milliseconds; the description is then used as it is. */
  gatherTimeout: number
  env: Env
}

export interface Engine {
  /** `browser`, `node-datachannel`, `roamhq`, or `custom` for an unknown implementation. */
  readonly name: string
  createConnection(config: EngineConfig): EngineConnection
}

/** `disconnected` may become `connected` again; `failed` and `closed` are final. */
export type ConnectionState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'

export interface EngineConnectionEvents {
  state: [ConnectionState]
  /** The remote peer opened a channel, which is open or opening. Its messages are kept until there is a listener. */
  channel: [EngineChannel]
  /** A local candidate, for trickling. */
  candidate: [RTCIceCandidateInit]
  /** The last channel is closed at both ends, and what they sent has arrived. Not every engine tells. */
  idle: []
}

/** Texts that contain candidates: lines, or whole descriptions. */
export interface Candidates {
  local: string
  remote: string
}

/** One `RTCPeerConnection`. Every promise settles: with the result, or with a SwarmlinkError at its deadline or on `close()`. */
export interface EngineConnection extends Emitter<EngineConnectionEvents> {
  readonly state: ConnectionState
  /**
   * Creates an ordered, reliable channel. The offerer creates channels before `createOffer`, in `further` of `acceptAnswer`, and once its
   * first channel is open. The answerer should create none: node-datachannel may open a channel twice that is created within milliseconds
   * of `connected` (see `opensTwice` in quirks.ts), and the remote peer then closes it.
   */
  createChannel(label: string): EngineChannel
  /** Creates the local offer: with all candidates, or at once with `trickle`. */
  createOffer(options?: { trickle?: boolean }): Promise<string>
  /** Applies an offer that passed `parseSdp`, and creates the local answer. */
  createAnswer(offer: string, options?: { trickle?: boolean }): Promise<string>
  /** Applies an answer that passed `parseSdp`. `further` is called when channels can be created that open together with the connection. */
  acceptAnswer(answer: string, further?: () => void): Promise<void>
  /** Whether an ICE restart is possible: the connection is established, its engine can restart, and the remote one may, too. */
  readonly canRestart: boolean
  /**
   * Offerer only: creates an offer with new ICE credentials and all candidates, for the same certificate and DTLS role. Messages that are
   * sent meanwhile arrive afterwards. An offer that is never answered has no effect; a later one replaces it.
   */
  restart(): Promise<string>
  /** Answerer only: applies such an offer, which passed `parseSdp` and has the fingerprint of the first offer; creates the answer. */
  answerRestart(offer: string): Promise<string>
  /** Offerer only: applies the answer to the latest `restart()`, under the same conditions. A refused answer has no effect. */
  acceptRestart(answer: string): Promise<void>
  /** Adds a remote candidate. Candidates that come before the remote description are kept, at most `MAX_CANDIDATES`. */
  addCandidate(candidate: RTCIceCandidateInit): Promise<void>
  /** The candidates of both ends, until ICE connects; kept if the connection fails. */
  readonly candidates: Candidates
  /** Address and port of the remote peer, if the engine reports them. */
  remoteAddress(): Promise<{ address: string; port: number } | undefined>
  /** Closes the channels, then the connection. Idempotent. Emits `state` with `closed` before it returns. */
  close(): void
}

export type ChannelState = 'connecting' | 'open' | 'closed'

export interface EngineChannelEvents {
  open: []
  message: [string | Uint8Array]
  /** `bufferedAmount` fell to {@link EngineChannel.lowWater} after it had been above it. */
  drain: []
  close: []
}

/** One `RTCDataChannel`. Emits no event after `close`. */
export interface EngineChannel extends Emitter<EngineChannelEvents> {
  readonly label: string
  readonly state: ChannelState
  readonly bufferedAmount: number
  /** The low-water mark of `drain`, in bytes. @default {@link LOW_WATER} */
  lowWater: number
  /** Throws a SwarmlinkError with `ERR_CLOSED` if not open. The caller observes `bufferedAmount` and the size limit. */
  send(message: string | Uint8Array): void
  close(): void
}

/** Senders wait above this `bufferedAmount`: @roamhq/wrtc drops everything above 16 MiB silently, node-datachannel has no limit. */
export const HIGH_WATER = 1024 * 1024
export const LOW_WATER = 256 * 1024
/** In bytes. Of a larger message node-datachannel truncates the end, and @roamhq/wrtc closes the channel. */
export const MAX_MESSAGE_SIZE = 262_144
