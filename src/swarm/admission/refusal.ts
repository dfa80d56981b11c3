/** The typed errors that end a handshake early. */

export type RefusalReason =
  /** This client's own offer came back. */
  | 'self'
  | 'paused'
  | 'connected'
  | 'connecting'
  /** Both peers dialled at once, and the other connection stays. */
  | 'glare'
  /** A connection to this peer failed a moment ago, or the application turned the peer away. */
  | 'seen'
  | 'full'
  | 'unknown-offer'
  /** Too many offers are being answered. */
  | 'busy'
  /** The client has no connection left. */
  | 'budget'
  /** `verify` or `requireIdentity` turned the peer away. */
  | 'rejected'

export class HandshakeRefused extends Error {
  override readonly name = 'HandshakeRefused'
  readonly reason: RefusalReason

  constructor(reason: RefusalReason) {
    super(`refused: ${reason}`)
    this.reason = reason
  }
}

/** The swarm closed, or a better connection to the same remote replaced this one: the handshake ends without a word. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned'
}
