/**
 * Keeps webrtc-polyfill from shutting node-datachannel down.
 *
 * WebTorrent's simple-peer uses webrtc-polyfill, which often stands on the same copy of node-datachannel as swarmlink. It counts its
 * connections, and when the last one closes it calls the library's global `cleanup()`, which destroys every connection in the process
 * without an event: those of swarmlink, and those that the application made itself. Its constructor counts before it reads the servers, so
 * a construction that fails there keeps the count above zero for as long as the process lives, and leaves no connection behind.
 */
import { logger } from '../core/log.js'
import { findPolyfills } from './find-polyfill.js'

const log = logger('engine')

interface Polyfill {
  RTCPeerConnection: new (configuration: RTCConfiguration) => { close(): void }
}

class Counted extends Error {}

/** Loads in the background what has to be held. Never rejects. */
export async function holdPolyfills(): Promise<void> {
  try {
    for (const url of findPolyfills()) hold((await import(url)) as Polyfill) // by its manifest's name
  } catch (error) {
    log('webrtc-polyfill cannot be held: %o', error)
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
    log('this version of webrtc-polyfill cannot be held: its last connection closes all others')
  } catch (error) {
    if (!(error instanceof Counted)) throw error
  }
}
