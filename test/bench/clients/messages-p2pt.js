// @ts-check
/** P2PT's messages. It has no backpressure of its own, so this watches its peer's channel. */
import P2PT from 'p2pt'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveMessages } from './messages-client.js'

/** @typedef {import('../types.js').Carrier} Carrier */

const HIGH = 1024 * 1024
const LOW = 256 * 1024

serveMessages(async ({ trackerUrl, topic }, report) => {
  const p2pt = new P2PT([trackerUrl], topic.name)
  /** @type {any} */
  let peer
  /** @type {(message: unknown) => void} */
  let receive = () => {}
  p2pt.on('peerconnect', met => {
    peer = met
    report.linked(met.id)
  })
  p2pt.on('msg', (_from, message) => receive(message))

  /** @type {Carrier} */
  const carrier = {
    post: value => {
      // Settles when the peer responds, which it does not.
      void p2pt.send(peer, value)
      return peer.bufferSize <= HIGH
    },
    room: async () => {
      while (peer.bufferSize > LOW) await sleep(1)
    },
    // It carries text. Bytes would have to become text first.
    form: bytes => Buffer.from(bytes).toString('base64').slice(0, bytes.length),
    sendLarge: async message => {
      if (!carrier.post(/** @type {any} */ (message))) await carrier.room()
    },
    listen: listener => {
      receive = listener
    },
  }
  return { carrier: () => carrier, start: () => void p2pt.start(), stop: () => p2pt.destroy() }
})
