/** Checks the signatures of posts, and does not read a neighbour that sends them faster than they are checked. */
import type { Env, Timer } from '../core/env.js'
import type { CoreLoop } from './core-loop.js'
import type { MeshCore } from './core/mesh-core.js'
import type { OpenFeed, Post } from './core/wire/messages.js'
import { VERDICT_TIMEOUT } from './core/posts/verdicts.js'
import type { MeshEdge } from './mesh-edge.js'
import type { PostSigner } from './post-signer.js'

/** Posts of one neighbour that are being checked: it is not read above the first number, until the second. Below what the core takes. */
const MANY = 192
const FEW = 32

export class PostChecks {
  readonly #signer: PostSigner
  readonly #loop: CoreLoop
  readonly #core: MeshCore
  /** Neighbours that are not read. */
  readonly #paused = new Set<MeshEdge>()
  readonly #env: Env
  #timer: Timer | undefined

  constructor(env: Env, signer: PostSigner, loop: CoreLoop, core: MeshCore) {
    this.#env = env
    this.#signer = signer
    this.#loop = loop
    this.#core = core
  }

  /** Tells the core the verdict. Never rejects. */
  async verify({ sender, key, epoch, topic }: Omit<OpenFeed, 'type' | 'alias'>, post: Post): Promise<void> {
    const { sequence, payload, large, signature } = post
    const isValid = await this.#signer.verify({ sender, epoch, topic, sequence, payload, large }, key, signature)
    this.#loop.run((core, now) => core.verified(now, post, isValid))
    this.#lookAll()
  }

  /** A message of this neighbour was taken: stops reading it when too many of its posts are being checked. */
  look(edge: MeshEdge): void {
    if (this.#pending(edge) < MANY) return
    this.#paused.add(edge)
    edge.paused = true
    this.#lookLater()
  }

  forget(edge: MeshEdge): void {
    this.#paused.delete(edge)
    if (this.#paused.size === 0) this.#timer?.cancel()
  }

  #lookAll(): void {
    for (const edge of this.#paused) if (this.#pending(edge) <= FEW) this.#resume(edge)
  }

  /** The core drops posts whose verdict never comes. */
  #lookLater(): void {
    this.#timer?.cancel()
    this.#timer = this.#env.timer(VERDICT_TIMEOUT, () => {
      this.#lookAll()
      if (this.#paused.size > 0) this.#lookLater()
    })
  }

  #resume(edge: MeshEdge): void {
    this.#paused.delete(edge)
    edge.paused = false
  }

  #pending({ id }: MeshEdge): number {
    return this.#core.neighbours.get(id)?.unverified ?? 0
  }
}
