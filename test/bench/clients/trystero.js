// @ts-check
/** Trystero with its torrent strategy. It has no WebRTC and, on Node 20, no WebSocket of its own: both are passed in. */
// @ts-ignore -- installed beside the package that the manifest names
import { joinRoom } from '@trystero-p2p/torrent'
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import { serve } from './client.js'
import { ForgivingSocket } from './forgiving-socket.js'

Object.assign(globalThis, { WebSocket: ForgivingSocket })

serve(({ trackerUrl, topic, further }, report) => {
  /** @type {any[]} */
  let rooms = []
  const config = {
    appId: 'bench',
    rtcPolyfill: /** @type {any} */ (RTCPeerConnection),
    rtcConfig: { iceServers: [] },
    relayConfig: { urls: [trackerUrl] },
  }
  return {
    start: () => {
      rooms = [topic, ...(further ?? [])].map(({ name }) => {
        const room = /** @type {any} */ (joinRoom(config, name))
        /** @param {string} id */
        const remote = id => (further ? `${name} ${id}` : id)
        room.onPeerJoin = (/** @type {string} */ id) => report.linked(remote(id))
        room.onPeerLeave = (/** @type {string} */ id) => report.unlinked(remote(id))
        return room
      })
    },
    stop: async () => {
      await Promise.all(rooms.map(room => room.leave()))
    },
  }
})
