/**
 * The island that a node belongs to, and the tree of its beacons. The lowest id sends a numbered beacon every 10 s; each node forwards it over
 * the branches of the tree and counts who got it. So every node knows the size of the island, two islands see that they are two when they
 * meet, and a tree stands before the first post.
 */
import type { Id } from '../../../core/id.js'
import { IslandCount } from './island-count.js'
import type { MeshContext } from '../mesh-context.js'
import { MAX_DEPTH, type Beacon, type BeaconCount, type Ping } from '../wire/messages.js'
import type { Neighbour } from '../neighbour.js'
import { MAX_MEMBERS } from '../wire/wire-format.js'

/** In ms. */
const BEACON_EVERY = 10_000
/** A node without a neighbour for this time counts as the only one. In ms. */
const ALONE = 5_000
/** The first gaps, and those after a beacon whose size its count did not confirm: a growing mesh loses branches of its tree. */
const BEACON_SOON = 1_500
const GROWTH = 1.5
/** A node that found no lower id in this time since its start, or since a root fell silent, sends beacons itself. */
const CANDIDATE_AFTER = 3_000
/** Three beacons and a half: the root is gone. */
const ROOT_TIMEOUT = 35_000
/** A beacon that follows the one before in less than this time goes over all edges, and builds the tree anew. In ms. */
const REBUILD = 2_200
/** A neighbour that has a later beacon is asked for it when the beacon has not come in this time. In ms. */
const LATE = 1_500
/** A node waits for the counts behind it this long, less for each edge from the root. */
const COUNT_TIMEOUT = 1_300
const COUNT_TIMEOUT_STEP = 40
/** A count that comes after its node told its own is told with others that may follow. */
const LATE_COUNT = 100
/** Roots that fell silent and whose old beacons may still come. */
const MAX_DEAD = 16

export class IslandTree {
  readonly #context: MeshContext
  /** Asks a neighbour for its last beacon, among other things. */
  readonly #ping: (neighbour: Neighbour) => void
  /** The last beacon; `undefined` before the first one. */
  #beacon: Beacon | undefined
  #heardAt: number
  /** When this node had a neighbour last. */
  #metAt = Number.NEGATIVE_INFINITY
  #parent: Neighbour | undefined
  #depth = 0
  /** When the count of the last beacon is told, whether complete or not; infinite when it is. */
  dueAt = Number.POSITIVE_INFINITY
  /** A neighbour that has a later beacon, and since when that is known. */
  #ahead: { neighbour: Neighbour; since: number } | undefined
  #count = new IslandCount()
  /** Until the next beacon of this node, while it is the root. */
  #gap = BEACON_SOON
  /** The last number that this node sent a beacon with. */
  #own: number
  /** Numbers of the last beacons of roots that fell silent. */
  readonly #dead = new Map<Id, number>()
  /** When this node joined an island last. */
  mergedAt = Number.NEGATIVE_INFINITY

  constructor(context: MeshContext, ping: (neighbour: Neighbour) => void) {
    this.#context = context
    this.#ping = ping
    this.#heardAt = context.now
    this.#own = context.options.epoch
    context.island = { root: context.id, beacon: context.options.epoch }
  }

  get depth(): number {
    return this.#depth
  }

  get parent(): Neighbour | undefined {
    return this.#parent
  }

  get isRoot(): boolean {
    return this.#context.island.root === this.#context.id
  }

  /** The hello of a neighbour. Two islands are joined at once, and a node without a parent takes its first neighbour. */
  met(neighbour: Neighbour): void {
    if (!this.#context.options.mechanisms.beacons) {
      neighbour.branch = true
      return
    }
    const isOther = neighbour.island?.root !== this.#context.island.root
    if (isOther || (!this.isRoot && this.#parent === undefined)) this.#grow(neighbour)
  }

  /** Asks for the edge to become a branch; the answer is the last beacon. */
  #grow(neighbour: Neighbour): void {
    neighbour.branch = true
    this.#context.send(neighbour, { type: 'branch' })
    if (neighbour.island?.root !== this.#context.island.root) this.#pass(neighbour)
  }

  branch(from: Neighbour): void {
    from.branch = true
    this.#pass(from)
  }

  cut(from: Neighbour): void {
    from.branch = false
    if (from === this.#parent) this.#parent = undefined
    this.#reportIfComplete()
  }

  /** Takes a branch out of the tree that the beacon does not use. */
  prune(neighbour: Neighbour): void {
    if (neighbour === this.#parent || !this.#context.options.mechanisms.beacons) return
    if (neighbour.branch && neighbour.countedBeacon >= this.#context.island.beacon - 1) return // it is a child
    neighbour.branch = false // the neighbour sends over the branch even when this node has cut it already
    this.#context.send(neighbour, { type: 'cut-branch' })
  }

  beacon(from: Neighbour, beacon: Beacon): void {
    const { island, effects } = this.#context
    from.depth = beacon.depth
    from.island = { root: beacon.root, beacon: beacon.number }
    if (beacon.root > island.root) return this.#pass(from)
    if (beacon.root === island.root && beacon.number <= island.beacon) return this.#again(from, beacon)
    if ((this.#dead.get(beacon.root) ?? -1) >= beacon.number || beacon.root === this.#context.id) return
    if (!effects.verifyBeacon(beacon.root, beacon.number, beacon.key, beacon.signature))
      return this.#context.penalise(from, 'forged')
    if (beacon.root !== island.root) this.mergedAt = this.#context.now
    this.#take({ ...beacon, depth: Math.min(beacon.depth + 1, MAX_DEPTH) }, from)
  }

  /** A second copy: the edge closes a circle, unless this node has no parent. */
  #again(from: Neighbour, { number, depth }: Beacon): void {
    if (from === this.#parent) return
    const isCurrent = number === this.#context.island.beacon
    // Nodes behind this one are deeper. One of them as parent would make a circle without the root.
    if (isCurrent && this.#parent === undefined && !this.isRoot && depth < this.#depth) {
      this.#parent = from
      from.branch = true
      this.#depth = Math.min(depth + 1, MAX_DEPTH)
    } else {
      // The neighbour counts on this node even when it has cut the branch already.
      from.branch = false
      this.#context.send(from, { type: 'cut-branch' })
      this.#reportIfComplete()
    }
  }

  #take(beacon: Beacon, from: Neighbour | undefined): void {
    // The branches were those of another root, or of a mesh that has changed since: they need not reach all nodes any more.
    const isRebuilt = beacon.root !== this.#beacon?.root || this.#context.now - this.#heardAt < REBUILD
    this.#beacon = beacon
    this.#ahead = undefined
    this.#heardAt = this.#context.now
    this.#parent = from
    this.#depth = beacon.depth
    this.#context.island = { root: beacon.root, beacon: beacon.number }
    if (beacon.size > 0) this.#context.size = beacon.size
    if (from !== undefined) from.branch = true
    this.dueAt = this.#context.now + COUNT_TIMEOUT - COUNT_TIMEOUT_STEP * Math.min(this.#depth, 30)
    for (const neighbour of this.#context.live(from)) {
      if (isRebuilt) neighbour.branch = true
      if (neighbour.branch) this.#context.send(neighbour, beacon)
    }
    this.#reportIfComplete()
  }

  /** Shows a neighbour the last beacon. */
  #pass(to: Neighbour): void {
    if (this.#beacon !== undefined) this.#context.send(to, this.#beacon)
  }

  count(from: Neighbour, { number, count }: BeaconCount): void {
    const isLate = this.dueAt === Number.POSITIVE_INFINITY && number === this.#context.island.beacon
    from.countedBeacon = number
    from.counted = count
    if (isLate) this.dueAt = this.#context.now + LATE_COUNT
    else this.#reportIfComplete()
  }

  #reportIfComplete(): void {
    if (this.dueAt === Number.POSITIVE_INFINITY) return
    const { beacon } = this.#context.island
    for (const neighbour of this.#context.neighbours.values())
      if (neighbour.branch && neighbour.isLive && neighbour !== this.#parent && neighbour.countedBeacon < beacon) return
    this.#report()
  }

  #report(): void {
    this.dueAt = Number.POSITIVE_INFINITY
    const { beacon } = this.#context.island
    let count = 1
    for (const neighbour of this.#context.neighbours.values())
      if (neighbour.branch && neighbour !== this.#parent && neighbour.countedBeacon === beacon)
        count = Math.min(count + neighbour.counted, MAX_MEMBERS)
    if (this.isRoot) this.#context.size = this.#count.counted(count)
    else if (this.#parent !== undefined) this.#context.send(this.#parent, { type: 'beacon-count', number: beacon, count })
  }

  /** The neighbour told the low bits of its last beacon, and its depth. */
  heard(neighbour: Neighbour, { beacon: lowBits, depth }: Ping): void {
    const { now, island, options } = this.#context
    neighbour.depth = depth
    if (this.isRoot || !options.mechanisms.beacons) return
    const ahead = (lowBits - island.beacon) & 0xffff
    if (ahead === 0 || ahead >= 0x8000) return
    if (this.#parent === undefined) this.#grow(neighbour)
    else this.#ahead ??= { neighbour, since: now }
  }

  forget(neighbour: Neighbour): void {
    neighbour.branch = false
    if (neighbour === this.#parent) this.#parent = undefined
    this.#reportIfComplete()
  }

  /** Tells the count without those that did not answer. */
  wake(): void {
    if (this.dueAt <= this.#context.now) this.#report()
  }

  tick(): void {
    const { now, options, island } = this.#context
    if (!options.mechanisms.beacons) return
    if (this.#context.neighbours.size > 0) this.#metAt = now
    else if (now - this.#metAt > ALONE) this.#context.size = 1
    const silence = now - this.#heardAt
    if (this.isRoot) {
      if (this.#beacon !== undefined && this.#count.refutes(this.#beacon.size)) this.#gap = BEACON_SOON
      const wait = this.#beacon === undefined ? this.#candidacy : this.#gap
      if (silence >= wait && this.#context.neighbours.size > 0) this.#send()
    } else if (silence > ROOT_TIMEOUT) this.#bury(island.root)
    else if (this.#parent === undefined) this.#findParent()
    else if (this.#ahead !== undefined && now - this.#ahead.since > LATE) {
      const { neighbour } = this.#ahead
      this.#ahead = undefined
      if (this.#context.neighbours.get(neighbour.id) === neighbour) this.#grow(neighbour)
    }
  }

  /** The nearest neighbour to the root that is no nearer than this node's parent was. */
  #findParent(): void {
    let nearest: Neighbour | undefined
    for (const neighbour of this.#context.live()) {
      if (neighbour.island?.root === this.#context.island.root && neighbour.depth < (nearest?.depth ?? this.#depth))
        nearest = neighbour
    }
    if (nearest !== undefined) return this.#grow(nearest)
    // No node behind this one has a later beacon than this one: a neighbour that has one will do, see `heard`.
    for (const neighbour of this.#context.live()) this.#ping(neighbour)
  }

  #send(): void {
    const { id, options, effects, size, island } = this.#context
    const number = island.beacon + 1
    this.#own = number
    this.#count.begin()
    this.#gap = Math.min(BEACON_EVERY, this.#gap * GROWTH)
    const signature = effects.signBeacon(number)
    this.#take({ type: 'beacon', root: id, number, size, key: options.key, signature, depth: 0 }, undefined)
  }

  /** How long a node waits for a beacon before it sends one. The lowest among its neighbours is first, so that few beacons cross. */
  get #candidacy(): number {
    const { neighbours, id } = this.#context
    for (const neighbour of neighbours.keys()) if (neighbour < id) return 3 * CANDIDATE_AFTER
    return CANDIDATE_AFTER
  }

  /** The root is gone: every node is its own root until it hears from a lower one. */
  #bury(root: Id): void {
    this.#dead.set(root, this.#context.island.beacon)
    if (this.#dead.size > MAX_DEAD) for (const oldest of this.#dead.keys()) return this.#restart(oldest)
    this.#restart(undefined)
  }

  #restart(forgotten: Id | undefined): void {
    if (forgotten !== undefined) this.#dead.delete(forgotten)
    const { id, now } = this.#context
    // Numbers of this node only rise, also over the time that it was no root.
    this.#context.island = { root: id, beacon: this.#own + 1 }
    this.#beacon = undefined
    this.#parent = undefined
    this.#depth = 0
    this.#heardAt = now - CANDIDATE_AFTER * this.#context.options.random()
    this.#gap = BEACON_SOON
    this.#ahead = undefined
    this.#count = new IslandCount()
  }
}
