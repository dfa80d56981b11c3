// @ts-check
/** A page with one client of a system. A scenario drives it through `globalThis.bench`. Clocks are `Date.now()`, which all pages share. */

/** @typedef {{ system: string, trackerUrl: string, seeder: boolean, topic: { name: string, torrent: string, size: number }, iceServers: object[] }} Given */

/** Imports by a name that no bundler follows. @param {string} url @returns {Promise<any>} */
const load = url => import(url)

/** @type {() => void} */
let join
/** @type {Promise<number>} the time of the first wire, or of the first peer */
let linked

/** @param {Given} given @returns {Promise<(linked: () => void) => void>} the function that joins */
async function prepare({ system, trackerUrl, seeder, topic, iceServers }) {
  const rtcConfig = { iceServers }
  if (system === 'trystero') {
    const { joinRoom } = await load('/trystero.js')
    const config = { appId: 'bench', rtcConfig, relayConfig: { urls: [trackerUrl] } }
    return done => void (joinRoom(config, topic.name).onPeerJoin = done)
  }
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
  return done => client.add(file, { announce, store: MemoryStore, skipVerify: seeder }).on('wire', done)
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
      linked = new Promise(resolve => {
        join = () => start(() => resolve(Date.now()))
      })
    },
    /** Returns the time at which it began. */
    join() {
      const at = Date.now()
      join()
      return at
    },
    linked: () => linked,
  },
})
