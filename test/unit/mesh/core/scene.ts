/** One mesh core with neighbours that say what a test wants: what it delivers, sends and verifies is recorded. */
import { ALL_MECHANISMS, type DeliveredPost, type MeshEffects } from '../../../../src/mesh/core/effects.js'
import { MeshCore } from '../../../../src/mesh/core/mesh-core.js'
import type { Gossip, LossReason, MeshMessage, Post } from '../../../../src/mesh/core/wire/messages.js'

export const idOf = (number: number): string => number.toString(16).padStart(40, '0')
export const KEY = new Uint8Array(32)
export const VALID_SIGNATURE = new Uint8Array(64).fill(1)
const FORGED = new Uint8Array(64)

export function post(sequence: number, signature = VALID_SIGNATURE): Post {
  return {
    sequence,
    signature,
    payload: new Uint8Array(4),
    large: false,
    redundancy: 'tree',
    confirm: false,
    ownTree: true,
  }
}

export class Scene {
  readonly core: MeshCore
  readonly effects: MeshEffects
  readonly delivered: DeliveredPost[] = []
  readonly sent: Array<{ to: string; message: MeshMessage }> = []
  readonly closed: string[] = []
  /** Why each edge was closed. */
  readonly reasons = new Map<string, LossReason>()
  /** Neighbours that do not answer pings. */
  readonly frozen = new Set<string>()
  /** How often trackers and drivers were asked. */
  rendezvous = 0
  /** Answers the verification of a post; by default at once, by its signature. */
  verify: (post: Post, feed: { sender: string; key: Uint8Array }) => boolean | undefined = ({ signature }) => signature[0] === 1
  now = 0
  readonly #digest: number

  /** `digest`: what the neighbours say that they have; 0 is nothing. */
  constructor(neighbours: readonly string[], digest = 0, keep: { keepPosts?: number; keepBytes?: number } = {}) {
    this.#digest = digest
    this.effects = {
      send: (to, message) => this.sent.push({ to, message }),
      dial: () => {},
      close: (id, reason) => {
        this.closed.push(id)
        this.reasons.set(id, reason)
      },
      rendezvous: () => void this.rendezvous++,
      deliver: delivered => this.delivered.push(delivered),
      reached: () => {},
      verify: (feed, one) => this.verify(one, feed),
      verifyBeacon: () => true,
      signBeacon: () => VALID_SIGNATURE,
      hash: data => data,
    }
    const options = {
      id: 'f'.repeat(40),
      key: KEY,
      epoch: 1,
      maxPeers: 8,
      maxHops: 64,
      random: () => 0.5,
      keepPosts: 1_000,
      keepBytes: 1_000_000,
      ...keep,
      mechanisms: ALL_MECHANISMS,
    }
    this.core = new MeshCore(options, this.effects, 0)
    for (const id of neighbours) {
      this.core.opened(0, id)
      const island = { root: idOf(0), beacon: 1 }
      this.say(id, { type: 'hello', island, depth: 1, caughtUp: true, maxPeers: 8, role: 'random', digest, neighbours: [] })
    }
  }

  say(from: string, ...messages: MeshMessage[]): void {
    for (const message of messages) this.core.receive(this.now, from, message)
  }

  open(from: string, alias: number, sender: string, { epoch = 1, topic = 't', key = KEY } = {}): void {
    this.say(from, { type: 'open-feed', alias, sender, key, epoch, topic })
  }

  gossip(from: string, alias: number, sequence: number, more: Partial<Gossip> = {}): void {
    this.say(from, { type: 'gossip', alias, hops: 1, way: 'push', post: post(sequence), ...more })
  }

  forge(from: string, alias: number, sequence: number): void {
    this.gossip(from, alias, sequence, { post: post(sequence, FORGED) })
  }

  /** Lets time pass; neighbours answer pings after this latency. */
  run(ms: number, latency = 1): void {
    const until = this.now + ms
    const pings: Array<{ to: string; at: number }> = []
    for (;;) {
      for (const { to, message } of this.sent.splice(0))
        if (message.type === 'ping' && !this.frozen.has(to)) pings.push({ to, at: this.now + latency })
      const [first] = pings
      const next = Math.min(this.core.wakeAt, first?.at ?? Number.POSITIVE_INFINITY)
      if (next > until) break
      this.now = Math.max(this.now, next)
      if (first !== undefined && first.at <= this.now) {
        pings.shift()
        this.say(first.to, { type: 'pong', digest: this.#digest, beacon: 1, depth: 1, caughtUp: true })
      }
      this.core.wake(this.now)
    }
    this.now = until
  }

  /** Messages of a type that were sent to a neighbour since the last call of `run`. */
  said<Type extends MeshMessage['type']>(to: string, type: Type): Array<Extract<MeshMessage, { type: Type }>> {
    return this.sent.flatMap(({ to: receiver, message }) =>
      receiver === to && message.type === type ? [message as Extract<MeshMessage, { type: Type }>] : [],
    )
  }

  sequences(sender: string): number[] {
    return this.delivered.filter(({ from }) => from === sender).map(({ sequence }) => sequence)
  }
}
