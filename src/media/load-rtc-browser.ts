/** No package adds WebRTC to a browser. */
import type { WebRtcImplementation } from '../engine/rtc.js'

export { noWebRtc } from '../engine/no-webrtc-browser.js'

export function loadRtc(): Promise<WebRtcImplementation | undefined> {
  return Promise.resolve(undefined)
}
