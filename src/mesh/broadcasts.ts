/** The broadcasts of this member: signed and sent one after the other, and followed until the others have confirmed them. */
import { backoff } from '../core/backoff.js'
import { type Env, sleep, untilAborted } from '../core/env.js'
import { misuse, SwarmlinkError } from '../core/errors.js'
import { MAX_FEEDS_OF_SENDER } from './core/posts/feed-table.js'
import type { PublishOptions } from './core/posts/own-posts.js'
import { type BroadcastReceipt, left } from './mesh-events.js'
import type { MeshNode } from './mesh-node.js'

/** Broadcasts that wait to be signed and sent, and their bytes. */
const MAX_WAITING = 16_384
const MAX_WAITING_BYTES = 64 * 1024 * 1024

/** Between two announcements of a broadcast with `confirm`, unless `retryInterval` is longer. In ms. */
const LONGEST_GAP = 60_000

export interface BroadcastsDeps {
  env: Env
  node: MeshNode
  retryInterval: number
  maxRetries: number
  /** Aborts when the mesh is left. */
  signal: AbortSignal
}

/** A broadcast whose confirmations are awaited. */
interface Pending {
  reached: number
  /** All have confirmed it, or the mesh is left. */
  readonly ended: AbortController
}

export class Broadcasts {
  readonly #deps: BroadcastsDeps
  /** By topic and sequence. */
  readonly #pending = new Map<string, Pending>()
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #waitingBytes = 0
  /** Other members take no more topics of one member. */
  readonly #topics = new Set<string>()

  constructor(deps: BroadcastsDeps) {
    this.#deps = deps
    deps.signal.addEventListener('abort', () => {
      for (const { ended } of this.#pending.values()) ended.abort()
    })
  }

  /** Resolves when the neighbours took it, or with `confirm` when all members have it or do not answer. */
  async send(topic: string, payload: Uint8Array, options: PublishOptions): Promise<BroadcastReceipt> {
    const { node, signal } = this.#deps
    if (this.#waiting >= MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES)
      throw new SwarmlinkError('ERR_QUEUE_FULL', `${this.#waiting} broadcasts wait to be sent: await sendBroadcast()`)
    if (this.#topics.size >= MAX_FEEDS_OF_SENDER && !this.#topics.has(topic))
      throw misuse(`this member has used ${MAX_FEEDS_OF_SENDER} topics, which is the limit: tell messages apart by their content`)
    this.#topics.add(topic)
    this.#waiting++
    this.#waitingBytes += payload.length
    // One after the other: a broadcast that cannot be signed must not leave a gap in the numbers.
    const published = this.#last.then(() => untilAborted(this.#publish(topic, payload, options), signal, left))
    this.#last = published.catch(() => {})
    try {
      const sequence = await published
      const settled = options.confirm === true ? this.#settled(topic, sequence) : undefined
      await node.edges.drain()
      return { sequence, ...((await settled) ?? { reached: 0, of: node.others }) }
    } finally {
      this.#waiting--
      this.#waitingBytes -= payload.length
    }
  }

  /** Waits for the neighbours, so that they get a burst from this member, not from what it keeps of the burst. */
  async #publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<number> {
    const { node } = this.#deps
    await node.edges.drain()
    return await node.publish(topic, payload, options)
  }

  /** So many members confirmed a broadcast. */
  reached(topic: string, sequence: number, members: number): void {
    const pending = this.#pending.get(keyOf(topic, sequence))
    if (pending === undefined) return
    pending.reached = members
    if (members >= this.#deps.node.others) pending.ended.abort()
  }

  /** The members that confirmed the broadcast in the end, and those that were there at that moment. */
  async #settled(topic: string, sequence: number): Promise<Pick<BroadcastReceipt, 'reached' | 'of'>> {
    const { env, node, retryInterval, maxRetries, signal } = this.#deps
    const key = keyOf(topic, sequence)
    const pending: Pending = { reached: 0, ended: new AbortController() }
    this.#pending.set(key, pending)
    if (signal.aborted) pending.ended.abort()
    // A member without others has none to wait for, and those that left meanwhile are not waited for.
    const isMissing = () => pending.reached < node.others
    const gaps = { first: retryInterval, factor: 2, max: Math.max(retryInterval, LONGEST_GAP) }
    for (let i = 0; i <= maxRetries && isMissing() && (await sleep(env, backoff(gaps, i), pending.ended.signal)); i++)
      if (i < maxRetries) node.remind(topic, sequence)
    this.#pending.delete(key)
    const { reached } = pending
    return { reached, of: Math.max(node.others, reached) } // confirmations can come before the count
  }
}

function keyOf(topic: string, sequence: number): string {
  return `${sequence} ${topic}`
}
