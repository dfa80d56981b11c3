/** The identity of this client: a peer id, which is the hash of a public key, and the key that proves it. */
import type { Bytes } from '../core/bytes.js'
import type { Id } from '../core/id.js'

/** Store these to be the same peer in the next session: two strings, for a file or `localStorage`. */
export interface Credentials {
  /** 40 hex characters: the first 20 bytes of SHA-256 over the public key. */
  peerId: string
  /** The Ed25519 private seed, base64url. Keep it secret: with it, a program can act as this peer. */
  secret: string
}

/** Stores credentials. `load` resolves to `undefined` if there are none yet, and rejects if they cannot be used. */
export interface CredentialStore {
  /** Resolves with what was saved last. */
  load(): Promise<Credentials | undefined>
  /** Keeps the credentials; rejects when that failed. */
  save(credentials: Credentials): Promise<void>
}

export interface Identity {
  readonly peerId: Id
  /** Absent without WebCrypto (a page that is not a secure context): the peer id is then unverified. */
  readonly key?: {
    readonly publicKey: Bytes
    readonly credentials: Credentials
    sign(message: Bytes): Promise<Bytes>
  }
}
