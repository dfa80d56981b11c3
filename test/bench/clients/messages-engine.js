// @ts-check
/** The WebRTC engine that the message clients use. */

/** @typedef {import('../types.js').EngineName} EngineName */

/** @typedef {new (configuration?: RTCConfiguration) => RTCPeerConnection} Constructor */

/** @param {EngineName} engine @returns {Promise<{ RTCPeerConnection: Constructor }>} */
export async function engineModule(engine) {
  const { RTCPeerConnection } =
    engine === 'roamhq' ? (await import('@roamhq/wrtc')).default : await import('node-datachannel/polyfill')
  return { RTCPeerConnection: /** @type {any} */ (RTCPeerConnection) } // their types differ from the W3C's in unused parts
}
