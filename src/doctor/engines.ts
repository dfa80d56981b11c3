/** Finds the WebRTC packages that can be loaded, and the engine that swarmlink uses. */
import { logger } from '../core/log.js'
import type { Engine } from '../engine/engine.js'
import { findEngine } from '../engine/find-engine.js'
import { obstacleTo, type NativePackage } from '../engine/threads.js'
import { versionOf } from './versions.js'

const log = logger('doctor')

export interface EngineFound {
  name: string
  /** Absent if it is not installed, or if its version cannot be found. */
  version: string | undefined
  loads: boolean
  /** Why it must not be loaded in this thread. */
  obstacle?: string
}

export interface Engines {
  used: Engine | undefined
  found: EngineFound[]
}

/** In the order in which `findEngine` tries them. */
const PACKAGES: ReadonlyArray<{ name: NativePackage; entry: string; load: () => Promise<unknown> }> = [
  { name: 'node-datachannel', entry: 'node-datachannel/polyfill', load: () => import('node-datachannel/polyfill') },
  { name: '@roamhq/wrtc', entry: '@roamhq/wrtc', load: () => import('@roamhq/wrtc') },
]

/** Never rejects. Call it before any measurement: loading a native library blocks the process for a while. */
export async function loadEngines(): Promise<Engines> {
  const failed = (what: string) => (error: unknown) => {
    log('%s: %o', what, error)
    return undefined
  }
  const used = await findEngine().catch(failed('there is no WebRTC'))
  const found = await Promise.all(
    PACKAGES.map(async ({ name, entry, load }) => {
      const obstacle = obstacleTo(name)
      if (obstacle !== undefined) return { name, version: versionOf(entry, import.meta.url), loads: false, obstacle }
      const module = await load().catch(failed(`${name} cannot be loaded`))
      return { name, version: versionOf(entry, import.meta.url), loads: module !== undefined }
    }),
  )
  return { used, found }
}
