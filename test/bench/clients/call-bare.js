// @ts-check
/** The hand-written minimal page: one RTCPeerConnection for each Receiver, candidates as they come, over a BroadcastChannel. Heals nothing. */

/** @typedef {import('../types.js').CallSide} CallSide */
/** @typedef {import('../types.js').CallSenderOptions} CallSenderOptions */
/** @typedef {import('../types.js').CallReceiverOptions} CallReceiverOptions */

const CONFIG = { iceServers: [] }
/** Bytes in the buffer of a channel above which the page waits. */
const HIGH = 1024 * 1024

/** @param {CallSenderOptions} options @returns {CallSide} */
export function createSender({ room, stream, videoBitrate, audioBitrate, hasMessages = false }) {
  /** @type {Map<string, RTCPeerConnection>} */
  const peers = new Map()
  /** @type {RTCDataChannel | undefined} */
  let messages
  const bus = openBus(room, 'sender', ({ type, from, data }) => {
    if (type === 'join') void offer(from)
    else if (type === 'answer') void peers.get(from)?.setRemoteDescription(data)
    else if (type === 'candidate') void peers.get(from)?.addIceCandidate(data)
    else if (type === 'leave') {
      peers.get(from)?.close()
      peers.delete(from)
    }
  })

  /** @param {string} to */
  async function offer(to) {
    const peer = new RTCPeerConnection(CONFIG)
    peers.set(to, peer)
    peer.onicecandidate = ({ candidate }) => candidate && bus.post({ type: 'candidate', to, data: candidate.toJSON() })
    if (hasMessages) messages = peer.createDataChannel('messages')
    for (const track of stream.getTracks()) {
      const bitrate = track.kind === 'video' ? videoBitrate : audioBitrate
      const sendEncodings = bitrate === undefined ? [] : [{ maxBitrate: 1000 * bitrate }]
      peer.addTransceiver(track, { direction: 'sendonly', streams: [stream], sendEncodings })
    }
    await peer.setLocalDescription()
    bus.post({ type: 'offer', to, data: peer.localDescription?.toJSON() })
  }

  return {
    start() {
      bus.open()
      bus.post({ type: 'here' })
    },
    peers: () => [...peers.values()],
    async setStream(next) {
      const [track = null] = next.getVideoTracks()
      await Promise.all([...peers.values()].flatMap(peer => peer.getSenders().map(sender => sender.replaceTrack(track))))
    },
    async send(text) {
      if (messages === undefined) throw new Error('there is no channel')
      while (messages.bufferedAmount > HIGH) await new Promise(resolve => setTimeout(resolve, 5))
      messages.send(text)
    },
    enable(on) {
      for (const track of stream.getVideoTracks()) track.enabled = on
    },
    stop() {
      for (const peer of peers.values()) peer.close()
      peers.clear()
      bus.close()
    },
  }
}

/** @param {CallReceiverOptions} options @returns {CallSide} */
export function createReceiver({ room, streamed, heard }) {
  /** @type {Map<string, RTCPeerConnection>} */
  const peers = new Map()
  const bus = openBus(room, 'receiver', ({ type, from, data }) => {
    if (type === 'here') bus.post({ type: 'join', to: from })
    else if (type === 'offer') void answer(from, data)
    else if (type === 'candidate') void peers.get(from)?.addIceCandidate(data)
  })

  /** @param {string} from @param {RTCSessionDescriptionInit} data */
  async function answer(from, data) {
    const peer = new RTCPeerConnection(CONFIG)
    peers.set(from, peer)
    peer.onicecandidate = ({ candidate }) => candidate && bus.post({ type: 'candidate', to: from, data: candidate.toJSON() })
    peer.ontrack = ({ streams: [stream] }) => stream && streamed(from, stream)
    peer.ondatachannel = ({ channel }) => (channel.onmessage = ({ data: text }) => heard?.(text))
    await peer.setRemoteDescription(data)
    await peer.setLocalDescription()
    bus.post({ type: 'answer', to: from, data: peer.localDescription?.toJSON() })
  }

  return {
    start() {
      bus.open()
      bus.post({ type: 'join' })
    },
    peers: () => [...peers.values()],
    stop() {
      bus.post({ type: 'leave' })
      for (const peer of peers.values()) peer.close()
      peers.clear()
      bus.close()
    },
  }
}

/**
 * A bus, once it is opened, whose messages name their sender and, if they are for one end, their receiver.
 * @param {string} room
 * @param {'sender' | 'receiver'} role
 * @param {(message: { type: string, from: string, data: any }) => void} received
 */
export function openBus(room, role, received) {
  const id = crypto.randomUUID()
  /** @type {BroadcastChannel | undefined} */
  let channel
  return {
    open() {
      channel = new BroadcastChannel(room)
      channel.onmessage = ({ data }) => {
        if (data.role !== role && (data.to === undefined || data.to === id)) received(data)
      }
    },
    /** @param {{ type: string, to?: string, data?: unknown }} message */
    post: message => channel?.postMessage({ role, from: id, ...message }), // oxlint-disable-line unicorn/require-post-message-target-origin -- a channel has one origin
    close: () => channel?.close(),
  }
}
