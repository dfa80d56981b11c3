/** The connection policy of a mesh: the core decides which members this one is connected to, the swarm connects them. */
import { fromBase64Url, toBase64Url } from '../core/bytes.js'
import { BoundedMap } from '../core/bounded-map.js'
import type { Env, Timer } from '../core/env.js'
import type { Id } from '../core/id.js'
import type { Role } from '../peer/negotiation.js'
import type { TopicPeer } from '../peer/topic-peer.js'
import type { ConnectionPolicy } from '../swarm/admission/connection-policy.js'
import { decodeMessage } from './core/wire/decode-message.js'
import { encodeMessage } from './core/wire/encode-message.js'
import type { MeshCore } from './core/mesh-core.js'
import type { KnockAnswer } from './core/wire/messages.js'
import type { CoreLoop } from './core-loop.js'

/** Members that one request is shown to, at most. */
export const SHOWN = 3
/** How long the swarm tries to connect to a member. */
const DIAL_TIMEOUT = 10_000
const MAX_ANSWERS = 64

export class MeshPolicy implements ConnectionPolicy {
  exchanges = false
  readonly mayEvict = false
  readonly over = false
  readonly full = true
  readonly exchangeable: TopicPeer[] = []
  readonly #env: Env
  readonly #core: MeshCore
  readonly #loop: CoreLoop
  /** A member did not connect in time. */
  readonly #late: (id: Id) => void
  /** Members that trackers and drivers have yet to show the request to. */
  #toShow = 0
  /** Members that the core wants to be connected to, and the timer that gives each of them up. */
  readonly #wanted = new Map<Id, Timer>()
  /** What this member answered to requests, for its descriptions. */
  readonly #answers = new BoundedMap<Id, KnockAnswer>(MAX_ANSWERS)

  constructor(env: Env, core: MeshCore, loop: CoreLoop, late: (id: Id) => void) {
    this.#env = env
    this.#core = core
    this.#loop = loop
    this.#late = late
  }

  /** The request is to be shown to some members: by the next announcements, whenever a tracker takes them. */
  show(): void {
    this.#toShow = Math.min(SHOWN, Math.max(1, this.#core.room))
  }

  /** The core wants a connection to this member. */
  want(id: Id): void {
    this.settled(id)
    const timer = this.#env.timer(DIAL_TIMEOUT, () => {
      this.#wanted.delete(id)
      this.#late(id)
    })
    this.#wanted.set(id, timer)
  }

  wants(id: Id): boolean {
    return this.#wanted.has(id)
  }

  /** It is connected, or could not be. */
  settled(id: Id): void {
    this.#wanted.get(id)?.cancel()
    this.#wanted.delete(id)
  }

  close(): void {
    for (const id of this.#wanted.keys()) this.settled(id)
    this.#toShow = 0
  }

  get sought(): number {
    return this.#toShow
  }

  get left(): number {
    return this.sought + this.#wanted.size
  }

  dials(remote: Id): boolean {
    return this.wants(remote) || this.#toShow > 0
  }

  acceptsOffer(): boolean {
    return true // see `agrees`
  }

  acceptsAnswer(): boolean {
    return true
  }

  /** Counts the requests that are shown: each offer to a member that the core did not choose carries one. */
  note(role: Role, to: Id | undefined): string | undefined {
    if (role === 'answerer') {
      const answer = to === undefined ? undefined : this.#answers.get(to)
      return answer && toBase64Url(encodeMessage(answer))
    }
    if ((to === undefined || !this.wants(to)) && this.#toShow > 0) this.#toShow--
    const { request } = this.#core
    return toBase64Url(encodeMessage({ type: 'knock', ...request, target: undefined, route: [], steps: 0, trail: [] }))
  }

  agrees(remote: Id, role: Role, note: string | undefined): boolean {
    if (this.wants(remote) || this.#core.expects(remote)) return true
    const message = decodeMessage(fromBase64Url(note ?? '') ?? new Uint8Array())
    if (role === 'answerer') {
      if (message?.type !== 'knock') return false
      const answer = this.#loop.ask((core, now) => core.admits(now, { ...message, origin: remote }))
      if (answer.accepted) this.#answers.set(remote, answer)
      return answer.accepted
    }
    if (message?.type !== 'knock-answer') return false
    this.#loop.run((core, now) => core.introduced(now, { ...message, target: remote }))
    return this.wants(remote)
  }

  /** A member that is connected for another topic may be a neighbour here. */
  invites(remote?: Id): boolean {
    if (this.#core.room > 0) return true
    return remote === undefined ? this.#wanted.size > 0 : this.wants(remote) || this.#core.expects(remote)
  }

  invite(): void {}
  answered(): void {}
  refused(): void {}
  counted(): void {}

  evicts(): undefined {
    return undefined
  }
}
