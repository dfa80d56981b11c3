/** The engines of Node: packages that may be installed, and whatever an application hands in. */
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { browserEngine, customEngine } from './browser.js'
import type { Engine } from './engine.js'
import { isNodeDatachannel, nodeDatachannelEngine } from './node-datachannel.js'
import { isRoamhq, roamhqEngine } from './roamhq.js'
import type { WebRtcImplementation } from './rtc.js'
import { obstacleTo, type NativePackage } from './threads.js'

const log = logger('engine')

/** The engine for an implementation that is there already. */
export function recognizeEngine(implementation: WebRtcImplementation, from: 'global' | 'option'): Engine {
  if (isNodeDatachannel(implementation)) return nodeDatachannelEngine(implementation)
  if (isRoamhq(implementation)) return roamhqEngine(implementation)
  return from === 'global' ? browserEngine(implementation) : customEngine(implementation)
}

/**
 * The first package that can be loaded: node-datachannel is the better one for data, `@roamhq/wrtc` the one with media. Rejects with
 * `ERR_NO_WEBRTC` when this thread must not load what may be installed.
 */
export async function loadEngine(): Promise<Engine | undefined> {
  const engine =
    (await load('node-datachannel', () => import('node-datachannel/polyfill').then(nodeDatachannelEngine))) ??
    (await load('@roamhq/wrtc', () => import('@roamhq/wrtc').then(module => roamhqEngine(module.default))))
  const obstacle = engine === undefined ? (obstacleTo('node-datachannel') ?? obstacleTo('@roamhq/wrtc')) : undefined
  if (obstacle !== undefined) throw new SwarmlinkError('ERR_NO_WEBRTC', obstacle)
  return engine
}

async function load(name: NativePackage, importEngine: () => Promise<Engine>): Promise<Engine | undefined> {
  const obstacle = obstacleTo(name)
  if (obstacle !== undefined) {
    log('%s is not loaded: %s', name, obstacle)
    return undefined
  }
  try {
    return await importEngine()
  } catch (error) {
    log('%s cannot be loaded: %o', name, error) // not installed, or not for this platform
    return undefined
  }
}
