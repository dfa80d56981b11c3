/**
 * Decides in which thread of a Node process the native WebRTC packages may be loaded: the main thread, unless a worker loaded them first.
 *
 * Measured with node-datachannel 0.33.4 and @roamhq/wrtc 0.10.0 on Node 20.20. node-datachannel belongs to the first thread that loads
 * it: any other thread that opens a channel aborts the whole process, also after the first thread has ended. @roamhq/wrtc aborts the
 * process if two threads use it. A single worker can use either package, but aborts the process if it is terminated, or if the main thread
 * exits, while a connection is open.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** The native file of each package. */
const NATIVE = { 'node-datachannel': 'node_datachannel.node', '@roamhq/wrtc': 'wrtc.node' }

export type NativePackage = keyof typeof NATIVE

/** Packages that this thread may load: their files in memory belong to this thread. */
const cleared = new Set<NativePackage>()

/** Why this thread must not load the package, and what to do instead; undefined if it may. */
export function obstacleTo(name: NativePackage): string | undefined {
  if (!isMainThread)
    return (
      'WebRTC works in the main thread of a Node process only, because node-datachannel and @roamhq/wrtc abort the whole process if a ' +
      'worker uses them: create the manager or room in the main thread, or in a child process, and pass messages between it and the worker'
    )
  if (cleared.has(name) || !isLoadedElsewhere(NATIVE[name])) {
    cleared.add(name)
    return undefined
  }
  return (
    `${name} was loaded first by a worker thread of this process, and its use in the main thread would abort the whole process: ` +
    'load WebTorrent and swarmlink in the main thread only, or run the worker as a child process'
  )
}

/** Whether another thread has loaded the native file. Only Linux lists the files in memory; elsewhere false. */
function isLoadedElsewhere(file: string): boolean {
  const loadedHere = Object.keys(createRequire(import.meta.url).cache).some(path => path.endsWith(file))
  if (loadedHere) return false
  try {
    return readFileSync('/proc/self/maps', 'utf8').includes(`/${file}`)
  } catch {
    return false
  }
}

/** For imports of optional packages: esbuild ends with an error for a missing package, unless the import itself handles its rejection. */
export function notInstalled(error: unknown): never {
  throw error
}
