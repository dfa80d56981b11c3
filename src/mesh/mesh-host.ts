/** What a `MeshNode` needs of the code around it, and tells it: the mesh of an application, or a test. */
import type { Message } from '../channel/messages/messenger.js'
import type { Env } from '../core/env.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { Room } from '../room/room.js'
import type { Runtime } from '../swarm/runtime.js'
import type { DeliveredPost } from './core/effects.js'
import type { LossReason } from './core/wire/messages.js'
import type { MeshSettings } from './mesh-options.js'

export interface MeshHost {
  delivered(post: DeliveredPost): void
  /** A message of the application of this neighbour. */
  direct(from: Id, data: Message): void
  connected(peerId: Id): void
  disconnected(peerId: Id, reason: LossReason): void
  /** The mesh has so many members now, as far as they are counted. */
  counted(size: number): void
  /** A connection to this member did not open in time. */
  timedOut(id: Id): void
  reached(topic: string, sequence: number, members: number): void
  warn(error: SwarmlinkError): void
}

export interface MeshNodeDeps {
  env: Env
  runtime: Runtime
  room: Pick<Room, 'join' | 'leave' | 'trackers'>
  topic: Id
  settings: MeshSettings
  host: MeshHost
}
