/** Code needed only once peers connect: handshakes, sessions, messages. One lazy chunk, loaded when the first topic starts. */
export { explainNoPath } from '../peer/no-path.js'
export { ExchangeSignaling } from '../signaling/exchange/exchange-signaling.js'
export { InboundLimits } from './admission/inbound-limits.js'
export { Invitations } from './announce/invitations.js'
export { SwarmPeers } from './swarm-peers.js'
