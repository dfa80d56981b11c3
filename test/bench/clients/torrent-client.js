// @ts-check
/** A WebTorrent client with all sources of peers off, except those that a benchmark enables. One wire counts as one connection. */
// @ts-ignore -- ships no types
import WebTorrent from 'webtorrent'
import { dataOf, MemoryStore } from '../payload.js'

/** @typedef {import('../types.js').ClientOptions} ClientOptions */
/** @typedef {import('../types.js').Report} Report */

const QUIET = { dht: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, utp: false, webSeeds: false }

/** @param {object} [options] */
export async function quietClient(options = {}) {
  const client = new WebTorrent({ ...QUIET, ...options })
  client.on('error', (/** @type {Error} */ error) => {
    throw error
  })
  // A torrent waits for the client's TCP port, although no peer learns it here.
  if (!client.listening) await new Promise(resolve => client.once('listening', resolve))
  return client
}

/**
 * Prepares what needs time. The returned function adds the torrents.
 * @param {any} client
 * @param {ClientOptions} options
 * @param {string[]} announce
 * @param {Report} report
 */
export function torrentAdder(client, { topic, further, seeder, folder }, announce, report) {
  const torrents = [topic, ...(further ?? [])].map(({ name, size, torrent }) => ({
    file: Buffer.from(torrent, 'base64'),
    data: folder ? undefined : seeder ? dataOf(name, size) : Buffer.alloc(size),
  }))

  return () => {
    for (const { file, data } of torrents) {
      const memory = { store: MemoryStore, storeOpts: { data }, storeCacheSlots: 0 }
      const options = { announce, skipVerify: seeder, ...(folder ? { path: folder } : memory) }
      const torrent = client.add(file, options)
      torrent.on('warning', () => {})
      torrent.on('done', () => report.finished())
      // The event comes after the BitTorrent handshake, with every system.
      torrent.on('wire', (/** @type {any} */ wire) => {
        const remote = further ? `${torrent.infoHash} ${wire.peerId}` : wire.peerId
        report.linked(remote, wire.type)
        wire.once('close', () => report.unlinked(remote))
      })
    }
  }
}
