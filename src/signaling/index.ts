/** The public entry point for drivers and signallings: how rooms, calls and swarms find peers without a tracker. */
export type { Driver, DriverHandler, DriverWatcher, WatchedDriver } from './drivers/driver.js'
export { MemoryDriver } from './drivers/memory-driver.js'
export { BroadcastChannelDriver } from './drivers/broadcast-channel-driver.js'
export {
  WebSocketDriver,
  type DriverDropReason,
  type WebSocketDriverOptions,
  type WebSocketDriverStatus,
} from './drivers/websocket-driver.js'
export { PubSubSignaling } from './pubsub/pubsub-signaling.js'
export type {
  PubSubDropReason,
  PubSubSignalingEvents,
  PubSubSignalingOptions,
  PubSubStatus,
} from './pubsub/pubsub-signaling-types.js'
export type {
  Announcement,
  DirectSignaling,
  InboundCandidate,
  InboundDescription,
  InboundRefusal,
  OutboundAnswer,
  OutboundCandidate,
  OutboundDirectedOffer,
  OutboundOffer,
  OutboundRefusal,
  Signaling,
  SignalingListener,
  SignalingSource,
  SignalingStatus,
  SwarmCounts,
} from './signaling.js'
