/** The WebRTC packages for calls in Node: `@roamhq/wrtc` carries media, node-datachannel only messages. */
import { SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { notInstalled, obstacleTo, type NativePackage } from '../engine/threads.js'
import type { WebRtcImplementation } from '../engine/rtc.js'

const log = logger('media')

/** Loads the first package that is installed and that this thread may use. */
export async function loadRtc(): Promise<WebRtcImplementation | undefined> {
  return (
    (await load('@roamhq/wrtc', () => import('@roamhq/wrtc').then(module => module.default, notInstalled))) ??
    (await load('node-datachannel', () => import('node-datachannel/polyfill')))
  )
}

/** The error where there is none. */
export function noWebRtc(): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_NO_WEBRTC',
    'no WebRTC found for calls: install @roamhq/wrtc (audio, video and messages), or pass an implementation as the option `wrtc`',
  )
}

async function load(name: NativePackage, importPackage: () => Promise<unknown>): Promise<WebRtcImplementation | undefined> {
  const obstacle = obstacleTo(name)
  if (obstacle !== undefined) log('%s is not loaded: %s', name, obstacle)
  else
    try {
      return (await importPackage()) as WebRtcImplementation // both packages have the W3C interfaces
    } catch (error) {
      log('%s cannot be loaded: %o', name, error) // not installed, or not for this platform
    }
  return undefined
}
