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

class Star extends Swarm {
  /** Peer id of the first member. @type {string | undefined} */
  hub
  /** Members that the first one was introduced to, so that no offer of it is wasted. @type {Set<string>} */
  met = new Set()

  /** @param {number} numwant @param {string} id @param {boolean} isWebRtc */
  _getPeers(numwant, id, isWebRtc) {
    this.hub ??= id
    /** @type {{ peerId: string }[]} */
    const all = super._getPeers(Number.MAX_SAFE_INTEGER, id, isWebRtc)
    const peers =
      id === this.hub
        ? all.filter(({ peerId }) => !this.met.has(peerId))
        : this.met.has(id)
          ? []
          : all.filter(({ peerId }) => peerId === this.hub)
    const introduced = peers.slice(0, numwant)
    for (const { peerId } of introduced) this.met.add(id === this.hub ? peerId : id)
    return introduced
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
