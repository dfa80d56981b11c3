/**
 * The engine of `@roamhq/wrtc`: Google's WebRTC for Node. Slower than node-datachannel for data, but it supports media.
 *
 * A remote can crash the process (0.10.0): when it closes the connection, `RTCDataChannel::OnStateChange` clears a pointer on the signalling
 * thread, and `RTCDataChannel::Send` on the main thread uses the pointer after its check, without a lock (node-webrtc/node-webrtc#435 and
 * #576 report such crashes). The check waits for the signalling thread, so on a busy machine 1 of 100 connections that closed at once after they
 * opened ended the process. Code in JavaScript cannot prevent that.
 */
import { logger } from '../core/log.js'
import type { Engine } from './engine.js'
import type { WebRtcImplementation } from './rtc.js'
import { takeOfferOfThisMachine } from './this-machine.js'
import { engineWith } from './w3c-connection.js'

const log = logger('engine')

/** In milliseconds, because `bufferedamountlow` does not fire reliably. 1 MiB per poll allows 200 MB/s, twice what the engine reaches. */
const DRAIN_POLL = 5

/** In milliseconds. `close()` in the turn of a `send` lost 100 of 100 messages; 1 ms later 10, 20 ms later none. */
const CLOSE_AFTER = 20

/** Its classes inherit (by `util.inherits`) from its own class `EventTarget`. */
export function isRoamhq({ RTCPeerConnection }: WebRtcImplementation): boolean {
  const parent: unknown = (RTCPeerConnection as unknown as { super_?: unknown }).super_ // set by util.inherits
  return typeof parent === 'function' && parent.name === 'EventTarget' && parent !== EventTarget
}

export function roamhqEngine({ RTCPeerConnection }: Pick<WebRtcImplementation, 'RTCPeerConnection'>): Engine {
  return engineWith({
    name: 'roamhq',
    open: config => new RTCPeerConnection(config),
    restarts: true,
    unsafeDescriptions: true,
    // libdatachannel 0.24 passes an answer to its ICE agent before it stores the fingerprint: 2 of 150 handshakes ended in between.
    splitOffer: takeOfferOfThisMachine,
    namesRemote: true,
    closeChannel: closeLater,
    // After the channels, so that the remote peer learns of their close first.
    close: closeLater,
    drainPoll: DRAIN_POLL,
  })
}

function closeLater(target: { close(): void }): void {
  setTimeout(() => {
    try {
      target.close()
    } catch (error) {
      log('closing failed: %o', error)
    }
  }, CLOSE_AFTER)
}
