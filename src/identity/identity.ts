/** Who we are: a peer id that is the hash of a public key, and the key that proves it. */
import type { Id } from '../core/id.js'

/** What has to be kept to be the same peer again: plain strings, fit for a file and for `localStorage`. */
export interface Credentials {
  /** 40 hex characters: the first 20 bytes of SHA-256 over the public key. */
  peerId: string
  /** The Ed25519 private seed, base64url. Whoever has it is this peer. */
  secret: string
}

/** Where credentials are kept. `load` gives `undefined` when there are none yet, and rejects when what is there is no good. */
export interface CredentialStore {
  load(): Promise<Credentials | undefined>
  save(credentials: Credentials): Promise<void>
}

export interface Identity {
  readonly peerId: Id
  /** Absent where there is no WebCrypto (a page that is no secure context): ours, but unproven. */
  readonly key?: {
    readonly publicKey: Uint8Array<ArrayBuffer>
    readonly credentials: Credentials
    sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>
  }
}
