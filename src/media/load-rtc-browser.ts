/** No package adds WebRTC to a browser. */
import type { WebRtcImplementation } from '../engine/rtc.js'

export function loadRtc(): Promise<WebRtcImplementation | undefined> {
  return Promise.resolve(undefined)
}
