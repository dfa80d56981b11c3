/** The engines of Node: packages that may be installed, and whatever an application hands in. */
import { logger } from '../core/log.js'
import { browserEngine, customEngine } from './browser.js'
import type { Engine } from './engine.js'
import { isNodeDatachannel, nodeDatachannelEngine } from './node-datachannel.js'
import { isRoamhq, roamhqEngine } from './roamhq.js'
import type { WebRtcImplementation } from './rtc.js'

const log = logger('engine')

/** The engine for an implementation that is there already. */
export function recognizeEngine(implementation: WebRtcImplementation, from: 'global' | 'option'): Engine {
  if (isNodeDatachannel(implementation)) return nodeDatachannelEngine(implementation)
  if (isRoamhq(implementation)) return roamhqEngine(implementation)
  return from === 'global' ? browserEngine(implementation) : customEngine(implementation)
}

/** The first package that can be loaded: node-datachannel is the better one for data, `@roamhq/wrtc` the one with media. */
export async function loadEngine(): Promise<Engine | undefined> {
  return (
    (await load('node-datachannel', () => import('node-datachannel/polyfill').then(nodeDatachannelEngine))) ??
    (await load('@roamhq/wrtc', () => import('@roamhq/wrtc').then(module => roamhqEngine(module.default))))
  )
}

async function load(name: string, importEngine: () => Promise<Engine>): Promise<Engine | undefined> {
  try {
    return await importEngine()
  } catch (error) {
    log('%s cannot be loaded: %o', name, error) // not installed, or not for this platform
    return undefined
  }
}
