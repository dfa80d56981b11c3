/** The engine of a browser, and the engine for any other implementation of the W3C interfaces. */
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'
import { engineWith } from './w3c-connection.js'

/** Milliseconds between reads of `bufferedAmount`, because an unknown implementation may not fire `bufferedamountlow`. */
const DRAIN_POLL = 20

export function browserEngine(implementation: Pick<WebRtcImplementation, 'RTCPeerConnection'>): Engine {
  return engineWith({
    name: 'browser',
    restarts: true,
    tellsClosedAtBothEnds: true,
    open: config => new implementation.RTCPeerConnection(config),
    // Chromium reports a channel of the remote peer as open on WebRTC's signalling thread before its network thread has opened it.
    // A message that a page sends in between is dropped without an error: 1 to 2 of 100 connections lost one (version 156).
    // `getStats()` starts on the signalling thread and collects on the network thread, so the channel is open when it resolves,
    // about 1 ms later. Firefox has no such gap, and resolves as fast.
    confirmChannel: connection => connection.getStats(),
  })
}

/** The engine for an unknown implementation: it may need class instances, and may not fire `bufferedamountlow`. */
export function customEngine({ RTCPeerConnection, RTCSessionDescription, RTCIceCandidate }: WebRtcImplementation): Engine {
  return engineWith({
    name: 'custom',
    open: config => new RTCPeerConnection(config),
    drainPoll: DRAIN_POLL,
    ...(RTCSessionDescription && { description: init => new RTCSessionDescription(init) }),
    ...(RTCIceCandidate && { candidate: init => new RTCIceCandidate(init) }),
  })
}
