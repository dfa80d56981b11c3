// @ts-check
/** WebTorrent's own discovery, without a plugin. */
import { serve } from './client.js'
import { quietClient, torrentAdder } from './torrent-client.js'

serve(async (options, report) => {
  const client = await quietClient({ tracker: { rtcConfig: { iceServers: [] } } })
  return {
    start: torrentAdder(client, options, [options.trackerUrl], report),
    stop: () => new Promise(resolve => client.destroy(resolve)),
  }
})
