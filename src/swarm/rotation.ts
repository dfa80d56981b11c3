/**
 * Lets a peer go that is of no use, in a torrent's swarm with so few places that two or three peers fill each other's: pairs that both have
 * the whole file, or none of it, would keep to themselves for ever.
 */
import type { Env, Timer } from '../core/env.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { Coordinator } from './coordinator.js'
import type { Progress } from './swarm-options.js'

/** Groups of this many peers and one more may fill each other's places; larger groups hardly come about. */
const FEW = 4
/** How long nothing may move before a peer goes, in milliseconds: once to twice the first gap. It doubles as long as that helps no peer. */
const GAP = { first: 5_000, max: 60_000 }

export interface RotationParts {
  env: Env
  coordinator: Coordinator<unknown>
  maxPeers: number
  progress: () => Progress
  /** This one goes, and is not met again soon. */
  leave: (peer: TopicPeer) => void
}

export class Rotation {
  readonly #parts: RotationParts
  #gap = GAP.first
  #moved = 0
  #known = new Set<TopicPeer>()
  #timer: Timer | undefined

  constructor(parts: RotationParts) {
    this.#parts = parts
    if (parts.maxPeers <= FEW) this.#wait()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #wait(): void {
    this.#timer = this.#parts.env.timer(this.#gap, () => {
      this.#look()
      this.#wait()
    })
  }

  #look(): void {
    const { env, coordinator, maxPeers, progress, leave } = this.#parts
    const { others, incomplete } = coordinator.census()
    const { uploaded, downloaded, left } = progress()
    const idle = uploaded + downloaded === this.#moved
    this.#moved = uploaded + downloaded
    const present = others > maxPeers ? coordinator.places.exchangeable : []
    const useless = idle && (left > 0 || incomplete > 0) ? present.filter(peer => this.#known.has(peer)) : []
    this.#known = new Set(present)
    if (!idle) this.#gap = GAP.first
    const peer = useless[Math.floor(env.random() * useless.length)]
    if (peer === undefined) return
    this.#gap = Math.min(2 * this.#gap, GAP.max)
    leave(peer)
  }
}
