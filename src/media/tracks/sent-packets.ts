/**
 * Chromium probes a new path with copies of packets that it sent before (RTX padding of libwebrtc). After an outage these are pictures of the outage,
 * and the other end takes their age for the delay of the path: it shows the next pictures 2.5 s late.
 */
import { hasMethods } from '../../core/arguments.js'

/** Times for diagnosis. Nothing needs them. */
const IDLE_EXTENSION = 'http://www.webrtc.org/experiments/rtp-hdrext/video-timing'

/** The RTP Header Extension Control of the W3C (Chromium; not Firefox 153, nor @roamhq/wrtc 0.10.0). */
interface ExtensionControl {
  getNegotiatedHeaderExtensions(): HeaderExtension[]
  getHeaderExtensionsToNegotiate(): HeaderExtension[]
  setHeaderExtensionsToNegotiate(extensions: HeaderExtension[]): void
}
interface HeaderExtension {
  uri: string
  direction: RTCRtpTransceiverDirection
}
const METHODS = ['getNegotiatedHeaderExtensions', 'getHeaderExtensionsToNegotiate', 'setHeaderExtensionsToNegotiate']

/**
 * Makes Chromium forget what it sent, once the next offer is answered: it builds the stream of a sender anew when its header extensions change. False if
 * the platform cannot.
 */
export function forgetSent(transceiver: RTCRtpTransceiver): boolean {
  if (!hasMethods(transceiver, METHODS)) return false
  const control = transceiver as unknown as ExtensionControl
  const isIdle = ({ uri }: HeaderExtension) => uri === IDLE_EXTENSION
  const extensions = control.getHeaderExtensionsToNegotiate()
  const next = extensions.find(isIdle)
  if (next === undefined) return false
  const { direction = 'stopped' } = control.getNegotiatedHeaderExtensions().find(isIdle) ?? {}
  next.direction = direction === 'stopped' ? 'sendrecv' : 'stopped'
  control.setHeaderExtensionsToNegotiate(extensions)
  return true
}
