/** Which edges a node needs for what: ring edges by position, and the edge that it can give up best. Pure functions over the open edges. */
import type { Id } from '../../../core/id.js'
import type { Contact, Neighbour } from '../neighbour.js'
import { clockwise, RING, ringDistance } from './position.js'

/** The next node on each side. Both are the same when there is one. */
export interface RingSides<Node> {
  successor: Node | undefined
  predecessor: Node | undefined
}

/** The nearest of these nodes on both sides of a position. */
export function ringSides<Node extends { position: number }>(position: number, nodes: Iterable<Node>): RingSides<Node> {
  let [successor, predecessor]: [Node?, Node?] = []
  let [ahead, behind] = [RING, RING]
  for (const node of nodes) {
    const way = clockwise(position, node.position)
    if (way < ahead) {
      ahead = way
      successor = node
    }
    if (RING - way < behind) {
      behind = RING - way
      predecessor = node
    }
  }
  return { successor, predecessor }
}

/** Whether the node would be nearer than the present neighbour of its side. */
export function improvesRing(position: number, sides: RingSides<{ position: number }>, node: number): boolean {
  const way = clockwise(position, node)
  const { successor, predecessor } = sides
  return (
    successor === undefined ||
    predecessor === undefined ||
    way < clockwise(position, successor.position) ||
    RING - way < RING - clockwise(position, predecessor.position)
  )
}

/** Whether the edge is a ring edge for this node, or for its other end. */
function isRingEdge(id: Id, position: number, edges: Iterable<Neighbour>, edge: Neighbour): boolean {
  const { successor, predecessor } = ringSides(position, edges)
  if (edge === successor || edge === predecessor) return true
  const theirs = ringSides<Contact>(edge.position, edge.contacts)
  return edge.contacts.length === 0 || theirs.successor?.id === id || theirs.predecessor?.id === id
}

/** Random edges that a node never gives up. */
const LEAST_RANDOM = 1

/**
 * The edge that is given up best: a silent one, then the one whose other end has most edges, then the shortest by ring distance. Ring edges of
 * either end and the last random edge stay.
 */
export function victim(
  id: Id,
  position: number,
  edges: readonly Neighbour[],
  isAllowed: (edge: Neighbour) => boolean,
): Neighbour | undefined {
  const met = edges.filter(({ state }) => state !== 'opening')
  const silent = edges.find(({ state }) => state === 'suspect')
  if (silent !== undefined) return silent
  const random = edges.filter(({ role }) => role !== 'long').length
  let best: Neighbour | undefined
  for (const edge of edges) {
    if (edge.state !== 'open' || edge.splicedFor !== undefined || !isAllowed(edge)) continue
    if (edge.role === 'random' && random <= LEAST_RANDOM) continue
    if (isRingEdge(id, position, met, edge)) continue
    if (best === undefined || isWorse(position, edge, best)) best = edge
  }
  return best
}

function isWorse(position: number, a: Neighbour, b: Neighbour): boolean {
  if (a.room !== b.room) return a.room < b.room
  if ((a.role === 'long') !== (b.role === 'long')) return b.role === 'long'
  return ringDistance(position, a.position) < ringDistance(position, b.position)
}
