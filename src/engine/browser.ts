/** A browser's own WebRTC, and any other implementation that keeps to the W3C's text. */
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'
import { engineWith } from './w3c-engine.js'

/** How often to look at `bufferedAmount` when nobody knows whether the implementation tells when it falls. */
const DRAIN_POLL = 20

export function browserEngine(implementation: Pick<WebRtcImplementation, 'RTCPeerConnection'>): Engine {
  return engineWith({ name: 'browser', restarts: true, open: config => new implementation.RTCPeerConnection(config) })
}

/** An implementation that we have never met: nothing is taken for granted. */
export function customEngine({ RTCPeerConnection, RTCSessionDescription, RTCIceCandidate }: WebRtcImplementation): Engine {
  return engineWith({
    name: 'custom',
    open: config => new RTCPeerConnection(config),
    drainPoll: DRAIN_POLL,
    ...(RTCSessionDescription && { description: init => new RTCSessionDescription(init) }),
    ...(RTCIceCandidate && { candidate: init => new RTCIceCandidate(init) }),
  })
}
