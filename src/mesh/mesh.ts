/** The public API of a mesh. */
import { claimed } from '../channel/messages/claimed-type.js'
import type { Form } from '../channel/messages/frame-codec.js'
import { decode, encode } from '../channel/messages/message-codec.js'
import type { Message, Sendable } from '../channel/messages/messenger.js'
import { checkFlag, checkNames, checkNumber, checkText, invalid } from '../core/arguments.js'
import { concatBytes, utf8 } from '../core/bytes.js'
import { Emitter } from '../core/emitter.js'
import { systemEnv } from '../core/env.js'
import { asError, misuse, type SwarmlinkError, tooLarge } from '../core/errors.js'
import { QuietPromise } from '../core/quiet-promise.js'
import { callSafely } from '../core/uncaught.js'
import type { Room } from '../room/room.js'
import { type RuntimeHolder, RUNTIME, type SharedRuntime } from '../swarm/shared-runtime.js'
import { Broadcasts } from './broadcasts.js'
import type { DeliveredPost } from './core/effects.js'
import type { Redundancy } from './core/wire/messages.js'
import { MAX_TOPIC } from './core/wire/wire-format.js'
import {
  type BroadcastOptions,
  type BroadcastReceipt,
  left,
  type MeshEvents,
  type MeshStats,
  type ReceivedMessage,
  type SubscribeOptions,
} from './mesh-events.js'
import { MeshNode } from './mesh-node.js'
import type { MeshSettings } from './mesh-options.js'
import { meshTopic } from './mesh-topic.js'

/** The first byte of a payload. */
const FORMS: readonly Form[] = ['json', 'bytes', 'mixed']
const REDUNDANCIES: Record<NonNullable<BroadcastOptions['redundancy']>, Redundancy> = {
  1: 'tree',
  2: 'two-parents',
  flood: 'flood',
}

type Handler<Received> = (message: ReceivedMessage<Received>) => void

type State = { name: 'idle' } | { name: 'joined'; node: MeshNode; broadcasts: Broadcasts } | { name: 'left'; done: Promise<void> }

/**
 * A mesh of any number of members, each connected to a few others. What one broadcasts reaches all of them, signed, complete and in order, also
 * after members died and after the mesh was split. Made by `createMesh`.
 *
 * @example
 * const mesh = await createMesh({ transport: 'wss://tracker.example', name: 'my chat', maxPeers: 8 })
 * mesh.subscribe('chat', ({ from, data }) => console.log(from, data))
 * await mesh.join()
 * mesh.on('peer:connect', () => mesh.sendBroadcast('chat', 'hello'))
 */
export class Mesh<Received = Message, Sent = Sendable>
  extends Emitter<MeshEvents<Received>>
  implements AsyncDisposable, RuntimeHolder
{
  /** The identity of this member, `from` on the others, which `credentials` keep across sessions. */
  readonly peerId: string
  /** The name that the members have in common. */
  readonly name: string
  readonly [RUNTIME]: SharedRuntime
  readonly #settings: MeshSettings
  readonly #room: Room
  readonly #stop = new AbortController()
  readonly #handlers = new Map<string, Set<Handler<Received>>>()
  /** Topics whose broadcasts may arrive in any order. */
  readonly #unordered = new Set<string>()
  /** Earlier broadcasts that are wanted of each sender, by topic. */
  readonly #history = new Map<string, number>()
  #state: State = { name: 'idle' }

  /** @internal Use `createMesh`. */
  constructor(settings: MeshSettings, room: Room, peerId: string) {
    super()
    this.#settings = settings
    this.#room = room
    this.peerId = peerId
    this.name = settings.name
    this[RUNTIME] = settings.runtime
    settings.runtime.on('warning', this.#warn)
  }

  /** The connected members, by their peer ids. */
  get peers(): string[] {
    return this.#state.name === 'joined' ? this.#state.node.edges.peers : []
  }

  /** Members of the mesh, this one too, as counted in the last seconds. */
  get size(): number {
    return this.#state.name === 'joined' ? this.#state.node.others + 1 : 1
  }

  /** Looks for members from now on. Resolves at once: `peer:connect` tells of the first one. */
  join(): Promise<void> {
    if (this.#state.name === 'left') return QuietPromise.reject<void>(left())
    try {
      if (this.#state.name === 'idle') this.#enter()
      return Promise.resolve()
    } catch (error) {
      return QuietPromise.reject<void>(asError(error, 'ERR_ENGINE', 'the mesh could not start'))
    }
  }

  /** Tells the connected members, closes every connection and leaves the trackers. Final: a mesh that was left is not joined again. */
  leave(): Promise<void> {
    if (this.#state.name !== 'left') {
      const node = this.#state.name === 'joined' ? this.#state.node : undefined
      this.#stop.abort()
      this.#state = { name: 'left', done: this.#leave(node) }
    }
    return this.#state.done
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave()
  }

  /**
   * Sends a message to one connected member: see {@link Mesh.peers}. Resolves when the member took it or there is room for more, so await it in a loop.
   * A member that runs several times with one identity, such as in two tabs, gets it in each of them that is connected. To reach any other
   * member, broadcast. Rejects with `ERR_CLOSED` for a member that is not connected, or whose connection ends before; a rejection without a
   * `catch` is a `warning`.
   */
  send(peerId: string, data: Sent): Promise<void> {
    return this.#quiet(async () => {
      checkText('the first argument', peerId)
      await this.#joined().node.edges.sendDirect(peerId, data)
    })
  }

  /**
   * Sends a message to all members. Resolves when the connected members took it, so that a fast sender who awaits it is never ahead of the mesh.
   * With `confirm` it resolves when all members have it, or with what was reached after {@link MeshOptions.maxRetries} announcements. A
   * rejection without a `catch` is a `warning`.
   *
   * @example
   * const { reached, of } = await mesh.sendBroadcast('news', { version: 2 }, { confirm: true })
   */
  sendBroadcast(topic: string, data: Sent, options: BroadcastOptions = {}): Promise<BroadcastReceipt> {
    return this.#quiet(async () => {
      checkTopic(topic)
      checkNames(options, ['confirm', 'redundancy'])
      const { confirm = false, redundancy = 1 } = options
      checkFlag('confirm', confirm)
      if (!Object.hasOwn(REDUNDANCIES, redundancy)) throw invalid('redundancy', "1, 2 or 'flood'", redundancy)
      const { broadcasts } = this.#joined()
      return await broadcasts.send(topic, this.#payloadOf(data), { confirm, redundancy: REDUNDANCIES[redundancy] })
    })
  }

  /**
   * Calls the handler for each broadcast of a topic. Returns the function that ends the subscription.
   *
   * @example
   * const stop = mesh.subscribe('chat', ({ from, data }) => console.log(from, data))
   */
  subscribe(topic: string, handler: (message: ReceivedMessage<Received>) => void, options: SubscribeOptions = {}): () => void {
    checkTopic(topic)
    if (this.#state.name === 'left') throw left()
    if (typeof handler !== 'function') throw invalid('the second argument', 'a function', handler)
    checkNames(options, ['ordered', 'history'])
    const { ordered = true, history = 0 } = options
    checkFlag('ordered', ordered)
    checkNumber('history', history, { whole: true })
    if (!ordered) this.#setUnordered(topic)
    const handlers = this.#handlers.get(topic) ?? new Set()
    this.#handlers.set(topic, handlers)
    const added: Handler<Received> = message => handler(message) // an object of its own, so that a handler may be added twice
    handlers.add(added)
    if (history > 0) this.#replay(topic, history, added)
    return () => {
      handlers.delete(added)
      if (handlers.size === 0 && this.#handlers.get(topic) === handlers) this.#handlers.delete(topic)
    }
  }

  /** Connections and totals; undefined before `join()` and after `leave()`. */
  getStats(): MeshStats | undefined {
    return this.#state.name === 'joined' ? this.#state.node.stats(this.peerId) : undefined
  }

  #enter(): void {
    const { runtime } = this.#settings.runtime
    if (runtime === undefined) throw left()
    const node = new MeshNode({
      env: systemEnv,
      runtime,
      room: this.#room,
      topic: meshTopic(this.name),
      settings: this.#settings,
      host: {
        delivered: post => this.#delivered(node, post),
        direct: (from, data) => this.emit('message', claimed({ from, data })),
        connected: peerId => this.emit('peer:connect', peerId),
        disconnected: (peerId, reason) => this.emit('peer:disconnect', peerId, reason),
        counted: size => this.emit('size', size),
        timedOut: id => this.emit('peer:timeout', id),
        reached: (topic, sequence, members) => broadcasts.reached(topic, sequence, members),
        warn: this.#warn,
      },
    })
    const broadcasts = new Broadcasts({ ...this.#settings, env: systemEnv, node, signal: this.#stop.signal })
    this.#state = { name: 'joined', node, broadcasts }
    for (const name of this.#settings.ineffective)
      this.#warn(misuse(`${name} has no effect, because a mesh has no DHT yet: leave it out, members are found over transport`))
    for (const topic of this.#unordered) node.core.setUnordered(topic)
    for (const [topic, history] of this.#history) node.core.setHistory(topic, history)
  }

  async #leave(node: MeshNode | undefined): Promise<void> {
    await node?.leave()
    await this.#room.close()
    this.#settings.runtime.off('warning', this.#warn)
  }

  #joined(): { node: MeshNode; broadcasts: Broadcasts } {
    if (this.#state.name === 'joined') return this.#state
    throw this.#state.name === 'left' ? left() : misuse('this mesh is not joined yet: call join() before')
  }

  #payloadOf(data: unknown): Uint8Array {
    const { form, data: encoded } = encode(data)
    const bytes = typeof encoded === 'string' ? utf8.encode(encoded) : encoded
    const { maxMessageSize } = this.#settings
    if (bytes.byteLength > maxMessageSize)
      throw tooLarge(
        `the message has ${bytes.byteLength} bytes, and a broadcast at most ${maxMessageSize}: raise maxMessageSize, or broadcast the magnet link of a torrent`,
      )
    return concatBytes(Uint8Array.of(FORMS.indexOf(form)), bytes)
  }

  #delivered(node: MeshNode, post: DeliveredPost): void {
    const { topic } = post
    const handlers = this.#handlers.get(topic)
    if (handlers === undefined && this.listenerCount('message') === 0) return
    const message = this.#messageOf(node, post)
    if (message === undefined) return
    // A copy, because a handler that is added in a handler is for later messages.
    for (const handler of [...(handlers ?? [])])
      if (handlers?.has(handler) === true) callSafely(`a handler of the topic ${topic}`, () => handler(message))
    this.emit('message', message)
  }

  /** `undefined` when its sender signed bytes that are no message. */
  #messageOf(node: MeshNode, post: DeliveredPost): ReceivedMessage<Received> | undefined {
    const { topic, sequence, hops, payload } = post
    const from = node.peerIdOf(post)
    const form = FORMS[payload[0] ?? FORMS.length]
    if (from === undefined || form === undefined) return undefined
    try {
      // A copy of bytes: the application may change what it gets, and the post is kept for others.
      const data = decode(form, form === 'bytes' ? payload.slice(1) : payload.subarray(1))
      return claimed({ from, data, topic, sequence, hops })
    } catch {
      return undefined
    }
  }

  /** Gives the handler the earlier broadcasts that are kept here, after `subscribe` has returned; before joining, asks for them then. */
  #replay(topic: string, history: number, handler: Handler<Received>): void {
    if (this.#state.name === 'idle') this.#history.set(topic, Math.max(history, this.#history.get(topic) ?? 0))
    if (this.#state.name !== 'joined') return
    const { node } = this.#state
    const posts = node.core.kept(topic, history)
    queueMicrotask(() => {
      for (const post of posts) {
        const message = this.#handlers.get(topic)?.has(handler) === true ? this.#messageOf(node, post) : undefined
        if (message !== undefined) callSafely(`a handler of the topic ${topic}`, () => handler(message))
      }
    })
  }

  #setUnordered(topic: string): void {
    this.#unordered.add(topic)
    if (this.#state.name === 'joined') this.#state.node.core.setUnordered(topic)
  }

  readonly #warn = (error: SwarmlinkError): void => {
    this.emit('warning', error)
  }

  /** A promise whose rejection is a `warning` unless it is handled. */
  #quiet<T>(run: () => Promise<T>): Promise<T> {
    return new QuietPromise<T>(resolve => resolve(run())).whenIgnored(this.#warn)
  }
}

function checkTopic(topic: unknown): void {
  if (typeof topic !== 'string' || topic === '') throw invalid('the topic', 'a text that is not empty', topic)
  // Encoded, an incomplete surrogate pair is the same as any other: two topics would become one.
  if (/\p{Surrogate}/u.test(topic)) throw invalid('the topic', 'a text without incomplete surrogate pairs', topic)
  if (utf8.encode(topic).length > MAX_TOPIC) throw misuse(`the topic is longer than ${MAX_TOPIC} bytes: choose a shorter one`)
}
