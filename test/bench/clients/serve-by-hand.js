// @ts-check
/** A process that finds peers over a tracker by hand. It dials the tracker before it starts, because it knows the tracker before. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { serve } from './client.js'
import { trackerByHand } from './tracker-by-hand.js'

/** @param {import('./tracker-by-hand.js').Dial} dial */
export function serveByHand(dial) {
  serve(async ({ trackerUrl, topic, further = [], others = 1, cold }, report) => {
    const open = async () => {
      const socket = new WebSocket(trackerUrl)
      await once(socket, 'open')
      return trackerByHand({
        socket: /** @type {any} */ (socket), // has what is used of a browser's socket
        infoHashes: [topic, ...further].map(({ infoHash }) => infoHash),
        offers: others,
        dial,
        report,
      })
    }
    let client = cold ? undefined : await open()
    return {
      start: async () => {
        client ??= await open()
        await client.join()
      },
      stop: () => client?.leave(),
    }
  })
}
