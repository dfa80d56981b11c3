/** The half of a swarm that is loaded with the first topic: handshakes, the peers that come of them, and their message channels. */
import type { InboundLimits } from './admission/inbound-limits.js'
import { PeerRotation } from './admission/peer-rotation.js'
import { ConnectionUpgrader } from './handshake/connection-upgrader.js'
import { Handshake } from './handshake/handshake.js'
import { PeerMonitor } from './peer-monitor.js'
import { MessageChannels } from './session/message-channels.js'
import type { SwarmContext } from './swarm-context.js'

export class SwarmPeers {
  readonly handshake: Handshake
  readonly upgrader: ConnectionUpgrader
  readonly messages: MessageChannels
  readonly #rotation: PeerRotation | undefined

  constructor(context: SwarmContext, inbound: InboundLimits) {
    this.messages = new MessageChannels(context)
    const monitor = new PeerMonitor(context, this.messages)
    this.upgrader = new ConnectionUpgrader(context, monitor)
    this.handshake = new Handshake(context, inbound, this.upgrader, monitor)
    this.#rotation = context.options.rotates === true ? new PeerRotation(context) : undefined
  }

  close(): void {
    this.#rotation?.close()
    this.handshake.close()
  }
}
