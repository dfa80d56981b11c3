/** Makes session descriptions like those of engines, with a given fingerprint. */
import { toHex } from '../../../src/core/bytes.js'

export function makeSdp(setup: 'actpass' | 'active', fingerprint: Uint8Array): string {
  return [
    'v=0',
    'o=rtc 3767197920 0 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'a=ice-options:ice2,trickle',
    `a=fingerprint:sha-256 ${toHex(fingerprint).toUpperCase().match(/../g)?.join(':')}`,
    'm=application 40712 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 127.0.0.1',
    'a=mid:0',
    'a=sendrecv',
    'a=sctp-port:5000',
    'a=max-message-size:262144',
    `a=setup:${setup}`,
    'a=ice-ufrag:n9NB',
    'a=ice-pwd:Hs5B0V8Rk1gJGqGTNsP1Xn',
    'a=candidate:1 1 UDP 2122317823 127.0.0.1 40712 typ host',
    'a=end-of-candidates',
    '',
  ].join('\r\n')
}
