/** A tracker: shows a request for an edge to a few random members. It learns of a death late, as real ones do. */
import type { EdgeRequest, KnockAnswer } from '../../../src/mesh/core/wire/messages.js'
import type { Chance } from './chance.js'

/** Members that one request is shown to. */
const SHOWN = 3
/** In ms, between a node and the tracker. */
const LATENCY = 50
/** A tracker shows dead members for this time: the system closes the sockets of a process that is killed, but not those of a page. */
const STALE = 5_000

export interface TrackerHost {
  now(): number
  at(time: number, callback: () => void): void
  /** `undefined` when the node is dead. */
  admits(node: number, request: EdgeRequest): KnockAnswer | undefined
  introduced(node: number, answer: KnockAnswer): void
}

export class SimulatedTracker {
  readonly #host: TrackerHost
  readonly #chance: Chance
  readonly #members: number[] = []
  readonly #places = new Map<number, number>()
  isUp = true
  requests = 0
  /** Nodes of different groups do not see each other, as behind two trackers. */
  groupOf: (node: number) => number = () => 0

  constructor(host: TrackerHost, chance: Chance) {
    this.#host = host
    this.#chance = chance
  }

  ask(node: number, request: EdgeRequest): void {
    this.requests++
    if (!this.isUp) return
    this.#host.at(this.#host.now() + LATENCY, () => this.#show(node, request))
  }

  #show(node: number, request: EdgeRequest): void {
    if (!this.isUp) return
    const shown = new Set<number>()
    for (let tries = 0; tries < 4 * SHOWN && shown.size < SHOWN; tries++) {
      const member = this.#members[this.#chance.below(this.#members.length)]
      if (member !== undefined && member !== node && this.groupOf(member) === this.groupOf(node)) shown.add(member)
    }
    this.#join(node)
    for (const member of shown) this.#host.at(this.#host.now() + LATENCY, () => this.#offer(node, member, request))
  }

  #offer(node: number, member: number, request: EdgeRequest): void {
    const answer = this.#host.admits(member, request)
    if (answer?.accepted === true) this.#host.at(this.#host.now() + 2 * LATENCY, () => this.#host.introduced(node, answer))
  }

  #join(node: number): void {
    if (this.#places.has(node)) return
    this.#places.set(node, this.#members.length)
    this.#members.push(node)
  }

  left(node: number): void {
    this.#host.at(this.#host.now() + STALE, () => {
      const place = this.#places.get(node)
      if (place === undefined) return // it has never asked
      this.#places.delete(node)
      const last = this.#members.pop()
      if (last === undefined || last === node) return
      this.#members[place] = last
      this.#places.set(last, place)
    })
  }
}
