/** Selects the WebRTC implementation for calls. They use its objects directly, because an application gets tracks and connections. */
import { loadRtc, noWebRtc } from '#rtc'
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { isNodeDatachannel, type WebRtcImplementation } from '../engine/rtc.js'

const log = logger('media')

export interface RtcPlatform {
  /**
   * False for node-datachannel: it aborts the whole process when it gets a description with an audio or video section (version 0.33), so it
   * must never get one.
   */
  readonly hasMedia: boolean
  open(config: RTCConfiguration): RTCPeerConnection
}

/** The option `wrtc`, the platform's own, `@roamhq/wrtc`, or node-datachannel. Rejects with `ERR_NO_WEBRTC` when there is none. */
export async function findRtc(wrtc?: WebRtcImplementation): Promise<RtcPlatform> {
  const { RTCPeerConnection } = globalThis as Partial<WebRtcImplementation> // absent in Node
  const own = typeof RTCPeerConnection === 'function' ? { RTCPeerConnection } : undefined
  const implementation = wrtc ?? own ?? (await loadRtc())
  if (implementation === undefined) throw noWebRtc()
  const hasMedia = !isNodeDatachannel(implementation)
  log('WebRTC for calls: %s', hasMedia ? 'with media' : 'messages only')
  return {
    hasMedia,
    // The structural type of this library has the part of the interface that torrents use; calls use all of it.
    open: config => new implementation.RTCPeerConnection(config) as unknown as RTCPeerConnection,
  }
}

/** The error for media on an implementation without it. */
export function noMedia(what: string): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_NO_MEDIA',
    `${what}, but node-datachannel carries messages only: install @roamhq/wrtc, or pass an implementation with media as the option \`wrtc\``,
  )
}
