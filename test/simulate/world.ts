/** Whole swarms in virtual time: the shipped code on a fake engine, fake trackers and fake buses. */
import { randomId, type Id } from '../../src/core/id.js'
// oxlint-disable import/no-unassigned-import -- otherwise loaded at a moment unknown to virtual time
import '../../src/core/seen-filter.js'
import '../../src/swarm/lazy-peer-features.js'
// oxlint-enable import/no-unassigned-import
import type { SwarmlinkError } from '../../src/core/errors.js'
import type { Identity } from '../../src/identity/identity.js'
import { PubSubSignaling } from '../../src/signaling/pubsub/pubsub-signaling.js'
import { Runtime, type RuntimeDeps } from '../../src/swarm/runtime.js'
import { Swarm } from '../../src/swarm/swarm.js'
import { SWARM_DEFAULTS, type SwarmOptions } from '../../src/swarm/swarm-options.js'
import { FakeBus, type FakeBusOptions, type FakeDriver } from '../support/fakes/fake-bus.js'
import { type FakeEngine, FakeNet, type FakeNetOptions } from '../support/fakes/fake-engine.js'
import { FakeHub, type FakeHubOptions, type FakeSignaling } from '../support/fakes/fake-signaling.js'
import { VirtualEnv } from '../support/fakes/virtual-env.js'

export const TOPIC = 'ab'.repeat(20)
/** Offers that the plugin gathers ahead. */
const AHEAD = 5

export interface WorldOptions extends FakeNetOptions {
  seed?: number
  hubs?: FakeHubOptions[]
  buses?: FakeBusOptions[]
}

export interface NodeOptions
  extends
    Partial<Pick<SwarmOptions, 'alias' | 'paused' | 'plain' | 'policy' | 'progress' | 'rotates'>>,
    Partial<Pick<RuntimeDeps, 'admit' | 'bound' | 'shares'>> {
  announceId?: Id
  identity?: Identity
  limits?: Partial<SwarmOptions['limits']>
  maxConnections?: number
  /** Enables peer exchange. @default false */
  exchange?: boolean
  /** Which hubs to join. @default all */
  hubs?: FakeHub[]
  /** Which buses to join. @default all */
  buses?: FakeBus[]
}

export interface Node {
  readonly announceId: Id
  readonly engine: FakeEngine
  readonly runtime: Runtime
  readonly swarm: Swarm
  readonly clients: FakeSignaling[]
  readonly drivers: FakeDriver[]
  readonly signalings: PubSubSignaling[]
  readonly warnings: SwarmlinkError[]
  /** Joins a further topic. */
  also(topic: Id, options?: Partial<SwarmOptions>): Swarm
  /** Closes everything, in the plugin's order. */
  close(): Promise<void>
  /** Ends the process without telling peers. The trackers see the socket close. */
  kill(): void
}

export class World {
  readonly env: VirtualEnv
  readonly net: FakeNet
  readonly hubs: FakeHub[]
  readonly buses: FakeBus[]
  readonly nodes: Node[] = []

  constructor({ seed = 1, hubs = [{}], buses = [], ...net }: WorldOptions = {}) {
    this.env = new VirtualEnv({ seed })
    this.net = new FakeNet(this.env, net)
    this.hubs = hubs.map(options => new FakeHub(this.env, options))
    this.buses = buses.map(options => new FakeBus(this.env, options))
  }

  get hub(): FakeHub {
    const [hub] = this.hubs
    if (hub === undefined) throw new Error('this world has no hub')
    return hub
  }

  get bus(): FakeBus {
    const [bus] = this.buses
    if (bus === undefined) throw new Error('this world has no bus')
    return bus
  }

  join({ hubs = this.hubs, buses = this.buses, ...options }: NodeOptions = {}): Node {
    const env = this.env.fork()
    const announceId = options.announceId ?? randomId(env)
    const engine = this.net.engine()
    const warnings: SwarmlinkError[] = []
    const runtime = new Runtime({
      env,
      engine,
      identity: options.identity ?? { peerId: randomId(env) },
      announceId,
      rtcConfig: {},
      gatherTimeout: 1_000,
      maxConnections: options.maxConnections ?? 256,
      exchange: options.exchange ?? false,
      ...(options.admit !== undefined && { admit: options.admit }),
      ...(options.bound !== undefined && { bound: options.bound }),
      ...(options.shares !== undefined && { shares: options.shares }),
      warn: error => warnings.push(error),
    })
    const swarmOptions: SwarmOptions = {
      topic: TOPIC,
      runtime,
      limits: { ...SWARM_DEFAULTS, ...options.limits },
      numwant: SWARM_DEFAULTS.numwant,
      port: SWARM_DEFAULTS.port,
      progress: options.progress ?? (() => ({ uploaded: 0, downloaded: 0, left: 1 })),
      ...(options.alias !== undefined && { alias: options.alias }),
      ...(options.paused !== undefined && { paused: options.paused }),
      ...(options.plain !== undefined && { plain: options.plain }),
      ...(options.rotates !== undefined && { rotates: options.rotates }),
      ...(options.policy !== undefined && { policy: options.policy }),
    }
    runtime.pool.prepare(AHEAD)
    const clients = hubs.map(hub => hub.client())
    const drivers = buses.map((bus, index) => bus.driver(`bus ${index}`))
    const signalings = drivers.map(driver => new PubSubSignaling(driver, { env }))
    const swarms: Swarm[] = []
    const begin = (further?: Partial<SwarmOptions>) => {
      const begun = new Swarm({ ...swarmOptions, ...further })
      begun.on('warning', error => warnings.push(error))
      // Like the plugin: a private topic uses only its trackers.
      for (const signaling of further?.isolated === true ? clients : [...clients, ...signalings]) begun.attach(signaling)
      swarms.push(begun)
      return begun
    }
    const swarm = begin()
    const node: Node = {
      announceId,
      engine,
      runtime,
      swarm,
      clients,
      drivers,
      signalings,
      warnings,
      also: (topic, further) => begin({ topic, ...further }),
      close: async () => {
        this.#forget(node)
        await Promise.all(swarms.map(begun => begun.close()))
        runtime.close()
        for (const client of clients) client.close()
        for (const signaling of signalings) signaling.close()
      },
      kill: () => {
        this.#forget(node)
        env.halt()
        engine.vanish()
        for (const client of clients) client.close()
        for (const driver of drivers) void driver.close()
      },
    }
    this.nodes.push(node)
    return node
  }

  joinMany(count: number, options: NodeOptions = {}): Node[] {
    return Array.from({ length: count }, () => this.join(options))
  }

  /** The connection ends that a full mesh would have, minus those that exist. */
  missingLinks(nodes: Node[] = this.nodes): number {
    const known = new Set(nodes.map(({ announceId }) => announceId))
    return nodes.reduce(
      (missing, node) => missing - linkedIds(node).filter(id => known.has(id)).length,
      nodes.length * (nodes.length - 1),
    )
  }

  /** Summarises time, announcements and offers of a mesh of these nodes. */
  report(name: string, nodes: Node[] = this.nodes): string {
    const links = (nodes.length * (nodes.length - 1)) / 2
    const announces = this.hubs.reduce((sum, hub) => sum + hub.heard.length, 0)
    const offers = this.hubs.reduce((sum, hub) => sum + hub.offers, 0)
    return `${name}: ${links} links in ${Math.round(this.env.now())} virtual ms, ${announces} announcements, ${(offers / links).toFixed(2)} offers and ${(this.net.created / links).toFixed(2)} connections a link`
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.nodes].map(node => node.close()))
  }

  #forget(node: Node): void {
    const at = this.nodes.indexOf(node)
    if (at >= 0) this.nodes.splice(at, 1)
  }
}

/** Returns the other nodes that this node is connected to. Throws when it has two connections to one. */
export function linked(node: Node, among: Node[]): Set<Id> {
  const known = new Set(among.map(({ announceId }) => announceId))
  return new Set(linkedIds(node).filter(id => known.has(id)))
}

function linkedIds(node: Node): Id[] {
  const ids = node.swarm.peers.map(({ remote }) => remote.announceId)
  if (new Set(ids).size !== ids.length) throw new Error(`two connections to one peer: ${ids.join(', ')}`)
  return ids
}
