/** Decides which WebRTC to use: the application's choice, the platform's own, or a package that is installed. */
import { loadEngine, recognizeEngine } from '#engines'
import { invalid } from '../core/arguments.js'
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'

const log = logger('engine')

/**
 * The engine to use, in this order: `wrtc`, a global `RTCPeerConnection`, node-datachannel, `@roamhq/wrtc`.
 * Rejects with `ERR_NO_WEBRTC` when there is none.
 */
export async function findEngine(wrtc?: WebRtcImplementation): Promise<Engine> {
  const engine = wrtc === undefined ? (globalEngine() ?? (await loadEngine())) : chosenEngine(wrtc)
  if (engine === undefined)
    throw new SwarmlinkError(
      'ERR_NO_WEBRTC',
      'there is no WebRTC here: install node-datachannel (or @roamhq/wrtc), or hand an implementation in as `wrtc`',
    )
  log('WebRTC by %s', engine.name)
  return engine
}

function globalEngine(): Engine | undefined {
  const { RTCPeerConnection } = globalThis as { RTCPeerConnection?: WebRtcImplementation['RTCPeerConnection'] } // absent in Node
  return typeof RTCPeerConnection === 'function' ? recognizeEngine({ RTCPeerConnection }, 'global') : undefined
}

function chosenEngine(wrtc: WebRtcImplementation): Engine {
  checkImplementation(wrtc)
  return recognizeEngine(wrtc, 'option')
}

/** Throws unless it is something that has an `RTCPeerConnection`. */
export function checkImplementation(wrtc: unknown): void {
  const isObject = typeof wrtc === 'object' && wrtc !== null
  if (!isObject || !('RTCPeerConnection' in wrtc) || typeof wrtc.RTCPeerConnection !== 'function')
    throw invalid('wrtc', 'an object with an RTCPeerConnection constructor, as the module of @roamhq/wrtc is', wrtc)
}
