/** Selects the WebRTC engine: the one of the application, the platform's, or an installed package. */
import { loadEngine, noWebRtc, recognizeEngine } from '#engines'
import { invalid } from '../core/arguments.js'
import { logger } from '../core/log.js'
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'

const log = logger('engine')

/**
 * The engine to use, in this order: `wrtc`, a global `RTCPeerConnection`, node-datachannel, `@roamhq/wrtc`.
 * Rejects with `ERR_NO_WEBRTC` when there is none.
 */
export async function findEngine(wrtc?: WebRtcImplementation): Promise<Engine> {
  if (wrtc !== undefined) checkImplementation(wrtc)
  const engine = wrtc === undefined ? ((await globalEngine()) ?? (await loadEngine())) : await recognizeEngine(wrtc, 'option')
  if (engine === undefined) throw noWebRtc()
  log('WebRTC engine: %s', engine.name)
  return engine
}

async function globalEngine(): Promise<Engine | undefined> {
  const { RTCPeerConnection } = globalThis as { RTCPeerConnection?: WebRtcImplementation['RTCPeerConnection'] } // absent in Node
  return typeof RTCPeerConnection === 'function' ? await recognizeEngine({ RTCPeerConnection }, 'global') : undefined
}

/** Throws unless the value has an `RTCPeerConnection` constructor. */
export function checkImplementation(wrtc: unknown): void {
  const isObject = typeof wrtc === 'object' && wrtc !== null
  if (!isObject || !('RTCPeerConnection' in wrtc) || typeof wrtc.RTCPeerConnection !== 'function')
    throw invalid('wrtc', 'an object with an RTCPeerConnection constructor, such as the module of @roamhq/wrtc', wrtc)
}
