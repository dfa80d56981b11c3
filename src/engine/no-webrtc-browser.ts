/** Says why a page or its worker has no WebRTC, and what to do. */
import { SwarmlinkError } from '../core/errors.js'

/** The error where there is none. Browsers give `RTCPeerConnection` to pages only. */
export function noWebRtc(): SwarmlinkError {
  if ('WorkerGlobalScope' in globalThis)
    return new SwarmlinkError(
      'ERR_NO_WEBRTC',
      'a worker has no WebRTC: use swarmlink in the page, and pass messages between the page and the worker',
    )
  return new SwarmlinkError(
    'ERR_NO_WEBRTC',
    'this browser has no WebRTC, or a setting or an extension switches it off: switch it on, or pass an implementation as the option `wrtc`',
  )
}
