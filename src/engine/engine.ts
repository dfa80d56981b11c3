/** What the rest of the house sees of WebRTC: one shape for every engine, with each engine's quirks behind it. */
import type { Emitter } from '../core/emitter.js'
import type { Env } from '../core/env.js'

export interface EngineConfig {
  rtcConfig: RTCConfiguration
  /** How long gathering may take before the description is used as it is, in milliseconds. */
  gatherTimeout: number
  env: Env
}

export interface Engine {
  /** `browser`, `node-datachannel`, `roamhq`, or `custom` for an implementation that we do not know. */
  readonly name: string
  createConnection(config: EngineConfig): EngineConnection
}

/** `disconnected` may become `connected` again; `failed` and `closed` are final. */
export type ConnectionState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed'

export interface EngineConnectionEvents {
  state: [ConnectionState]
  /** The remote opened a channel. It is open, or opens; messages that came with it are kept until somebody listens. */
  channel: [EngineChannel]
  /** A local candidate; only of interest to those who trickle. */
  candidate: [RTCIceCandidateInit]
}

/** Texts with candidates in them: lines, or whole descriptions. */
export interface Candidates {
  local: string
  remote: string
}

/** One `RTCPeerConnection`. Every promise settles: with the result, or with a SwarmlinkError at its deadline or on `close()`. */
export interface EngineConnection extends Emitter<EngineConnectionEvents> {
  readonly state: ConnectionState
  /**
   * Ordered and reliable. The caller creates channels before `createOffer`, in `further` of `acceptAnswer`, and once its first channel is
   * open. The callee had better create none: what it creates within milliseconds of `connected` node-datachannel may open twice (see
   * `opensTwice` in quirks.ts), and the remote then closes the channel.
   */
  createChannel(label: string): EngineChannel
  /** The local offer: with every candidate in it, or at once with `trickle`. */
  createOffer(options?: { trickle?: boolean }): Promise<string>
  /** Takes an offer that passed `parseSdp`, gives the local answer. */
  createAnswer(offer: string, options?: { trickle?: boolean }): Promise<string>
  /** Takes an answer that passed `parseSdp`. `further` is called when channels can be created that are to be there as soon as the connection is. */
  acceptAnswer(answer: string, further?: () => void): Promise<void>
  /**
   * Whether a path that was lost can be replaced under the living channels, now and as far as this end knows: it is established, its
   * engine can do it, and the remote's is none of which we know that it cannot.
   */
  readonly canRestart: boolean
  /**
   * Caller only: an offer with new ICE credentials and every candidate in it, for the certificate and the DTLS role that there are. What
   * is sent meanwhile arrives afterwards. An offer that is never answered harms nothing; a later one takes its place.
   */
  restart(): Promise<string>
  /** Callee only: takes such an offer, which passed `parseSdp` and has the fingerprint of the first one; gives the answer. */
  answerRestart(offer: string): Promise<string>
  /** Caller only: takes the answer to the latest `restart()`, under the same conditions. One that is refused harms nothing. */
  acceptRestart(answer: string): Promise<void>
  /** A remote candidate; ones that come before the remote description are kept, up to a bound. */
  addCandidate(candidate: RTCIceCandidateInit): Promise<void>
  /** What both ends said of their addresses, until a path is found; still known when the connection has failed. */
  readonly candidates: Candidates
  /** Where the other end is, as far as the engine tells. */
  remoteAddress(): Promise<{ address: string; port: number } | undefined>
  /** Closes its channels, then itself, once. Emits `state` with `closed` before it returns. */
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

/** One `RTCDataChannel`. After `close` nothing is emitted any more. */
export interface EngineChannel extends Emitter<EngineChannelEvents> {
  readonly label: string
  readonly state: ChannelState
  readonly bufferedAmount: number
  /** Where `drain` comes, in bytes. @default {@link LOW_WATER} */
  lowWater: number
  /** Throws a SwarmlinkError with `ERR_CLOSED` when not open. The caller keeps to `bufferedAmount` and to the size limit. */
  send(message: string | Uint8Array): void
  close(): void
}

/** Above this senders wait: one engine drops everything above 16 MiB in silence, the other has no bound at all. */
export const HIGH_WATER = 1024 * 1024
export const LOW_WATER = 256 * 1024
/** No engine of ours takes a larger message; one of them cuts it, another closes the channel. */
export const MAX_MESSAGE_SIZE = 262_144
