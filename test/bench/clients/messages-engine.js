// @ts-check
/** The WebRTC that the clients of the messages are told to use. */

/** @typedef {import('../types.js').EngineName} EngineName */

/** @typedef {new (configuration?: RTCConfiguration) => RTCPeerConnection} Constructor */

/** @param {EngineName} engine @returns {Promise<{ RTCPeerConnection: Constructor }>} */
export async function engineModule(engine) {
  const { RTCPeerConnection } =
    engine === 'roamhq' ? (await import('@roamhq/wrtc')).default : await import('node-datachannel/polyfill')
  return { RTCPeerConnection: /** @type {any} */ (RTCPeerConnection) } // their types differ from the W3C's in what is not used here
}
