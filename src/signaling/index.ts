/** Buses that signalling travels on, for rooms, calls and swarms that are to meet without a tracker. */
export type { Driver, DriverHandler, DriverWatcher, WatchedDriver } from './pubsub/driver.js'
export { MemoryDriver } from './pubsub/memory.js'
export { BroadcastChannelDriver } from './pubsub/broadcast-channel.js'
export {
  WebSocketDriver,
  type DriverDropReason,
  type WebSocketDriverOptions,
  type WebSocketDriverStatus,
} from './pubsub/websocket.js'
export {
  PubSubSignaling,
  type PubSubDropReason,
  type PubSubSignalingEvents,
  type PubSubSignalingOptions,
  type PubSubStatus,
} from './pubsub/pubsub-signaling.js'
export type * from './signaling.js'
