/** The engines in Node: installed packages, or an implementation of the application. */
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { browserEngine, customEngine } from './browser.js'
import type { Engine } from './engine.js'
import { nodeDatachannelEngine } from './node-datachannel.js'
import { isRoamhq, roamhqEngine } from './roamhq.js'
import { isNodeDatachannel, type WebRtcImplementation } from './rtc.js'
import { notInstalled, obstacleTo, type NativePackage } from './threads.js'

const log = logger('engine')

/** The engine for a given implementation. */
export async function recognizeEngine(implementation: WebRtcImplementation, from: 'global' | 'option'): Promise<Engine> {
  if (isNodeDatachannel(implementation)) {
    const installed = await load('node-datachannel', importNodeDatachannel)
    const isSame = installed?.polyfill.RTCPeerConnection === implementation.RTCPeerConnection
    return nodeDatachannelEngine(implementation, isSame ? installed?.native : undefined)
  }
  if (isRoamhq(implementation)) return roamhqEngine(implementation)
  return from === 'global' ? browserEngine(implementation) : customEngine(implementation)
}

/**
 * Loads the first package that works: node-datachannel is better for data, `@roamhq/wrtc` supports media. Rejects with `ERR_NO_WEBRTC` if
 * this thread must not load them.
 */
export async function loadEngine(): Promise<Engine | undefined> {
  const engine =
    (await load('node-datachannel', async () => {
      const { polyfill, native } = await importNodeDatachannel()
      return nodeDatachannelEngine(polyfill, native)
    })) ?? (await load('@roamhq/wrtc', () => import('@roamhq/wrtc').then(module => roamhqEngine(module.default), notInstalled)))
  const obstacle = engine === undefined ? (obstacleTo('node-datachannel') ?? obstacleTo('@roamhq/wrtc')) : undefined
  if (obstacle !== undefined) throw new SwarmlinkError('ERR_NO_WEBRTC', obstacle)
  return engine
}

/** The error where there is none. */
export function noWebRtc(): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_NO_WEBRTC',
    'no WebRTC engine found: install node-datachannel (or @roamhq/wrtc), or pass an implementation as the option `wrtc`',
  )
}

async function importNodeDatachannel() {
  const [polyfill, native] = await Promise.all([import('node-datachannel/polyfill'), import('node-datachannel')])
  return { polyfill, native }
}

async function load<T>(name: NativePackage, importPackage: () => Promise<T>): Promise<T | undefined> {
  const obstacle = obstacleTo(name)
  if (obstacle !== undefined) {
    log('%s is not loaded: %s', name, obstacle)
    return undefined
  }
  try {
    return await importPackage()
  } catch (error) {
    log('%s cannot be loaded: %o', name, error) // not installed, or not for this platform
    return undefined
  }
}
