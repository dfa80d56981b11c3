/** Opens and ends edges, and tells every part of the core of it. */
import type { Id } from '../../../core/id.js'
import type { ChunkTransfers } from '../recovery/chunk-transfers.js'
import type { MeshContext } from '../mesh-context.js'
import type { Dissemination } from '../posts/dissemination.js'
import type { FeedTable } from '../posts/feed-table.js'
import type { IslandTree } from '../island/island-tree.js'
import type { Liveness } from './liveness.js'
import type { Membership } from './membership.js'
import type { Bye, Hello, LossReason } from '../wire/messages.js'
import { Neighbour } from '../neighbour.js'
import { positionOf } from './position.js'
import type { Reconciliation } from '../recovery/reconciliation.js'
import { MAX_LISTED } from '../wire/wire-format.js'

export interface EdgesDeps {
  feeds: FeedTable
  dissemination: Dissemination
  reconciliation: Reconciliation
  chunks: ChunkTransfers
  island: IslandTree
  liveness: Liveness
  membership: Membership
}

export class Edges {
  readonly #context: MeshContext
  readonly #deps: EdgesDeps

  constructor(context: MeshContext, deps: EdgesDeps) {
    this.#context = context
    this.#deps = deps
  }

  /** A connection opened: the hello goes first. */
  opened(id: Id): void {
    const { neighbours, now, effects } = this.#context
    if (neighbours.has(id)) return
    if (this.#deps.membership.admission.isExpelled(id)) return effects.close(id, 'misbehaved')
    const { role, mine, instead } = this.#deps.membership.opened(id)
    const neighbour = new Neighbour(id, role, mine, now)
    neighbours.set(id, neighbour)
    this.#context.send(neighbour, this.#hello(neighbour))
    if (instead !== undefined && neighbours.get(instead.id) === instead) this.end(instead, 'evicted')
  }

  #hello({ role }: Neighbour): Hello {
    const { island, options, neighbours } = this.#context
    return {
      type: 'hello',
      island,
      depth: this.#deps.island.depth,
      caughtUp: this.#context.isCaughtUp,
      maxPeers: options.maxPeers,
      role,
      digest: this.#deps.feeds.digest,
      neighbours: [...neighbours.keys()].slice(-MAX_LISTED),
    }
  }

  /** The hello of the neighbour: from now on the edge is used. */
  met(from: Neighbour, { island, depth, caughtUp, maxPeers, digest, neighbours }: Hello): void {
    if (from.state !== 'opening') return this.#context.penalise(from, 'malformed')
    from.state = 'open'
    from.island = island
    from.depth = depth
    from.isCaughtUp = caughtUp
    from.wasOtherIsland = island.root !== this.#context.island.root
    from.maxPeers = maxPeers
    from.contacts = neighbours.map(id => ({ id, position: positionOf(id) }))
    this.#pushWaiting(from)
    this.#deps.island.met(from)
    this.#deps.reconciliation.met(from, digest)
    this.#deps.liveness.suspect(from) // the first ping measures the round trip
    this.#deps.membership.met(from)
  }

  /** Posts that came since this node said hello to it. */
  #pushWaiting(to: Neighbour): void {
    const { feeds, chunks } = this.#deps
    for (const { feed, gossip } of to.takeWaiting()) {
      if (feeds.at(gossip.alias) !== feed) continue // another feed has its alias now
      feeds.introduce(feed, to)
      this.#context.send(to, gossip)
      if (gossip.post.large) chunks.serve(feed, gossip.post.sequence, to, 0)
    }
  }

  /** The neighbour does not answer: it keeps its edge, but nothing depends on it. */
  silent(neighbour: Neighbour): void {
    this.#deps.island.forget(neighbour)
    this.#deps.feeds.forget(neighbour)
    this.#deps.dissemination.forget(neighbour)
    this.#deps.membership.silent()
  }

  /** Ends the edge from this side. */
  end(neighbour: Neighbour, reason: Bye['reason']): void {
    if (this.#context.neighbours.get(neighbour.id) !== neighbour) return
    // The application hears that the neighbour did not answer. For this node it is an eviction: another edge has its place, and nothing is to be repaired.
    const isSilent = reason === 'evicted' && neighbour.state === 'suspect'
    this.#context.send(neighbour, { type: 'bye', reason })
    this.#context.effects.close(neighbour.id, isSilent ? 'silent' : reason)
    if (reason === 'misbehaved') this.#deps.membership.admission.expel(neighbour.id)
    this.forget(neighbour, reason)
  }

  /** The edge has ended. */
  forget(neighbour: Neighbour, reason: LossReason): void {
    const { feeds, dissemination, reconciliation, chunks, island, membership } = this.#deps
    this.#context.neighbours.delete(neighbour.id)
    island.forget(neighbour)
    feeds.forget(neighbour)
    feeds.closed(neighbour)
    dissemination.forget(neighbour)
    chunks.stop(neighbour)
    reconciliation.forget(neighbour)
    membership.lost(neighbour, reason)
  }
}
