/**
 * Prevents webrtc-polyfill from shutting node-datachannel down.
 *
 * WebTorrent's simple-peer uses webrtc-polyfill, which often uses the same copy of node-datachannel as swarmlink. The polyfill counts its
 * connections, and when the last one closes it calls the library's global `cleanup()`, which destroys every connection in the process
 * without an event: those of swarmlink, and those of the application. Its constructor increments the count before it reads the servers, so
 * a constructor call that fails there keeps the count above zero until the process ends, and creates no connection.
 */
import { logger } from '../core/log.js'
import { findPolyfills } from './find-polyfill.js'

const log = logger('engine')

interface Polyfill {
  RTCPeerConnection: new (configuration: RTCConfiguration) => { close(): void }
}

class Counted extends Error {}

/** Loads each such polyfill in the background, and raises its count. Never rejects. */
export async function pinPolyfills(): Promise<void> {
  try {
    for (const url of findPolyfills()) hold((await import(url)) as Polyfill) // the package's entry has this shape
  } catch (error) {
    log('cannot raise the connection count of webrtc-polyfill: %o', error)
  }
}

function hold({ RTCPeerConnection }: Polyfill): void {
  const iceServers = Object.assign([], {
    map: (): never => {
      throw new Counted()
    },
  })
  try {
    new RTCPeerConnection({ iceServers }).close()
    log('this version of webrtc-polyfill has another constructor: when its last connection closes, it closes all others')
  } catch (error) {
    if (!(error instanceof Counted)) throw error
  }
}
