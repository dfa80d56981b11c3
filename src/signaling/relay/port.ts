/** What the relay needs of a connection; it knows nothing else about it. */
import type { Id } from '../../core/id.js'

/** A connected peer of ours that passes messages on. Handed in by whoever holds the connection. */
export interface RelayPort {
  /** Its announce id. */
  readonly remote: Id
  /** Whether it passes messages on, for others and to itself; undefined as long as it has not said so. */
  readonly exchanges: boolean | undefined
  /** False when it did not leave: the connection is closed, or too much waits there already. */
  send(message: Uint8Array): boolean
}
