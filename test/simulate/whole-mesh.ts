/** Meshes of the whole stack in virtual time: cores, connections, handshakes over trackers and neighbours, real keys; only the engine is fake. */
// oxlint-disable import/no-unassigned-import -- otherwise loaded at a moment unknown to virtual time
import '../../src/core/seen-filter.js'
import '../../src/swarm/lazy-peer-features.js'
// oxlint-enable import/no-unassigned-import
import { utf8 } from '../../src/core/bytes.js'
import type { SwarmlinkError } from '../../src/core/errors.js'
import type { Id } from '../../src/core/id.js'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import { createIdentity } from '../../src/identity/key-pair.js'
import type { DeliveredPost } from '../../src/mesh/core/effects.js'
import type { LossReason } from '../../src/mesh/core/wire/messages.js'
import { MeshNode } from '../../src/mesh/mesh-node.js'
import { MESH_DEFAULTS, type MeshSettings } from '../../src/mesh/mesh-options.js'
import { meshTopic } from '../../src/mesh/mesh-topic.js'
import type { JoinOptions, Room } from '../../src/room/room.js'
import { Runtime } from '../../src/swarm/runtime.js'
import { Swarm } from '../../src/swarm/swarm.js'
import { SWARM_DEFAULTS } from '../../src/swarm/swarm-options.js'
import type { FakeEngine } from '../support/fakes/fake-engine.js'
import type { FakeHub, FakeSignaling } from '../support/fakes/fake-signaling.js'
import type { VirtualEnv } from '../support/fakes/virtual-env.js'
import { World, type WorldOptions } from './world.js'

const SETTINGS: Omit<MeshSettings, 'runtime'> = {
  name: '',
  trackers: [],
  peerId: undefined,
  crypto: undefined,
  ineffective: [],
  ...MESH_DEFAULTS,
}

export interface MemberOptions {
  maxPeers?: number
  /** @default all */
  hubs?: FakeHub[]
  /** Another member of which it uses the connections, in a mesh of this name. */
  shareWith?: Member
  name?: string
  /** Another member that has the same identity, as the other tab of a user. */
  sameAs?: Member
  /** Called in the event of a connection. */
  connected?: (member: Member) => void
}

export class Member {
  readonly node: MeshNode
  readonly runtime: Runtime
  readonly engine: FakeEngine
  readonly clients: FakeSignaling[]
  readonly env: VirtualEnv
  readonly delivered: DeliveredPost[] = []
  readonly direct: Array<{ from: Id; data: unknown }> = []
  readonly events: string[] = []
  /** The sizes of the mesh that it was told. */
  readonly sizes: number[] = []
  /** Why each connected member was last gone. */
  readonly losses = new Map<Id, LossReason>()
  readonly reached = new Map<string, number>()
  readonly warnings: SwarmlinkError[] = []

  constructor(env: VirtualEnv, engine: FakeEngine, runtime: Runtime, options: MemberOptions & { hubs: FakeHub[] }) {
    this.env = env
    this.engine = engine
    this.runtime = runtime
    this.clients = options.hubs.map(hub => hub.client())
    const { maxPeers = SETTINGS.maxPeers, name = '', connected } = options
    this.node = new MeshNode({
      env,
      runtime,
      room: this.#room(),
      topic: meshTopic(name),
      settings: { ...SETTINGS, maxPeers } as MeshSettings, // its runtime is used by `Mesh` only
      host: {
        delivered: post => void this.delivered.push(post),
        direct: (from, data) => void this.direct.push({ from, data }),
        connected: id => {
          this.events.push(`+${id}`)
          connected?.(this)
        },
        disconnected: (id, reason) => {
          this.events.push(`-${id}`)
          this.losses.set(id, reason)
        },
        counted: size => void this.sizes.push(size),
        timedOut: id => void this.events.push(`?${id}`),
        reached: (topic, sequence, members) => void this.reached.set(`${topic} ${sequence}`, members),
        warn: error => void this.warnings.push(error),
      },
    })
  }

  /** A room without sockets. */
  #room(): Pick<Room, 'join' | 'leave' | 'trackers'> {
    const { runtime, clients } = this
    return {
      trackers: undefined as never, // not asked without tracker URLs
      join: ({ limits = SWARM_DEFAULTS, ...options }: Omit<JoinOptions, 'ahead'>) => {
        const { numwant, port } = SWARM_DEFAULTS
        const progress = () => ({ uploaded: 0, downloaded: 0, left: 1 })
        const swarm = new Swarm({ ...options, limits, numwant, port, progress, runtime })
        swarm.on('warning', error => this.warnings.push(error))
        for (const client of clients) swarm.attach(client)
        return swarm
      },
      leave: swarm => swarm.close(),
    }
  }

  get peerId(): Id {
    return this.runtime.identity.peerId
  }

  async post(topic: string, text: string, options = {}): Promise<number> {
    return await this.node.publish(topic, utf8.encode(text), options)
  }

  /** The texts of one sender that were delivered. */
  heard(from: Member, topic = 'chat'): string[] {
    const text = new TextDecoder()
    return this.delivered.flatMap(post =>
      post.from === from.node.core.id && post.topic === topic ? text.decode(post.payload) : [],
    )
  }

  /** Ends without a word. */
  kill(): void {
    this.env.halt()
    this.engine.vanish()
    for (const client of this.clients) client.close()
  }
}

export class WholeMesh {
  readonly world: World
  readonly members: Member[] = []

  constructor(options: WorldOptions = {}) {
    this.world = new World(options)
  }

  async join(options: MemberOptions = {}): Promise<Member> {
    const { hubs = this.world.hubs, shareWith } = options
    const env = shareWith?.env ?? this.world.env.fork()
    const engine = shareWith?.engine ?? this.world.net.engine()
    const runtime = shareWith?.runtime ?? (await this.#runtime(env, engine, options.sameAs))
    const member = new Member(env, engine, runtime, { ...options, hubs })
    this.members.push(member)
    return member
  }

  async joinMany(count: number, options: MemberOptions = {}): Promise<Member[]> {
    const joined: Member[] = []
    for (let i = 0; i < count; i++) joined.push(await this.join(options))
    return joined
  }

  async #runtime(env: VirtualEnv, engine: FakeEngine, sameAs?: Member): Promise<Runtime> {
    const identity = sameAs?.runtime.identity ?? (await createIdentity({ env }))
    return new Runtime({
      env,
      engine,
      identity,
      announceId: newAnnounceId(identity, env),
      bound: true,
      rtcConfig: {},
      gatherTimeout: 1_000,
      maxConnections: 256,
      exchange: true,
      warn: error => {
        throw error
      },
    })
  }

  /** Lets time pass until the promise settles. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    await this.world.env.advance(5_000)
    return await promise
  }

  kill(member: Member): void {
    member.kill()
    this.members.splice(this.members.indexOf(member), 1)
  }

  async closeAll(): Promise<void> {
    await this.settle(Promise.all(this.members.map(({ node }) => node.leave())))
    for (const { runtime, clients } of this.members) {
      runtime.close()
      for (const client of clients) client.close()
    }
  }
}
