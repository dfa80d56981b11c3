// @ts-check
/** WebTorrent with no discovery at all: what the torrents themselves cost. */
import { serve } from './client.js'
import { quietClient, torrentAdder } from './torrent-client.js'

serve(async (options, report) => {
  const client = await quietClient({ tracker: false })
  return {
    start: torrentAdder(client, options, [], report),
    stop: () => new Promise(resolve => client.destroy(resolve)),
  }
})
