/** The public entry point for meshes: broadcasts that reach all members, each of which is connected to a few others. */
export { createMesh } from './create-mesh.js'
export { type Mesh } from './mesh.js'
export type { LossReason } from './core/wire/messages.js'
export type { MeshCrypto, MeshOptions, MeshTransport } from './mesh-options.js'
export type {
  BroadcastOptions,
  MeshEvents,
  ReceivedMessage,
  MeshStats,
  NeighbourStats,
  BroadcastReceipt,
  SubscribeOptions,
} from './mesh-events.js'
