/** `@roamhq/wrtc`: Google's WebRTC for Node. Slower than node-datachannel for data, but it has media. */
import { logger } from '../core/log.js'
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'
import { takeOfferOfThisMachine } from './this-machine.js'
import { engineWith } from './w3c-engine.js'

const log = logger('engine')

/** `bufferedamountlow` did not fire in all the ways to ask for it. At 1 MiB a look this allows 200 MB/s, twice what it does. */
const DRAIN_POLL = 5

/** A channel that is closed in the turn of a `send` loses what was sent: 100 of 100 messages; 1 ms later 10, 20 ms later none. */
const CLOSE_AFTER = 20

/** Its classes inherit, in the old manner, from an event target of its own. */
export function isRoamhq({ RTCPeerConnection }: WebRtcImplementation): boolean {
  const parent: unknown = (RTCPeerConnection as unknown as { super_?: unknown }).super_ // set by util.inherits
  return typeof parent === 'function' && parent.name === 'EventTarget' && parent !== EventTarget
}

export function roamhqEngine({ RTCPeerConnection }: Pick<WebRtcImplementation, 'RTCPeerConnection'>): Engine {
  return engineWith({
    name: 'roamhq',
    open: config => new RTCPeerConnection(config),
    restarts: true,
    // libdatachannel 0.24 hands an answer to its ICE agent before it stores the fingerprint: 2 of 150 handshakes ended in between.
    takeOffer: takeOfferOfThisMachine,
    namesRemote: true,
    closeChannel: closeLater,
    // After its channels: the news of their end is what the other side hears first.
    close: closeLater,
    drainPoll: DRAIN_POLL,
  })
}

function closeLater(what: { close(): void }): void {
  setTimeout(() => {
    try {
      what.close()
    } catch (error) {
      log('closing failed: %o', error)
    }
  }, CLOSE_AFTER)
}
