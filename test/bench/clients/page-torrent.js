// @ts-check
/** A page with one client of a system. A scenario drives it through `globalThis.bench`. Clocks are `Date.now()`, which all pages share. */

/**
 * `others`: how many other pages will join.
 * @typedef {{ system: string, trackerUrl: string, seeder: boolean, topic: { name: string, infoHash: string, torrent: string }, iceServers: object[], others: number }} Given
 * @typedef {(linked: (remote: string) => void) => void} Start joins, and calls back for each peer
 */

/** Imports by a name that no bundler follows. @param {string} url @returns {Promise<any>} */
const load = url => import(url)

/** @type {() => void} */
let join
/** The time of the first connection to each peer. @type {Map<string, number>} */
const links = new Map()
/** @type {() => void} */
let changed = () => {}

/** @param {Given} given @returns {Promise<Start>} */
async function prepare(given) {
  const { system, trackerUrl, topic, iceServers } = given
  const rtcConfig = { iceServers }
  switch (system) {
    case 'trystero': {
      const { joinRoom } = await load('/trystero.js')
      const config = { appId: 'bench', rtcConfig, relayConfig: { urls: [trackerUrl] } }
      return linked => void (joinRoom(config, topic.name).onPeerJoin = linked)
    }
    case 'p2pt': {
      const { default: P2PT } = await load('/p2pt.js')
      const p2pt = new P2PT([trackerUrl], topic.name)
      return linked => {
        p2pt.on('peerconnect', (/** @type {{ id: string }} */ { id }) => linked(id))
        p2pt.start()
      }
    }
    case 'bare': {
      const { dialBare } = await load('/dial-bare.js')
      return await byHand(given, dialBare(RTCPeerConnection, rtcConfig))
    }
    case 'simple-peer': {
      const [{ dialSimplePeer }, { default: Peer }] = await Promise.all([load('/dial-simple-peer.js'), load('/simple-peer.js')])
      return await byHand(given, dialSimplePeer(Peer, rtcConfig))
    }
    default:
      return await inWebTorrent(given, rtcConfig)
  }
}

/** @param {Given} given @param {unknown} dial @returns {Promise<Start>} */
async function byHand({ trackerUrl, topic, others }, dial) {
  const { trackerByHand } = await load('/tracker-by-hand.js')
  const socket = new WebSocket(trackerUrl)
  await new Promise(resolve => socket.addEventListener('open', resolve))
  return linked =>
    trackerByHand({ socket, infoHashes: [topic.infoHash], offers: others, dial, report: { linked, unlinked: () => {} } }).join()
}

/** @param {Given} given @param {object} rtcConfig @returns {Promise<Start>} */
async function inWebTorrent({ system, trackerUrl, seeder, topic }, rtcConfig) {
  const { default: WebTorrent } = await load('/webtorrent.js')
  const client = new WebTorrent({ dht: false, lsd: false, utPex: false, webSeeds: false, tracker: { rtcConfig } })
  const announce = system === 'webtorrent' ? [trackerUrl] : []
  if (system === 'swarmlink') {
    const { ConnectionManager } = await load('/swarmlink.js')
    const manager = new ConnectionManager(client, { rtcConfig, trackers: [trackerUrl] })
    await new Promise((resolve, reject) => {
      manager.once('ready', resolve)
      manager.once('warning', reject)
    })
  }
  const file = Uint8Array.from(atob(topic.torrent), char => char.charCodeAt(0))
  return linked => {
    const torrent = client.add(file, { announce, store: MemoryStore, skipVerify: seeder })
    torrent.on('wire', (/** @type {{ peerId: string }} */ { peerId }) => linked(peerId))
  }
}

/** Holds nothing, because the wire is all that is waited for. */
class MemoryStore {
  /** @param {number} chunkLength */
  constructor(chunkLength) {
    this.chunkLength = chunkLength
  }

  /** @param {unknown} _index @param {unknown} _chunk @param {(error: null) => void} [done] */
  put(_index, _chunk, done) {
    queueMicrotask(() => done?.(null))
  }

  /** @param {unknown} _index @param {any} range @param {any} [done] */
  get(_index, range, done) {
    const callback = typeof range === 'function' ? range : done
    queueMicrotask(() => callback(null, new Uint8Array(this.chunkLength)))
  }

  /** @param {(error: null) => void} [done] */
  close(done) {
    queueMicrotask(() => done?.(null))
  }

  /** @param {(error: null) => void} [done] */
  destroy(done) {
    this.close(done)
  }
}

Object.assign(globalThis, {
  bench: {
    /** @param {Given} given */
    async prepare(given) {
      const start = await prepare(given)
      join = () =>
        start(remote => {
          if (!links.has(remote)) links.set(remote, Date.now())
          changed()
        })
    },
    /** Returns the time at which it began. */
    join() {
      const at = Date.now()
      join()
      return at
    },
    /** Joins at this time. @param {number} at */
    joinAt: at => new Promise(resolve => setTimeout(() => resolve(join()), at - Date.now())),
    /** Resolves with the times at which peers were connected, in order, when there are so many, or after the timeout. @param {{ count: number, timeout: number }} wanted */
    linked: ({ count, timeout }) =>
      new Promise(resolve => {
        const done = () => resolve([...links.values()].toSorted((a, b) => a - b))
        changed = () => links.size >= count && done()
        changed()
        setTimeout(done, timeout)
      }),
  },
})
