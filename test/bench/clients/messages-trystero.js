// @ts-check
/** Trystero's messages, with its torrent strategy. Its `send` applies backpressure itself. */
// @ts-ignore -- installed beside the package that the manifest names
import { joinRoom } from '@trystero-p2p/torrent'
import { RTCPeerConnection } from 'node-datachannel/polyfill'
import { ForgivingSocket } from './forgiving-socket.js'
import { serveMessages } from './messages-client.js'

/** @typedef {import('../types.js').Carrier} Carrier */

/** Each sequential send would wait for a turn of the queue, so this many are sent at once. */
const AT_ONCE = 64

Object.assign(globalThis, { WebSocket: ForgivingSocket })

serveMessages(async ({ trackerUrl, topic }, report) => {
  /** @type {any} */
  let room
  /** @type {any} */
  let action
  /** @type {(message: unknown) => void} */
  let receive = () => {}
  /** @type {Promise<void>[]} */
  let sent = []

  /** @type {Carrier} */
  const carrier = {
    post: value => {
      sent.push(action.send(value))
      return sent.length < AT_ONCE
    },
    room: async () => {
      const waited = sent
      sent = []
      await Promise.all(waited)
    },
    sendLarge: message => action.send(message),
    listen: listener => {
      receive = listener
    },
  }

  return {
    carrier: () => carrier,
    start: () => {
      const relayConfig = { urls: [trackerUrl] }
      room = joinRoom(
        { appId: 'bench', rtcPolyfill: /** @type {any} */ (RTCPeerConnection), rtcConfig: { iceServers: [] }, relayConfig },
        topic.name,
      )
      action = room.makeAction('message', { onMessage: (/** @type {unknown} */ message) => receive(message) })
      room.onPeerJoin = (/** @type {string} */ id) => report.linked(id)
    },
    stop: () => room?.leave(),
  }
})
