/** Everybody who takes part in a simulation: who is alone since when, and into how many pieces the swarm fell. Only looks. */
import type { Id } from '../../src/core/id.js'
import type { Node } from '../unit/swarm/world.js'

interface Member {
  readonly node: Node
  readonly joinedAt: number
  /** Connections that are open, as it sees it. */
  peers: number
  /** How many it ever had, and who was the first and when. */
  met: number
  first: Id
  metAt: number
  aloneSince: number | undefined
}

/** Somebody lost its last peer. */
export interface Spell {
  /** For how long it had none, in milliseconds; counted from {@link Company.judge} on. */
  alone: number
  /** How many it had had until then, and how long ago the first came. */
  met: number
  present: number
  /** The one that it had was gone before it could introduce it to others: nobody knows of it. */
  orphan: boolean
}

/** Whoever came later has not had the time to meet anybody: when it is counted is chance. */
const SETTLING = 1_000

/** Whom somebody knows introduces it to others within this time. */
const INTRODUCTION = 2_000

/** Who had none to talk to. */
export interface Loneliness {
  /** Members who have not met anybody in all the time that they had, and those who lost whom they had met. */
  strangers: number
  lonely: number
  /** For how long the one that is alone the longest of those who had a peer, in milliseconds. */
  longest: number
}

export class Company {
  readonly #now: () => number
  readonly #members = new Map<Node, Member>()
  /** When each of those who went did. */
  readonly #left = new Map<Id, number>()
  readonly #spells: Spell[] = []
  #judgedSince = Number.POSITIVE_INFINITY

  constructor(now: () => number) {
    this.#now = now
  }

  /** Those who have met somebody. */
  get members(): Node[] {
    return [...this.#members.values()].flatMap(({ met, node }) => (met > 0 ? [node] : []))
  }

  /** From now on it counts how long somebody is alone. */
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

  /** Everybody who was alone since judging began, or is. */
  spells(): Spell[] {
    return [...this.#spells, ...[...this.#members.values()].flatMap(member => this.#spell(member) ?? [])]
  }

  /**
   * How many connections both ends hold, and the sizes of the pieces, largest first. Who has not met anybody is in none: nobody in the
   * swarm knows of it. Nor is who has just come.
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
