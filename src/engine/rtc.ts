/** The part of the W3C's WebRTC interfaces that we use, as narrow shapes: what every engine has, under whatever class. */

import { logger } from '../core/log.js'

const log = logger('engine')

/** Whatever has events. */
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
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
}

export interface RtcDescription {
  type: 'offer' | 'answer'
  sdp: string
}

/** An `RTCPeerConnection`. */
export interface RtcConnection extends RtcTarget {
  /** Not every engine has it. */
  readonly connectionState?: string
  readonly iceConnectionState: string
  readonly iceGatheringState: string
  /** Not every engine has it. */
  readonly signalingState?: string
  readonly localDescription: { readonly sdp: string } | null
  /** Not every engine has it. */
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
 * A WebRTC implementation that the application chooses: the module of `node-datachannel/polyfill`, of `@roamhq/wrtc`,
 * or any other with the W3C's interfaces.
 *
 * @example
 * import wrtc from '@roamhq/wrtc'
 * new ConnectionManager(client, { wrtc })
 */
export interface WebRtcImplementation {
  RTCPeerConnection: new (configuration?: RTCConfiguration) => RtcConnection
  /** Used when the implementation does not take plain objects for descriptions. */
  RTCSessionDescription?: new (init: RtcDescription) => RTCSessionDescriptionInit
  /** Used when the implementation does not take plain objects for candidates. */
  RTCIceCandidate?: new (init: RTCIceCandidateInit) => RTCIceCandidateInit
}

/** Listens until the function that it returns is called. What an event lacks must not throw past us, into whatever tells of it. */
export function listen(target: RtcTarget, type: string, listener: (event: Event) => void): () => void {
  const heard = (event: Event) => quietly(type, () => listener(event))
  unpromised(target.addEventListener(type, heard))
  return () => quietly(type, () => target.removeEventListener(type, heard))
}

/** A call of an engine from which nothing is expected: what it throws, and what a promise of it rejects with, is for the log. */
export function quietly(what: string, call: () => unknown): void {
  try {
    unpromised(call())
  } catch (error) {
    log('%s: %o', what, error)
  }
}

/** What a call gave that gives no promise by the W3C's text: one that it gives must not reject unseen. */
export function unpromised<T>(result: T): T {
  if (result instanceof Promise) result.catch((error: unknown) => log('%o', error))
  return result
}
