// @ts-check
/** PeerJS with its own server. Each end is connected to the server before it starts. */

/** @typedef {import('../types.js').CallSide} CallSide */
/** @typedef {import('../types.js').CallSenderOptions} CallSenderOptions */
/** @typedef {import('../types.js').CallReceiverOptions} CallReceiverOptions */

await new Promise((resolve, reject) => {
  const script = document.createElement('script')
  Object.assign(script, { src: '/peerjs.js', onload: resolve, onerror: reject })
  document.head.append(script)
})
const { Peer } = /** @type {any} */ (globalThis)
const port = Number(new URLSearchParams(location.search).get('peerjs'))

/** @param {string} id */
async function open(id) {
  const peer = new Peer(id, { host: '127.0.0.1', port, path: '/', config: { iceServers: [] } })
  await new Promise((resolve, reject) => {
    peer.on('open', resolve)
    peer.on('error', reject)
  })
  return peer
}

/** @param {CallSenderOptions} options @returns {Promise<CallSide>} */
export async function createSender({ room, stream }) {
  const peer = await open(`${room}-sender`)
  return {
    start() {
      peer.on('connection', (/** @type {{ peer: string }} */ { peer: id }) => peer.call(id, stream))
      peer.call(`${room}-receiver`, stream)
    },
    peers: () => [],
    stop: () => peer.destroy(),
  }
}

/** @param {CallReceiverOptions} options @returns {Promise<CallSide>} */
export async function createReceiver({ room, streamed }) {
  const peer = await open(`${room}-receiver`)
  return {
    start() {
      peer.on('call', (/** @type {any} */ call) => {
        call.on('stream', (/** @type {MediaStream} */ stream) => streamed(call.peer, stream))
        call.answer()
      })
      // Only an end with a stream can call, so a Receiver that comes second asks over a channel.
      peer.connect(`${room}-sender`)
    },
    peers: () => [],
    stop: () => peer.destroy(),
  }
}
