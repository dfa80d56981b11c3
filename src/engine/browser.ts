/** A browser's own WebRTC, and any other implementation that keeps to the W3C's text. */
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'
import { engineWith } from './w3c-engine.js'

/** How often to look at `bufferedAmount` when nobody knows whether the implementation tells when it falls. */
const DRAIN_POLL = 20

export function browserEngine(implementation: Pick<WebRtcImplementation, 'RTCPeerConnection'>): Engine {
  return engineWith({
    name: 'browser',
    restarts: true,
    open: config => new implementation.RTCPeerConnection(config),
    // Chromium announces a channel of the remote as open in one task of WebRTC's signalling thread and has its network thread open the
    // channel after that. A message that a page sends in between is dropped, and the error goes nowhere: 1 to 2 of 100 connections
    // lost it (version 156). Statistics are asked for on the signalling thread and collected on the network thread, so the channel is
    // open when they are there, about 1 ms later. Firefox has no such gap, and gives them as quickly.
    confirmChannel: connection => connection.getStats(),
  })
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
