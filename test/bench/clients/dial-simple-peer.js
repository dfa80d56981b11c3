// @ts-check
/** Connections of simple-peer. Its default is to trickle candidates, which trackers do not carry, so that is off. Runs in Node and in pages. */

/** @typedef {import('./tracker-by-hand.js').Dial} Dial */

/** @param {any} Peer the class of simple-peer @param {RTCConfiguration} config @returns {Dial} */
export function dialSimplePeer(Peer, config) {
  return (initiator, { linked, unlinked }) => {
    const peer = new Peer({ initiator, trickle: false, config })
    let isLinked = false
    peer.on('connect', () => {
      isLinked = true
      linked()
    })
    peer.on('close', () => isLinked && unlinked())
    peer.on('error', () => {})
    /** @returns {Promise<string>} */
    const signal = () => new Promise(resolve => peer.once('signal', (/** @type {{ sdp: string }} */ { sdp }) => resolve(sdp)))
    return {
      offer: signal,
      answer: sdp => {
        const answer = signal()
        peer.signal({ type: 'offer', sdp })
        return answer
      },
      accept: async sdp => void peer.signal({ type: 'answer', sdp }),
      close: () => peer.destroy(),
    }
  }
}
