/** The engines in a browser: its own WebRTC, or an implementation of the application. */
import { browserEngine, customEngine } from './browser.js'
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'

export { noWebRtc } from './no-webrtc-browser.js'

/** The engine for a given implementation. */
export function recognizeEngine(implementation: WebRtcImplementation, from: 'global' | 'option'): Promise<Engine> {
  const own = (globalThis as { RTCPeerConnection?: unknown }).RTCPeerConnection // absent outside browsers
  const isOwn = from === 'global' || implementation.RTCPeerConnection === own
  return Promise.resolve(isOwn ? browserEngine(implementation) : customEngine(implementation))
}

/** No package adds WebRTC to a browser. */
export function loadEngine(): Promise<Engine | undefined> {
  return Promise.resolve(undefined)
}
