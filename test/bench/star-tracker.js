// @ts-check
/**
 * A bittorrent-tracker that introduces the first member of a swarm to all others, and no other two to each other. So one client gets many peers, and they
 * cost nothing else. In a process of its own.
 */
// @ts-ignore -- ships no types
import { Server } from 'bittorrent-tracker'
import { serveChild, tell } from './child.js'

/** @type {any} without types */
const { Swarm } = /** @type {any} */ (Server)

/** Milliseconds after which two that are not connected by then may meet again. */
const AGAIN = 10_000

class Star extends Swarm {
  /** Peer id of the first member. @type {string | undefined} */
  hub
  /** When the first member and another one were introduced, so that no second offer is wasted. @type {Map<string, number>} */
  met = new Map()

  /** @param {number} numwant @param {string} id @param {boolean} isWebRtc */
  _getPeers(numwant, id, isWebRtc) {
    this.hub ??= id
    /** @type {{ peerId: string }[]} */
    const all = super._getPeers(Number.MAX_SAFE_INTEGER, id, isWebRtc)
    /** The member of a pair that is not the first one. @param {string} peerId */
    const other = peerId => (id === this.hub ? peerId : id)
    const introduced = all
      .filter(({ peerId }) => (id === this.hub || peerId === this.hub) && this.mayMeet(other(peerId)))
      .slice(0, numwant)
    for (const { peerId } of introduced) this.met.set(other(peerId), Date.now())
    return introduced
  }

  /** @param {string} id */
  mayMeet(id) {
    return Date.now() - (this.met.get(id) ?? -Infinity) > AGAIN
  }
}

Object.assign(Server, { Swarm: Star })
const server = new Server({ udp: false, http: false, ws: true, stats: false })
server.on('error', (/** @type {Error} */ error) => tell({ type: 'failed', message: error.message }))
server.on('warning', () => {})

serveChild({
  prepare: options =>
    new Promise(resolve => {
      const { port } = /** @type {{ port: number }} */ (options)
      server.listen(port, '127.0.0.1', () => resolve(server.http.address().port))
    }),
  start: () => {},
  sample: () => {
    throw new Error('nothing is sampled')
  },
  stop: () => {},
})
