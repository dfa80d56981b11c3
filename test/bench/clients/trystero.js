// @ts-check
/** Trystero with its torrent strategy. It has no WebRTC and, on Node 20, no WebSocket of its own: both are passed in. */
// @ts-ignore -- installed beside the package that the manifest names
import { joinRoom } from '@trystero-p2p/torrent'
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import { serve } from './client.js'
import { ForgivingSocket } from './forgiving-socket.js'

Object.assign(globalThis, { WebSocket: ForgivingSocket })

serve(({ trackerUrl, topic }, report) => {
  /** @type {any} */
  let room
  return {
    start: () => {
      const relayConfig = { urls: [trackerUrl] }
      room = joinRoom(
        { appId: 'bench', rtcPolyfill: /** @type {any} */ (RTCPeerConnection), rtcConfig: { iceServers: [] }, relayConfig },
        topic.name,
      )
      room.onPeerJoin = (/** @type {string} */ id) => report.linked(id)
      room.onPeerLeave = (/** @type {string} */ id) => report.unlinked(id)
    },
    stop: () => room?.leave(),
  }
})
