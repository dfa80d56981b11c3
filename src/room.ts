/** The public entry point for rooms: messages between the users of one application name, compatible with the npm package `p2pt`. */
export { P2PT } from './p2pt/p2pt.js'
export type { P2PTEvents, P2PTTracker, P2PTTrackerStats } from './p2pt/p2pt-events.js'
export type { P2PTOptions } from './p2pt/p2pt-options.js'
export type { P2PTAnswer, P2PTPeer } from './p2pt/p2pt-peer.js'
export type { P2PTMessage } from './p2pt/room-messenger.js'
export type { P2PTPeers } from './p2pt/p2pt-peers.js'
