/**
 * In which thread of a Node process the native WebRTC packages may be loaded: the main thread, unless a worker was first.
 *
 * Measured with node-datachannel 0.33.4 and @roamhq/wrtc 0.10.0 on Node 20.20. node-datachannel belongs to the first thread that loads
 * it: any other thread that opens a channel aborts the whole process, also after the first thread has ended. @roamhq/wrtc aborts it when
 * two threads use it. A worker that is alone with either of them works, and aborts the process when it is terminated, or when the main
 * thread exits, with a connection open.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** The native file behind each package. */
const NATIVE = { 'node-datachannel': 'node_datachannel.node', '@roamhq/wrtc': 'wrtc.node' }

export type NativePackage = keyof typeof NATIVE

/** Packages that were cleared to be loaded here: their files in memory are this thread's own. */
const cleared = new Set<NativePackage>()

/** Why this thread must not load the package, and what to do instead; undefined when it may. */
export function obstacleTo(name: NativePackage): string | undefined {
  if (!isMainThread)
    return (
      'WebRTC works in the main thread of a Node process only, because node-datachannel and @roamhq/wrtc abort the whole process when a ' +
      'worker uses them: make the manager or room in the main thread, or in a child process, and pass messages between it and the worker'
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

/** Whether the process has the native file in memory although this thread has not loaded it. Linux alone lists such files. */
function isLoadedElsewhere(file: string): boolean {
  const loadedHere = Object.keys(createRequire(import.meta.url).cache).some(path => path.endsWith(file))
  if (loadedHere) return false
  try {
    return readFileSync('/proc/self/maps', 'utf8').includes(`/${file}`)
  } catch {
    return false
  }
}
