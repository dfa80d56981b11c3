/** Evicts a useless peer in a small swarm: two or three peers with all or none of the file would fill each other's slots for ever. */
import type { Timer } from '../../core/env.js'
import type { TopicPeer } from '../../peer/topic-peer.js'
import type { SwarmContext } from '../swarm-context.js'

/** With at most this many slots, a small group may fill each other's slots. Larger groups hardly form. */
const FEW = 4
/** How long nothing may be transferred before a peer is evicted, in milliseconds: once to twice the first gap. It doubles while evictions do not help. */
const GAP = { first: 5_000, max: 60_000 }

export class PeerRotation {
  readonly #context: SwarmContext
  #gap = GAP.first
  #moved = 0
  #known = new Set<TopicPeer>()
  #timer: Timer | undefined

  constructor(context: SwarmContext) {
    this.#context = context
    if (context.options.limits.maxPeers <= FEW) this.#wait()
  }

  close(): void {
    this.#timer?.cancel()
  }

  #wait(): void {
    this.#timer = this.#context.runtime.env.timer(this.#gap, () => {
      this.#look()
      this.#wait()
    })
  }

  #look(): void {
    const { scheduler, policy, options, runtime } = this.#context
    const { others, incomplete } = scheduler.census()
    const { uploaded, downloaded, left } = options.progress()
    const idle = uploaded + downloaded === this.#moved
    this.#moved = uploaded + downloaded
    const present = others > options.limits.maxPeers ? policy.exchangeable : []
    const useless = idle && (left > 0 || incomplete > 0) ? present.filter(peer => this.#known.has(peer)) : []
    this.#known = new Set(present)
    if (!idle) this.#gap = GAP.first
    const peer = useless[Math.floor(runtime.env.random() * useless.length)]
    if (peer === undefined) return
    this.#gap = Math.min(2 * this.#gap, GAP.max)
    this.#context.avoid(peer)
    peer.destroy()
  }
}
