// @ts-check
/** The published package `p2p`, over the same driver as swarmlink. */

/** @typedef {import('../types.js').CallSide} CallSide */
/** @typedef {import('../types.js').CallSenderOptions} CallSenderOptions */
/** @typedef {import('../types.js').CallReceiverOptions} CallReceiverOptions */

/** Imports by a name that no bundler follows. @param {string} url @returns {Promise<any>} */
const load = url => import(url)
const [{ Sender, Receiver }, { BroadcastChannelDriver }] = await Promise.all([load('/p2p.js'), load('/signaling.js')])

const bus = new BroadcastChannelDriver('p2p')
const driver = { subscribe: bus.on.bind(bus), unsubscribe: bus.off.bind(bus), publish: bus.emit.bind(bus) }

/** @param {CallSenderOptions} options @returns {CallSide} */
export function createSender({ room, stream }) {
  const sender = new Sender({ driver, iceServers: [] })
  return { start: () => sender.start({ room, stream }), peers: () => [], stop: () => sender.stop() }
}

/** @param {CallReceiverOptions} options @returns {CallSide} */
export function createReceiver({ room, streamed }) {
  const receiver = new Receiver({ driver, iceServers: [] })
  receiver.addEventListener('stream', (/** @type {any} */ { detail }) => streamed(detail.id, detail.stream))
  return { start: () => receiver.start({ room }), peers: () => [], stop: () => receiver.stop() }
}
