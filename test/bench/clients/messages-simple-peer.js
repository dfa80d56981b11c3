// @ts-check
/** simple-peer's stream, which applies backpressure itself. Values travel as JSON by hand. */
import { once } from 'node:events'
import { serveMessages } from './messages-client.js'

/** @typedef {import('../types.js').Carrier} Carrier */
/** @typedef {import('../types.js').Handshake} Handshake */

const name = '@thaunknown/simple-peer' // is a dependency of WebTorrent, not of this package
const { default: Peer } = await import(name)

serveMessages(async (_options, report) => {
  /** @type {any} */
  let peer
  /** @type {(message: unknown) => void} */
  let receive = () => {}

  /** @param {boolean} initiator */
  const open = initiator => {
    // In object mode texts stay texts, and messages stay apart.
    peer = new Peer({ initiator, trickle: false, objectMode: true, config: { iceServers: [] } })
    peer.on('connect', () => report.linked('simple-peer'))
    peer.on('data', (/** @type {string | Uint8Array} */ data) => receive(typeof data === 'string' ? JSON.parse(data) : data))
  }
  /** @returns {Promise<string>} */
  const signal = async () => (await once(peer, 'signal'))[0].sdp

  /** @type {Carrier} */
  const carrier = {
    post: value => peer.write(JSON.stringify(value)),
    room: async () => void (await once(peer, 'drain')),
    sendLarge: async (message, piece) => {
      for (let at = 0; at < message.length; at += piece)
        if (!peer.write(/** @type {Uint8Array} */ (message).subarray(at, at + piece))) await once(peer, 'drain')
    },
    listen: listener => {
      receive = listener
    },
  }
  return {
    carrier: () => carrier,
    /** @param {Handshake} step */
    shake: async step => {
      switch (step.name) {
        case 'offer':
          open(true)
          return await signal()
        case 'answer': {
          open(false)
          const answer = signal()
          peer.signal({ type: 'offer', sdp: step.sdp })
          return await answer
        }
        case 'accept':
          peer.signal({ type: 'answer', sdp: step.sdp })
          return undefined
      }
    },
    start: () => {},
    stop: () => peer?.destroy(),
  }
})
