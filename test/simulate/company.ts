/** Observes all members of a simulation: since when each one is alone, and into how many partitions the swarm has split. */
import type { Id } from '../../src/core/id.js'
import type { Node } from './world.js'

interface Member {
  readonly node: Node
  readonly joinedAt: number
  /** Open connections, as the member sees them. */
  peers: number
  /** Peers that it ever had, and who was the first and when. */
  met: number
  first: Id
  metAt: number
  aloneSince: number | undefined
}

/** A time in which a member had no peer after losing its last one. */
export interface Spell {
  /** How long it had no peer, in milliseconds, counted from {@link Company.judge} on. */
  alone: number
  /** Peers that it had had until then, and how long ago the first came. */
  met: number
  present: number
  /** Its only peer left before it could introduce the member to others: no member knows of it. */
  orphan: boolean
}

/** A member that joined later has not had the time to meet a peer, so counting it would be chance. */
const SETTLING = 1_000

/** A member introduces each peer that it knows to others within this time. */
const INTRODUCTION = 2_000

/** Members without a peer. */
export interface Loneliness {
  /** Settled members that have never met a peer, and members that lost all their peers. */
  strangers: number
  lonely: number
  /** How long the longest of the `lonely` members has been alone, in milliseconds. */
  longest: number
}

export class Company {
  readonly #now: () => number
  readonly #members = new Map<Node, Member>()
  /** When each departed member left. */
  readonly #left = new Map<Id, number>()
  readonly #spells: Spell[] = []
  #judgedSince = Number.POSITIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  /** Members that have met a peer. */
  get members(): Node[] {
    return [...this.#members.values()].flatMap(({ met, node }) => (met > 0 ? [node] : []))
  }

  /** Starts to count how long members are alone. */
  judge(): void {
    this.#judgedSince = this.#now()
  }

  join(node: Node): void {
    const member: Member = { node, joinedAt: this.#now(), peers: 0, met: 0, first: '', metAt: 0, aloneSince: undefined }
    this.#members.set(node, member)
    node.swarm.on('peer', ({ remote }) => {
      member.peers++
      if (member.met++ === 0) Object.assign(member, { first: remote.announceId, metAt: this.#now() })
      this.#accompanied(member)
    })
    node.swarm.on('lost', () => {
      if (--member.peers === 0 && this.#members.has(node)) member.aloneSince = this.#now()
    })
  }

  leave(node: Node): void {
    const member = this.#members.get(node)
    this.#members.delete(node)
    this.#left.set(node.announceId, this.#now())
    if (member !== undefined) this.#accompanied(member)
  }

  loneliness(): Loneliness {
    const members = [...this.#members.values()]
    const lonely = members.flatMap(({ aloneSince }) => aloneSince ?? [])
    return {
      strangers: members.filter(member => member.met === 0 && this.#isSettled(member)).length,
      lonely: lonely.length,
      longest: Math.max(0, ...lonely.map(since => this.#now() - since)),
    }
  }

  /** Times alone since `judge()`, past and present. */
  spells(): Spell[] {
    return [...this.#spells, ...[...this.#members.values()].flatMap(member => this.#spell(member) ?? [])]
  }

  /**
   * Connections that both ends hold, and the sizes of the partitions, largest first. Members that have never met a peer are in none,
   * because no member knows of them. Neither are members that have just joined.
   */
  pieces(): { links: number; sizes: number[] } {
    const byId = new Map<Id, Member>()
    for (const member of this.#members.values()) byId.set(member.node.announceId, member)
    const neighbours = new Map<Member, Set<Member>>()
    for (const member of byId.values()) {
      const peers = member.node.swarm.peers.flatMap(({ remote }) => byId.get(remote.announceId) ?? [])
      if (member.met > 0 && this.#isSettled(member)) neighbours.set(member, new Set(peers))
    }
    const holds = (member: Member, other: Member) => neighbours.get(member)?.has(other) === true
    let ends = 0
    const sizes: number[] = []
    const seen = new Set<Member>()
    for (const first of neighbours.keys()) {
      if (seen.has(first)) continue
      seen.add(first)
      const piece = [first]
      for (const member of piece)
        for (const other of neighbours.get(member) ?? []) {
          if (!holds(other, member)) continue
          ends++
          if (seen.has(other)) continue
          seen.add(other)
          piece.push(other)
        }
      sizes.push(piece.length)
    }
    return { links: ends / 2, sizes: sizes.toSorted((a, b) => b - a) }
  }

  #isSettled({ joinedAt }: Member): boolean {
    return this.#now() - joinedAt >= SETTLING
  }

  #accompanied(member: Member): void {
    const spell = this.#spell(member)
    member.aloneSince = undefined
    if (spell !== undefined) this.#spells.push(spell)
  }

  #spell({ aloneSince, met, first, metAt }: Member): Spell | undefined {
    const now = this.#now()
    if (aloneSince === undefined || now <= this.#judgedSince) return undefined
    const orphan = met === 1 && (this.#left.get(first) ?? now) - metAt < INTRODUCTION
    return { alone: now - Math.max(aloneSince, this.#judgedSince), met, present: aloneSince - metAt, orphan }
  }
}
