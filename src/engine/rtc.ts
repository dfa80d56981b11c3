/** The part of the W3C's WebRTC interfaces that this library uses, as narrow structural types. */
import type { Bytes } from '../core/bytes.js'
import { logger } from '../core/log.js'

const log = logger('engine')

/** An event target. */
export interface RtcTarget {
  addEventListener(type: string, listener: (event: Event) => void): void
  removeEventListener(type: string, listener: (event: Event) => void): void
}

/** An `RTCDataChannel`. */
export interface RtcChannel extends RtcTarget {
  readonly label: string
  readonly readyState: string
  readonly bufferedAmount: number
  bufferedAmountLowThreshold: number
  binaryType: string
  send(data: string): void
  send(data: Bytes): void
  close(): void
}

export interface RtcDescription {
  type: 'offer' | 'answer'
  sdp: string
}

/** An `RTCPeerConnection`. */
export interface RtcConnection extends RtcTarget {
  /** Absent in some engines. */
  readonly connectionState?: string
  readonly iceConnectionState: string
  readonly iceGatheringState: string
  /** Absent in some engines. */
  readonly signalingState?: string
  readonly localDescription: { readonly sdp: string } | null
  /** Absent in some engines. */
  readonly sctp?: ({ readonly state: string } & Partial<RtcTarget>) | null
  createDataChannel(label: string): RtcChannel
  createOffer(options?: { iceRestart: boolean }): Promise<RTCSessionDescriptionInit>
  createAnswer(): Promise<RTCSessionDescriptionInit>
  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void>
  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void>
  addIceCandidate(candidate: RTCIceCandidateInit): Promise<void>
  getStats(): Promise<{ forEach(callback: (entry: unknown) => void): void }>
  close(): void
}

/**
 * A WebRTC implementation of the application's choice: the module `node-datachannel/polyfill`, the module `@roamhq/wrtc`,
 * or any other with the W3C interfaces.
 *
 * @example
 * import wrtc from '@roamhq/wrtc'
 * new ConnectionManager(client, { wrtc })
 */
export interface WebRtcImplementation {
  /** The class of a connection. */
  RTCPeerConnection: new (configuration?: RTCConfiguration) => RtcConnection
  /** Needed if the implementation takes no plain objects as descriptions. */
  RTCSessionDescription?: new (init: RtcDescription) => RTCSessionDescriptionInit
  /** Needed if the implementation takes no plain objects as candidates. */
  RTCIceCandidate?: new (init: RTCIceCandidateInit) => RTCIceCandidateInit
}

/** Whether it is node-datachannel or webrtc-polyfill: both have a method that is not in the W3C specification. */
export function isNodeDatachannel({ RTCPeerConnection }: WebRtcImplementation): boolean {
  const prototype: unknown = RTCPeerConnection.prototype
  if (typeof prototype !== 'object' || prototype === null) return false
  return 'selectedCandidatePair' in prototype || 'getSelectedCandidatePair' in prototype
}

/** Listens until the returned function is called. The listener may throw on a malformed event: that is logged, and never reaches the engine. */
export function listen(target: RtcTarget, type: string, listener: (event: Event) => void): () => void {
  const guarded = (event: Event) => quietly(type, () => listener(event))
  unpromised(target.addEventListener(type, guarded))
  return () => quietly(type, () => target.removeEventListener(type, guarded))
}

/** Calls an engine and ignores the result: a thrown error or a rejection is only logged. */
export function quietly(what: string, call: () => unknown): void {
  try {
    unpromised(call())
  } catch (error) {
    log('%s: %o', what, error)
  }
}

/** Logs the rejection of a call that returns no promise by the W3C specification, but may in an unknown implementation. */
export function unpromised<T>(result: T): T {
  if (result instanceof Promise) result.catch((error: unknown) => log('%o', error))
  return result
}
