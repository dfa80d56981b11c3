/** What each consumer does: it downloads a torrent, and exchanges one message with the peer that has it. Runs in processes and pages. */

/** No traffic leaves the machine. `utp: false`, because `utp-native` aborts Bun and Deno. */
const QUIET = { dht: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, utp: false }

/** Resolves with the SHA-256 of the download, in hex, and the message. */
export async function trial({ WebTorrent, ConnectionManager, magnet, tracker, name }) {
  const client = new WebTorrent(QUIET)
  const manager = new ConnectionManager(client, { trackers: [tracker], iceServers: [] })
  const failed = new Promise((_, reject) => client.on('error', reject))
  const message = new Promise(resolve => {
    manager.on('connection', connection => {
      connection.on('data', resolve)
      connection.send({ from: name })
    })
  })
  const torrent = await new Promise(resolve => {
    client.add(magnet, { path: 'downloads' }, added => added.on('done', () => resolve(added)))
  })
  const bytes = await torrent.files[0].arrayBuffer()
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const sha256 = Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('')
  const outcome = { sha256, message: await Promise.race([message, failed]) }
  await manager.destroy()
  await new Promise(resolve => client.destroy(resolve))
  return outcome
}
