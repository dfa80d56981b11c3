// @ts-check
/** swarmlink: the same WebTorrent client with a connection manager. */
import { ConnectionManager } from 'swarmlink'
import { serve } from './client.js'
import { quietClient, torrentAdder } from './torrent-client.js'

serve(async (options, report) => {
  const client = await quietClient()
  const { trackerUrl, cold, maxPeers } = options
  const manager = new ConnectionManager(client, {
    rtcConfig: { iceServers: [] },
    trackers: [trackerUrl],
    warm: !cold,
    ...(maxPeers !== undefined && { maxPeersPerTorrent: maxPeers, maxConnections: 2 * maxPeers, exchange: false }),
  })
  await new Promise((resolve, reject) => {
    manager.once('ready', resolve)
    manager.once('warning', reject)
  })
  return {
    start: torrentAdder(client, options, [], report),
    stop: async () => {
      await manager.destroy()
      await new Promise(resolve => client.destroy(resolve))
    },
  }
})
