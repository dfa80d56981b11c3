// @ts-check
/** A bare data channel: the engine's own performance, with everything else done by hand. */
import { gathered } from './dial-bare.js'
import { serveMessages } from './messages-client.js'
import { engineModule } from './messages-engine.js'

/** @typedef {import('../types.js').Carrier} Carrier */
/** @typedef {import('../types.js').Handshake} Handshake */

const HIGH = 1024 * 1024
const LOW = 256 * 1024
/** `@roamhq/wrtc` does not always fire `bufferedamountlow`. */
const POLL = 5
/** About the JSON size of a small message. */
const QUESTION = JSON.stringify({ text: 'x'.repeat(89) })

serveMessages(async ({ engine }, report) => {
  const { RTCPeerConnection } = await engineModule(engine ?? 'node-datachannel')
  const connection = new RTCPeerConnection({ iceServers: [] })
  /** @type {RTCDataChannel} */
  let channel
  /** @type {(data: string | ArrayBuffer) => void} */
  let receive = () => {}

  /** @param {RTCDataChannel} opened */
  const use = opened => {
    channel = opened
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = LOW
    channel.addEventListener('message', event => receive(event.data))
    if (channel.readyState === 'open') report.linked('bare')
    else channel.addEventListener('open', () => report.linked('bare'))
  }
  connection.addEventListener('datachannel', event => use(event.channel))

  /** @param {RTCSessionDescriptionInit} description */
  const describe = async description => {
    await connection.setLocalDescription(description)
    await gathered(connection)
    return connection.localDescription?.sdp
  }

  /** @param {Handshake} step */
  const shake = async step => {
    switch (step.name) {
      case 'offer':
        use(connection.createDataChannel('bare'))
        return await describe(await connection.createOffer())
      case 'answer':
        await connection.setRemoteDescription({ type: 'offer', sdp: step.sdp })
        return await describe(await connection.createAnswer())
      case 'accept':
        await connection.setRemoteDescription({ type: 'answer', sdp: step.sdp })
        return undefined
    }
  }

  /** @type {Carrier} */
  const carrier = {
    post: value => {
      channel.send(JSON.stringify(value))
      return channel.bufferedAmount <= HIGH
    },
    room: () =>
      new Promise(resolve => {
        const look = () => {
          if (channel.bufferedAmount > LOW) return
          clearInterval(timer)
          channel.removeEventListener('bufferedamountlow', look)
          resolve()
        }
        const timer = setInterval(look, POLL)
        channel.addEventListener('bufferedamountlow', look)
      }),
    sendLarge: async (message, piece) => {
      const bytes = /** @type {Uint8Array<ArrayBuffer>} */ (message) // this carrier has no other form
      for (let at = 0; at < bytes.length; at += piece) {
        channel.send(bytes.subarray(at, at + piece))
        if (channel.bufferedAmount > HIGH) await carrier.room()
      }
    },
    listen: listener => {
      receive = data => listener(typeof data === 'string' ? JSON.parse(data) : new Uint8Array(data))
    },
    request: () =>
      new Promise(resolve => {
        receive = () => resolve()
        channel.send(QUESTION)
      }),
    answer: answered => {
      receive = data => {
        channel.send(/** @type {string} */ (data)) // in the form of the question
        answered()
      }
    },
  }

  return {
    carrier: () => carrier,
    shake,
    start: () => {},
    stop: () => {
      channel.close()
      connection.close()
    },
  }
})
