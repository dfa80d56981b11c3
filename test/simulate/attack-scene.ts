/** Shared by the tests of generated attacks: honest members with keys, an attacker without a client, and the invariants. */
import { expect } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import type { Id } from '../../src/core/id.js'
import { parseSdp, withAlone, withIsolated } from '../../src/core/sdp.js'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import type { Identity } from '../../src/identity/identity.js'
import { createIdentity } from '../../src/identity/key-pair.js'
import { signDescription } from '../../src/identity/proof.js'
import type { InboundDescription } from '../../src/signaling/signaling.js'
import { FakeConnection } from '../support/fakes/fake-engine.js'
import { VirtualEnv } from '../support/fakes/virtual-env.js'
import { type Node, type NodeOptions, TOPIC, type World } from './world.js'

/** How long a swarm takes to leave and the engines take to notice. */
const LEAVING = 2_000

const identities: Identity[] = []
const keys = new VirtualEnv({ seed: 7 })

/** Returns the same keys in every world, because key generation costs more than most attacks. */
export async function identityOf(nth: number): Promise<Identity> {
  while (identities.length <= nth) identities.push(await createIdentity({ env: keys }))
  const identity = identities[nth]
  if (identity === undefined) throw new Error('no such identity')
  return identity
}

/** Joins a member that proves its identity under an announce id derived from its key. */
export async function joinHonest(world: World, nth: number, options: NodeOptions = {}): Promise<Node> {
  const identity = await identityOf(nth)
  return world.join({ exchange: true, bound: true, identity, announceId: newAnnounceId(identity, world.env), ...options })
}

export const isConnected = (one: Node, two: Node) =>
  one.swarm.peers.some(({ remote }) => remote.announceId === two.announceId && remote.peerId === two.runtime.identity.peerId)

export const areConnected = (nodes: readonly Node[]) =>
  nodes.every(one => nodes.every(two => one === two || (isConnected(one, two) && isConnected(two, one))))

/** Counts the connections among these members that are lost from now on. */
export function countLosses(nodes: readonly Node[]): () => number {
  const ids = new Set(nodes.map(({ announceId }) => announceId))
  let losses = 0
  for (const { swarm } of nodes) swarm.on('lost', ({ remote }) => void (ids.has(remote.announceId) && losses++))
  return () => losses
}

/** Closes every member and expects that no connection and no timer remains. */
export async function expectNothingLeft(world: World): Promise<void> {
  await world.closeAll()
  await world.env.advance(LEAVING)
  expect([world.net.alive, world.env.pendingTimers], 'connections and timers that remain').toEqual([0, 0])
}

interface Forgery {
  /** The signer. @default none: the offer looks like a stock peer's */
  identity?: Identity | undefined
  announceId: Id
  topic?: Id
  to?: Id
  alone?: boolean
  isolated?: boolean
}

/** An attacker without a client: it writes descriptions, some of them with a real connection behind them. */
export class Outsider {
  readonly #world: World
  readonly #connections: FakeConnection[] = []
  /** Connections whose offer is unanswered, by offer id. */
  readonly #offered = new Map<Id, FakeConnection>()
  #template = ''

  constructor(world: World) {
    this.#world = world
    for (const hub of world.hubs) {
      const answer = hub.answer.bind(hub)
      hub.answer = sent => {
        const connection = this.#offered.get(sent.offerId)
        this.#offered.delete(sent.offerId)
        if (connection === undefined) answer(sent)
        else void connection.acceptAnswer(sent.sdp).catch(() => {}) // the connection may be closed by now
      }
    }
  }

  /** Offers with a connection behind them that is not closed. */
  get live(): FakeConnection[] {
    return this.#connections.filter(({ state }) => state !== 'closed' && state !== 'failed')
  }

  /** An offer without a connection behind it. */
  async dead(forgery: Forgery, chance: { bytes(length: number): Uint8Array; id(): Id }): Promise<InboundDescription> {
    if (this.#template === '') {
      const connection = new FakeConnection(this.#world.net)
      this.#template = await this.#describe(connection)
      connection.close()
    }
    const fingerprint = toHex(chance.bytes(32)).toUpperCase().match(/../g)?.join(':')
    const sdp = this.#template
      .replace(/a=ice-ufrag:.*/, `a=ice-ufrag:${toHex(chance.bytes(8))}`)
      .replace(/a=fingerprint:.*/, `a=fingerprint:sha-256 ${fingerprint}`)
    return { from: forgery.announceId, offerId: chance.id(), sdp: parseSdp(await forge(sdp, forgery)) }
  }

  /** An offer whose connection opens when a tracker delivers the answer. */
  async alive(forgery: Forgery, chance: { id(): Id }): Promise<InboundDescription> {
    const connection = new FakeConnection(this.#world.net)
    connection.createChannel('first')
    const sdp = await forge(await this.#describe(connection), forgery)
    const offerId = chance.id()
    this.#connections.push(connection)
    this.#offered.set(offerId, connection)
    return { from: forgery.announceId, offerId, sdp: parseSdp(sdp) }
  }

  /** Delivers the offer through each tracker of this member. */
  tell(node: Node, offer: InboundDescription, topic = TOPIC): void {
    for (const client of node.clients) client.hear(topic, listener => listener.offer(offer))
  }

  hangUp(connections = this.live): void {
    for (const connection of connections) connection.close()
  }

  async #describe(connection: FakeConnection): Promise<string> {
    const making = connection.createOffer()
    await this.#world.env.advance(10)
    return await making
  }
}

async function forge(sdp: string, { identity, announceId, topic = TOPIC, to, alone, isolated }: Forgery): Promise<string> {
  const text = alone === true ? withAlone(sdp) : sdp
  const marked = isolated === true ? withIsolated(text) : text
  return identity === undefined ? marked : await signDescription(marked, { role: 'offer', topic, to, identity, announceId })
}
