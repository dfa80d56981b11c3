/** What a `MeshNode` tells the code around it: the mesh of an application, or a test. */
import type { Message } from '../channel/messages/messenger.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import type { DeliveredPost } from './core/effects.js'
import type { LossReason } from './core/messages.js'

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
