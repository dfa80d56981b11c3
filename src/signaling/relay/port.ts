/** What the relay needs of a connection; it knows nothing else about it. */
import type { Id } from '../../core/id.js'

/** A connected peer of ours that passes messages on. Handed in by whoever holds the connection. */
export interface RelayPort {
  /** Its announce id. */
  readonly remote: Id
  /** False when it did not leave: the connection is closed, or too much waits there already. */
  send(message: Uint8Array): boolean
}
