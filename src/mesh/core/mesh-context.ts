/** What all parts of the core share: options, effects, the open edges, the time of the current event, counters. */
import type { Id } from '../../core/id.js'
import type { MeshCoreOptions, MeshEffects } from './effects.js'
import type { Island, MeshMessage } from './wire/messages.js'
import type { Neighbour } from './neighbour.js'
import { positionOf } from './membership/position.js'
import type { Misconduct } from './score.js'

/** Totals since the start of the node. */
export interface MeshCounts {
  delivered: number
  duplicates: number
  grafts: number
  prunes: number
  repaired: number
  gaps: number
  forged: number
  malformed: number
  overRate: number
  withheld: number
  refusedFeeds: number
}

export class MeshContext {
  readonly options: MeshCoreOptions
  readonly effects: MeshEffects
  readonly position: number
  readonly neighbours = new Map<Id, Neighbour>()
  /** The time of the event that is being handled, in ms. */
  now = 0
  /** Written by `IslandTree`. */
  island: Island
  /** Written by `CatchingUp`. */
  isCaughtUp = false
  /** Posts from before this node joined that are wanted of each sender, by topic. */
  readonly history = new Map<string, number>()
  /** Members of the island, as the last beacon counted them. */
  size = 1
  readonly counts: MeshCounts = {
    delivered: 0,
    duplicates: 0,
    grafts: 0,
    prunes: 0,
    repaired: 0,
    gaps: 0,
    forged: 0,
    malformed: 0,
    overRate: 0,
    withheld: 0,
    refusedFeeds: 0,
  }
  /** Set by `MeshCore`: closes the edge of a neighbour whose score is too low. */
  expel: (neighbour: Neighbour) => void = () => {}

  constructor(options: MeshCoreOptions, effects: MeshEffects) {
    this.options = options
    this.effects = effects
    this.position = positionOf(options.id)
    this.island = { root: options.id, beacon: 0 }
  }

  get id(): Id {
    return this.options.id
  }

  send(to: Neighbour, message: MeshMessage): void {
    this.effects.send(to.id, message)
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return Math.floor(this.options.random() * bound)
  }

  /** A random element; `undefined` for an empty list. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)]
  }

  /** Edges, without those to silent neighbours: a node whose neighbours have all fallen silent is alone. */
  get edges(): number {
    let edges = 0
    for (const { state } of this.neighbours.values()) if (state !== 'suspect') edges++
    return edges
  }

  /** The neighbours that answer, except `without`. */
  live(without?: Neighbour): Neighbour[] {
    const live: Neighbour[] = []
    for (const neighbour of this.neighbours.values()) if (neighbour.isLive && neighbour !== without) live.push(neighbour)
    return live
  }

  penalise(neighbour: Neighbour, cause: Misconduct): void {
    if (cause !== 'brokenPromise') this.counts[cause]++
    if (neighbour.score.lower(cause, this.now)) this.expel(neighbour)
  }
}
