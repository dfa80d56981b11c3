/** The engines of a browser: its own, and whatever an application hands in. */
import { browserEngine, customEngine } from './browser.js'
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'

/** The engine for an implementation that is there already. */
export function recognizeEngine(implementation: WebRtcImplementation, from: 'global' | 'option'): Engine {
  const own = (globalThis as { RTCPeerConnection?: unknown }).RTCPeerConnection // absent outside of browsers
  return from === 'global' || implementation.RTCPeerConnection === own
    ? browserEngine(implementation)
    : customEngine(implementation)
}

/** A browser without WebRTC has no package that would help. */
export function loadEngine(): Promise<Engine | undefined> {
  return Promise.resolve(undefined)
}
