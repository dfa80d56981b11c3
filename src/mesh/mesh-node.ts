/** The mesh core with the connections, signatures and signallings around it: turns its effects into calls, and what happens into its events. */
import type { Message } from '../channel/messages/messenger.js'
import { sha256 } from '../core/bytes.js'
import { asError } from '../core/errors.js'
import type { Id } from '../core/id.js'
import { logger } from '../core/log.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import type { Swarm } from '../swarm/swarm.js'
import { BeaconChecks } from './beacon-checks.js'
import { BeaconSignatures } from './beacon-signatures.js'
import { CoreLoop } from './core-loop.js'
import { decodeMessage } from './core/wire/decode-message.js'
import { ALL_MECHANISMS, type DeliveredPost, type MeshEffects } from './core/effects.js'
import { encodeMessage } from './core/wire/encode-message.js'
import { MeshCore } from './core/mesh-core.js'
import type { Beacon, EdgePurpose, EdgeRequest, LossReason, MeshMessage, OpenFeed, Post } from './core/wire/messages.js'
import type { PublishOptions } from './core/posts/own-posts.js'
import { KEY_BYTES, SIGNATURE_BYTES } from './core/wire/wire-format.js'
import type { MeshEdge } from './mesh-edge.js'
import { MeshEdges, type MeshEdgesHost } from './mesh-edges.js'
import { left, type MeshStats } from './mesh-events.js'
import type { MeshNodeDeps } from './mesh-host.js'
import { MeshPolicy, SHOWN } from './mesh-policy.js'
import { MeshSignaling } from './mesh-signaling.js'
import { PostChecks } from './post-checks.js'
import { PostSigner } from './post-signer.js'
import { RELAYED } from './relayed-handshake.js'

const log = logger('mesh')

export class MeshNode implements MeshEffects, MeshEdgesHost {
  readonly core: MeshCore
  readonly edges: MeshEdges
  readonly #deps: MeshNodeDeps
  readonly #loop: CoreLoop
  readonly #policy: MeshPolicy
  readonly #signaling: MeshSignaling
  readonly #signer: PostSigner
  readonly #beacons: BeaconSignatures
  readonly #beaconChecks: BeaconChecks
  readonly #swarm: Swarm
  /** The last number of members that the application was told. */
  #size = 1
  readonly #checks: PostChecks
  /** The last message and its bytes: one post goes to several neighbours. */
  #encoded: { message: MeshMessage; bytes: Uint8Array } | undefined
  #left: Promise<void> | undefined

  constructor(deps: MeshNodeDeps) {
    this.#deps = deps
    const { env, runtime, room, topic, settings } = deps
    const { announceId: id, identity } = runtime
    const key = identity.key?.publicKey ?? new Uint8Array(KEY_BYTES)
    this.#signer = new PostSigner({ env, mesh: topic, identity, crypto: settings.crypto })
    this.#beacons = new BeaconSignatures(this.#signer)
    this.#beaconChecks = new BeaconChecks({
      isValid: beacon => this.#beacons.isValid(beacon, this.core.island, id),
      checked: (edge, beacon, isValid) => this.#checked(edge, beacon, isValid),
    })
    this.edges = new MeshEdges(env, this)
    this.#loop = new CoreLoop(env, this)
    const { maxPeers, ttl: maxHops, keepMessages: keepPosts, keepBytes } = settings
    const options = { id, key, epoch: Date.now(), maxPeers, maxHops, keepPosts, keepBytes, random: () => env.random() }
    this.core = new MeshCore({ ...options, mechanisms: ALL_MECHANISMS }, this, env.now())
    this.#checks = new PostChecks(env, this.#signer, this.#loop, this.core)
    this.#policy = new MeshPolicy(env, this.core, this.#loop, member => {
      this.#log(member, 'did not connect in time')
      this.#loop.run((core, now) => core.dialFailed(now, member))
      deps.host.timedOut(member)
    })
    this.#signaling = new MeshSignaling({
      env,
      self: id,
      send: (to, bytes) => this.edges.send(to, bytes),
      wants: member => this.#policy.wants(member),
    })
    this.#swarm = room.join({
      topic,
      limits: { ...SWARM_DEFAULTS, maxPeers },
      policy: () => this.#policy,
      exchange: false,
      ahead: SHOWN,
    })
    this.#swarm.on('connection', (connection, peer) => this.edges.meet(connection, peer))
    this.#swarm.on('lost', ({ remote }) => this.#failed(remote.announceId))
    this.#swarm.on('failed', ({ id: member }) => this.#failed(member))
    this.#loop.run((core, now) => core.wake(now))
    this.#swarm.attach(this.#signaling)
    for (const url of settings.trackers) this.#swarm.attach(room.trackers.get(url))
  }

  /** Members beside this one, as far as they are counted. */
  get others(): number {
    return Math.max(this.core.size - 1, this.edges.size)
  }

  stats(peerId: Id): MeshStats {
    const { core } = this
    const now = this.#deps.env.now()
    const neighbours = [...core.neighbours.values()].map(({ id, role, state, rtt, lagging, score }) => ({
      peerId: this.edges.get(id)?.peerId ?? id,
      role,
      state,
      roundTripTime: rtt,
      lagging,
      score: score.value(now),
      scoreCause: score.cause,
    }))
    const { island, depth, feeds, counts } = core
    const stages = this.#swarm.stagesBySignaling()
    const own = { peerId, size: this.others + 1, island: island.root, depth, sent: { ...this.edges.sent } }
    return { ...own, neighbours, feeds, counts: { ...counts }, stages }
  }

  /** The peer id of the sender of a delivered post. */
  peerIdOf({ from, key }: DeliveredPost): Id | undefined {
    return this.#signer.peerIdOf(from, key)
  }

  /** Signs and sends a post, one at a time, once no member is too far behind; returns its sequence. Rejects when it could not be signed. */
  async publish(topic: string, payload: Uint8Array, options: PublishOptions): Promise<number> {
    await this.#loop.until(() => !this.core.isAhead(this.#deps.env.now(), topic, payload.length))
    const post = this.core.prepare(topic, payload)
    const signature = await this.#signer.sign({ ...post, sender: this.core.id })
    if (this.#left !== undefined) throw left()
    this.#loop.run((core, now) => core.publish(now, post, signature, options))
    return post.sequence
  }

  /** Announces an own broadcast again. */
  remind(topic: string, sequence: number): void {
    this.#loop.run((core, now) => core.remind(now, topic, sequence))
  }

  /** Tells the neighbours, and resolves when all connections are closed. */
  leave(): Promise<void> {
    return (this.#left ??= this.#leave())
  }

  async #leave(): Promise<void> {
    const closed = this.edges.closeAll(() => this.#loop.run((core, now) => core.leave(now)))
    this.#loop.end()
    this.#policy.close()
    await closed
    await this.#deps.room.leave(this.#swarm)
  }

  // What the edges and the swarm tell.

  opened(edge: MeshEdge): void {
    this.#log(edge.id, 'connected')
    this.#policy.settled(edge.id)
    this.#loop.run((core, now) => core.opened(now, edge.id))
  }

  lost(edge: MeshEdge, reason: LossReason): void {
    this.#log(edge.id, `lost (${reason})`)
    this.#loop.run((core, now) => core.closed(now, edge.id, reason))
  }

  answers({ id }: MeshEdge): boolean {
    return this.core.neighbours.get(id)?.state !== 'suspect'
  }

  ended(edge: MeshEdge, reason: LossReason): void {
    this.#checks.forget(edge)
    this.#beaconChecks.forget(edge)
    const isLast = !this.edges.to(edge.peerId).some(({ isInUse }) => isInUse)
    if (edge.isInUse && isLast) this.#loop.afterwards(() => this.#deps.host.disconnected(edge.peerId, reason))
  }

  received(edge: MeshEdge, bytes: Uint8Array): void {
    if (bytes[0] === RELAYED) {
      if (!this.#signaling.received(edge.id, edge, bytes)) this.#malformed(edge)
      return
    }
    const message = decodeMessage(bytes)
    if (message === undefined) this.#malformed(edge)
    else if (message.type === 'beacon') this.#beaconChecks.take(edge, message)
    else this.#loop.run((core, now) => core.receive(now, edge.id, message))
    if (message?.type === 'hello') this.#use(edge)
    if (message?.type === 'bye') this.edges.close(edge.id, message.reason) // the neighbour may never close it
    this.#checks.look(edge)
  }

  #use(edge: MeshEdge): void {
    const others = this.edges.to(edge.peerId).filter(({ isInUse }) => isInUse)
    if (!this.edges.has(edge) || !edge.use() || others.some(other => this.answers(other))) return
    const { host } = this.#deps
    // The session that fell silent is gone for the application: this one is no other tab, but the process that took its place.
    if (others.length > 0) this.#loop.afterwards(() => host.disconnected(edge.peerId, 'silent'))
    this.#loop.afterwards(() => host.connected(edge.peerId))
  }

  #malformed(edge: MeshEdge): void {
    this.#loop.run((core, now) => core.receiveMalformed(now, edge.id))
  }

  /** The core takes beacons with a valid signature only. */
  #checked(edge: MeshEdge, beacon: Beacon, isValid: boolean): void {
    if (!this.edges.has(edge)) return
    if (isValid) this.#loop.run((core, now) => core.receive(now, edge.id, beacon))
    else this.#malformed(edge)
  }

  direct({ peerId }: MeshEdge, data: Message): void {
    this.#deps.host.direct(peerId, data)
  }

  lagging({ id }: MeshEdge, isLagging: boolean): void {
    this.#loop.run((core, now) => core.lagging(now, id, isLagging))
  }

  returned(): void {
    const size = this.others + 1
    if (size === this.#size) return
    this.#size = size
    this.#deps.host.counted(size)
  }

  /** A connection to this member could not be made, or ended before it was an edge. */
  #failed(id: Id): void {
    if (!this.#policy.wants(id) || this.edges.get(id) !== undefined) return
    this.#log(id, 'failed')
    this.#policy.settled(id)
    this.#loop.run((core, now) => core.dialFailed(now, id))
  }

  // What the core asks for.

  send(to: Id, message: MeshMessage): void {
    if (message.type === 'beacon' && message.root === this.core.id) return void this.#sendBeacon(to, message)
    if (this.#encoded?.message !== message) this.#encoded = { message, bytes: encodeMessage(message) }
    this.edges.send(to, this.#encoded.bytes)
  }

  /** Beacons of this member are signed on their way out. */
  async #sendBeacon(to: Id, beacon: Beacon): Promise<void> {
    try {
      this.edges.send(to, encodeMessage(await this.#beacons.signed(beacon)))
    } catch (error) {
      this.#deps.host.warn(asError(error, 'ERR_CREDENTIALS', 'a beacon of the mesh could not be signed'))
    }
  }

  dial(id: Id, via: readonly Id[], purpose: EdgePurpose): void {
    this.#log(id, `wanted, over ${via.length} relays (${purpose})`)
    this.#policy.want(id)
    this.#loop.afterwards(() => {
      this.#deps.runtime.sharedTopics.changed(this.#deps.topic) // it may be connected for another topic
      if (via.length > 0) this.#signaling.want(id, via)
    })
  }

  close(id: Id, reason: LossReason): void {
    this.#log(id, 'closed')
    this.edges.close(id, reason)
  }

  rendezvous({ edges, room }: EdgeRequest): void {
    log('%s: asks trackers and drivers, with %d edges and room for %d', this.core.id.slice(0, 8), edges, room)
    this.#policy.show()
    this.#loop.afterwards(() => void this.#swarm.discover())
  }

  deliver(post: DeliveredPost): void {
    this.#loop.afterwards(() => this.#deps.host.delivered(post))
  }

  reached(topic: string, sequence: number, members: number): void {
    this.#loop.afterwards(() => this.#deps.host.reached(topic, sequence, members))
  }

  verify(feed: Omit<OpenFeed, 'type' | 'alias'>, post: Post): undefined {
    void this.#checks.verify(feed, post)
  }

  verifyBeacon(): boolean {
    return true // see `received`
  }

  signBeacon(): Uint8Array {
    return new Uint8Array(SIGNATURE_BYTES) // see `send`
  }

  hash(data: Uint8Array): Uint8Array {
    return sha256(data)
  }

  #log(id: Id, what: string): void {
    log('%s: %s %s', this.core.id.slice(0, 8), id.slice(0, 8), what)
  }
}
