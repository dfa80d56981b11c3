/** Hands each message of a neighbour to the part of the core that it is for. */
import type { ChunkTransfers } from './recovery/chunk-transfers.js'
import type { Dissemination } from './posts/dissemination.js'
import type { Edges } from './membership/edges.js'
import type { FeedTable } from './posts/feed-table.js'
import type { IslandTree } from './island/island-tree.js'
import type { Liveness } from './membership/liveness.js'
import type { Membership } from './membership/membership.js'
import type { MeshMessage, Taken, Want } from './wire/messages.js'
import type { Neighbour } from './neighbour.js'
import type { Receipts } from './recovery/receipts.js'
import type { Reconciliation } from './recovery/reconciliation.js'

export interface CoreParts {
  feeds: FeedTable
  dissemination: Dissemination
  reconciliation: Reconciliation
  chunks: ChunkTransfers
  receipts: Receipts
  island: IslandTree
  liveness: Liveness
  edges: Edges
  membership: Membership
}

export function dispatch(parts: CoreParts, from: Neighbour, message: MeshMessage): void {
  const { feeds, dissemination, reconciliation, chunks, receipts, island, liveness, edges, membership } = parts
  switch (message.type) {
    case 'gossip':
      return dissemination.gossip(from, message)
    case 'announce':
      return dissemination.announced(from, message)
    case 'graft':
      return dissemination.grafted(from, message)
    case 'prune':
      return dissemination.pruned(from, message)
    case 'open-feed':
      return feeds.open(from, message)
    case 'vector':
      return reconciliation.vector(from, message)
    case 'want':
      return wanted(parts, from, message)
    case 'beacon':
      return island.beacon(from, message)
    case 'beacon-count':
      return island.count(from, message)
    case 'branch':
      return island.branch(from)
    case 'cut-branch':
      return island.cut(from)
    case 'ping':
    case 'pong':
      return liveness.ping(from, message)
    case 'hello':
      return edges.met(from, message)
    case 'neighbours':
      return membership.changed(from, message)
    case 'seek':
    case 'found':
    case 'knock':
    case 'knock-answer':
      return membership.relayed(from, message)
    case 'splice':
      return membership.admission.splice(from, message.newcomer)
    case 'bye':
      return edges.forget(from, message.reason)
    case 'chunk':
      return chunks.chunk(from, message)
    case 'taken':
      return taken(parts, from, message)
    case 'receipt':
      return receipts.receipt(from, message)
  }
}

function taken({ feeds, dissemination }: CoreParts, from: Neighbour, message: Taken): void {
  const feed = feeds.at(message.yourAlias)
  if (feed !== undefined) dissemination.trees.pacing.taken(feed, from, message)
}

function wanted({ feeds, reconciliation, chunks }: CoreParts, from: Neighbour, want: Want): void {
  const feed = feeds.at(want.yourAlias)
  if (want.chunk === 0) reconciliation.wanted(from, want)
  else if (feed !== undefined) chunks.serve(feed, want.first, from, want.chunk - 1)
}
