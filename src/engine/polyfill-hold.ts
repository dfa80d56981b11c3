/**
 * Keeps webrtc-polyfill from shutting node-datachannel down under us.
 *
 * WebTorrent's simple-peer uses webrtc-polyfill, which often stands on the same copy of node-datachannel as we do. It
 * counts its connections, and when the last one closes it calls the library's global `cleanup()`, which destroys every
 * connection in the process, ours too, without an event. One idle connection of the polyfill's, open while any of ours
 * is, keeps its count above zero. It is closed with our last one, because it would keep the process alive.
 */
import { logger } from '../core/log.js'
import { findPolyfills } from './find-polyfill.js'

const log = logger('engine')

interface Polyfill {
  RTCPeerConnection: new (configuration: RTCConfiguration) => { close(): void }
}

export class PolyfillHold {
  #wanted = false
  #polyfills: Polyfill[] = []
  #idle: Array<{ close(): void }> = []

  /** Starts to load in the background what has to be held; when nobody has loaded it before, there is nothing to lose yet. */
  constructor() {
    void this.#load()
  }

  keep(): void {
    if (this.#wanted) return
    this.#wanted = true
    this.#hold()
  }

  release(): void {
    if (!this.#wanted) return
    this.#wanted = false
    const idle = this.#idle
    this.#idle = []
    for (const connection of idle) connection.close()
  }

  async #load(): Promise<void> {
    try {
      this.#polyfills = await Promise.all(findPolyfills().map(url => import(url) as Promise<Polyfill>)) // by its manifest's name
      this.#hold()
    } catch (error) {
      log('webrtc-polyfill cannot be loaded: %o', error)
    }
  }

  #hold(): void {
    if (!this.#wanted || this.#idle.length > 0) return
    this.#idle = this.#polyfills.map(({ RTCPeerConnection }) => new RTCPeerConnection({ iceServers: [] }))
  }
}
