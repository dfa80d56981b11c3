// @ts-check
/** Sender and Receiver of swarmlink over a BroadcastChannelDriver, or a WebSocketDriver where the other end is a process. */

/** @typedef {import('../types.js').CallSide} CallSide */
/** @typedef {import('../types.js').CallSenderOptions} CallSenderOptions */
/** @typedef {import('../types.js').CallReceiverOptions} CallReceiverOptions */

/** Imports by a name that no bundler follows. @param {string} url @returns {Promise<any>} */
const load = url => import(url)
const [{ Sender, Receiver }, { BroadcastChannelDriver, WebSocketDriver }] = await Promise.all([
  load('/media.js'),
  load('/signaling.js'),
])

/** @type {Map<string, any>} */
const drivers = new Map()
/** Messages that this page gave to its drivers, without the pings of its Receivers, and messages about a connection on its control channels. */
const counts = { bus: 0, control: 0 }

/** One driver of the page for each bus. @param {string} [url] */
function driverOf(url = '') {
  const known = drivers.get(url)
  if (known !== undefined) return known
  const driver = url === '' ? new BroadcastChannelDriver('calls') : new WebSocketDriver(url)
  const emit = driver.emit.bind(driver)
  driver.emit = (/** @type {string[]} */ namespace, /** @type {unknown} */ message) => {
    const isPing = namespace.length === 2 && /** @type {{ type?: string }} */ (message).type === 'invoke'
    if (!isPing) counts.bus++
    return emit(namespace, message)
  }
  drivers.set(url, driver)
  return driver
}

const { send } = /** @type {{ send: (this: RTCDataChannel, data: any) => void }} */ (RTCDataChannel.prototype)
RTCDataChannel.prototype.send = function (/** @type {any} */ data) {
  if (this.label === 'swarmlink-media' && ['offer', 'answer', 'candidate'].includes(JSON.parse(data).type)) counts.control++
  return send.call(this, data)
}

export const signals = () => counts.bus + counts.control

/** @param {CallSenderOptions} options @returns {CallSide} */
export function createSender({ room, stream, busUrl, hasMessages = false, videoBitrate, audioBitrate, gone }) {
  const bitrates = { ...(videoBitrate && { videoBitrate }), ...(audioBitrate && { audioBitrate }) }
  const sender = new Sender({ driver: driverOf(busUrl), iceServers: [], maxReceivers: 64, ...bitrates })
  return {
    ...common(sender, gone),
    start: () => sender.start({ room, stream, dataChannel: hasMessages }),
    setStream: next => sender.setStream(next),
    enable: on => sender.enable('video', on),
    async send(text) {
      if (!sender.send(text)) await new Promise(resolve => sender.addEventListener('drain', resolve, { once: true }))
    },
  }
}

/** @param {CallReceiverOptions} options @returns {CallSide} */
export function createReceiver({ room, busUrl, streamed, gone, heard }) {
  const receiver = new Receiver({ driver: driverOf(busUrl), iceServers: [] })
  /** @type {string[]} */
  const ids = []
  receiver.addEventListener(
    'stream',
    (/** @type {any} */ { detail }) =>
      (ids.push(detail.id), streamed(detail.id, detail.stream)),
  )
  receiver.addEventListener('message', (/** @type {any} */ { detail }) => heard?.(detail.message))
  return {
    ...common(receiver, gone),
    start: () => receiver.start({ room }),
    want: demand => ids.every(id => receiver.want(id, demand)),
  }
}

/** @param {any} end @param {(id: string) => void} [gone] */
function common(end, gone) {
  /** @type {Map<string, RTCPeerConnection>} */
  const peers = new Map()
  end.addEventListener('connect', (/** @type {any} */ { detail }) => peers.set(detail.id, detail.peer))
  end.addEventListener('error', (/** @type {any} */ { detail }) => console.error(detail.error))
  end.addEventListener('dispose', (/** @type {any} */ { detail }) => {
    peers.delete(detail.id)
    gone?.(detail.id)
  })
  return {
    peers: () => [...peers.values()],
    stop: () => end.stop(),
    /** With this listener the library looks at the statistics every 2 s. */
    monitor: () => end.addEventListener('quality', () => {}),
  }
}
