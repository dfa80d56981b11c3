/** The signatures of beacons. The core sends and takes beacons as if they were signed and verified at once; here both take their time. */
import type { Id } from '../core/id.js'
import type { Beacon, Island } from './core/wire/messages.js'
import type { PostSigner } from './post-signer.js'

export class BeaconSignatures {
  readonly #signer: PostSigner
  /** The last beacon of this member, which goes to several neighbours. */
  #own: { number: number; signature: Promise<Uint8Array> } | undefined

  constructor(signer: PostSigner) {
    this.#signer = signer
  }

  /** The beacon of this member with its signature. */
  async signed(beacon: Beacon): Promise<Beacon> {
    const { root, number } = beacon
    if (this.#own?.number !== number) this.#own = { number, signature: this.#signer.signBeacon(root, number) }
    return { ...beacon, signature: await this.#own.signature }
  }

  /** Whether a beacon may be shown to the core, which ignores those that say nothing new. Never rejects. */
  async isValid({ root, number, key, signature }: Beacon, island: Readonly<Island>, self: Id): Promise<boolean> {
    if (root === self) return true
    const isNews = root < island.root || (root === island.root && number > island.beacon)
    return !isNews || (await this.#signer.verifyBeacon(root, number, key, signature))
  }
}
