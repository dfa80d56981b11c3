/** Rooms: an application's name in, messages out, wire-compatible with the published `p2pt` package. */
export { P2PT, type P2PTEvents, type P2PTTracker, type P2PTTrackerStats } from './p2pt.js'
export type { P2PTOptions } from './p2pt-options.js'
export type { P2PTAnswer, P2PTPeer } from './p2pt-peer.js'
export type { P2PTMessage } from './p2pt-link.js'
export type { P2PTPeers } from './p2pt-peers.js'
