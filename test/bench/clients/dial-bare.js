// @ts-check
/** Connections with nothing but `RTCPeerConnection`: one channel, no proof, no handshake. Runs in Node and in pages. */

/** @typedef {import('./tracker-by-hand.js').Dial} Dial */

/** @param {new (configuration: RTCConfiguration) => RTCPeerConnection} RTCPeerConnection @param {RTCConfiguration} configuration @returns {Dial} */
export function dialBare(RTCPeerConnection, configuration) {
  return (isOfferer, { linked, unlinked }) => {
    const connection = new RTCPeerConnection(configuration)
    /** @type {RTCDataChannel | undefined} */
    let channel
    /** @param {RTCDataChannel} opened */
    const use = opened => {
      channel = opened
      channel.addEventListener('close', unlinked)
      if (channel.readyState === 'open') linked()
      else channel.addEventListener('open', linked)
    }
    connection.addEventListener('datachannel', event => use(event.channel))
    if (isOfferer) use(connection.createDataChannel('bare'))

    /** @param {RTCSessionDescriptionInit} description */
    const describe = async description => {
      await connection.setLocalDescription(description)
      await gathered(connection)
      return connection.localDescription?.sdp ?? ''
    }
    return {
      // Makes the answerer the DTLS server. Otherwise the first flight is lost in one connection of ten, which costs 1 s.
      offer: async () => (await describe(await connection.createOffer())).replace('a=setup:actpass', 'a=setup:active'),
      answer: async sdp => {
        await connection.setRemoteDescription({ type: 'offer', sdp })
        return await describe(await connection.createAnswer())
      },
      accept: sdp => connection.setRemoteDescription({ type: 'answer', sdp }),
      close: () => {
        channel?.close() // first, because node-datachannel keeps the process alive for a channel that never opened
        connection.close()
      },
    }
  }
}

/** @param {RTCPeerConnection} connection @returns {Promise<void>} */
export function gathered(connection) {
  return new Promise(resolve => {
    const look = () => {
      if (connection.iceGatheringState === 'complete') resolve()
    }
    connection.addEventListener('icegatheringstatechange', look)
    look()
  })
}
