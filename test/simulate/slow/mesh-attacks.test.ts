/** Strangers over a tracker against a mesh of the whole stack. */
import { describe, expect, test } from 'vitest'
import { toBase64Url } from '../../../src/core/bytes.js'
import { newAnnounceId } from '../../../src/identity/announce-id.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { encodeMessage } from '../../../src/mesh/core/wire/encode-message.js'
import { meshTopic } from '../../../src/mesh/mesh-topic.js'
import { RUNTIME_DEFAULTS, Runtime } from '../../../src/swarm/runtime.js'
import type { ConnectionPolicy } from '../../../src/swarm/admission/connection-policy.js'
import { Swarm } from '../../../src/swarm/swarm.js'
import { SWARM_DEFAULTS } from '../../../src/swarm/swarm-options.js'
import { type Member, WholeMesh } from '../whole-mesh.js'

/** What a stranger says of itself, and whether it lets a connection open; it never says hello. */
interface Claim {
  edges: number
  room: number
  opens: boolean
}

class StrangerPolicy implements ConnectionPolicy {
  exchanges = false
  readonly mayEvict = false
  readonly over = false
  readonly full = false
  readonly exchangeable = []
  readonly sought = 3
  readonly left = 3
  readonly #claim: Claim
  readonly #origin: string

  constructor(claim: Claim, origin: string) {
    this.#claim = claim
    this.#origin = origin
  }

  note(): string {
    const { edges, room } = this.#claim
    const island = { root: '0'.repeat(40), beacon: 99 }
    const request = { origin: this.#origin, purpose: 'island', edges, room, island } as const
    return toBase64Url(encodeMessage({ type: 'knock', ...request, target: undefined, route: [], steps: 0, trail: [] }))
  }

  dials = () => true
  acceptsOffer = () => false
  acceptsAnswer = () => this.#claim.opens
  agrees = () => this.#claim.opens
  invites = () => false
  invite = () => {}
  answered = () => {}
  refused = () => {}
  counted = () => {}
  evicts = () => undefined
}

/** A process with a fresh key. Returns the function that kills it. */
async function stranger({ world }: WholeMesh, claim: Claim): Promise<() => void> {
  const env = world.env.fork()
  const engine = world.net.engine()
  const identity = await createIdentity({ env })
  const announceId = newAnnounceId(identity, env)
  const options = { ...RUNTIME_DEFAULTS, env, engine, identity, announceId, bound: true, rtcConfig: {}, exchange: false }
  const runtime = new Runtime({ ...options, warn: () => {} })
  const swarm = new Swarm({
    topic: meshTopic(''),
    runtime,
    limits: SWARM_DEFAULTS,
    numwant: SWARM_DEFAULTS.numwant,
    port: SWARM_DEFAULTS.port,
    progress: () => ({ uploaded: 0, downloaded: 0, left: 1 }),
    policy: () => new StrangerPolicy(claim, announceId),
    exchange: false,
  })
  const client = world.hub.client()
  swarm.attach(client)
  return () => {
    env.halt()
    engine.vanish()
    client.close()
  }
}

/** Three new strangers a second for a minute, each for ten seconds; five broadcasts meanwhile. */
async function attack(claim: Claim): Promise<{ members: Member[]; leastEdges: number; lost: number; end: () => Promise<void> }> {
  const mesh = new WholeMesh()
  const members = await mesh.joinMany(12, { maxPeers: 4 })
  await mesh.world.env.advance(20_000)
  for (const member of members) member.events.length = 0
  const honest = new Set(members.map(({ peerId }) => peerId))
  const kills: Array<() => void> = []
  let leastEdges = Number.POSITIVE_INFINITY
  for (let second = 1; second <= 60; second++) {
    for (let i = 0; i < 3; i++) kills.push(await stranger(mesh, claim))
    for (const kill of kills.splice(0, kills.length - 30)) kill()
    await mesh.world.env.advance(1_000)
    if (second % 12 === 0) await members[0]?.post('chat', `after ${second} s`)
    for (const { node } of members)
      leastEdges = Math.min(leastEdges, node.edges.all.filter(({ peerId }) => honest.has(peerId)).length)
  }
  for (const kill of kills) kill()
  await mesh.world.env.advance(10_000)
  const lost = members.flatMap(({ events }) => events).filter(event => event.startsWith('-')).length
  return { members, leastEdges, lost, end: () => mesh.closeAll() }
}

describe('a mesh whose tracker shows it strangers with fresh keys', { timeout: 60_000 }, () => {
  test('keeps all connections when the strangers never connect [C5] [X3]', async () => {
    const { lost, end } = await attack({ edges: 0, room: 1, opens: false })
    expect(lost).toBe(0)
    await end()
  })

  test.each([
    ['say that they are alone', { edges: 0, room: 1, opens: true }],
    ['say that they are of another island', { edges: 3, room: 1, opens: true }],
    ['ask for the place of another edge', { edges: 0, room: 4, opens: true }],
  ])('stays in one piece and loses no broadcast when they connect, %s and say nothing more [C5] [X3]', async (_, claim) => {
    const { members, leastEdges, end } = await attack(claim)
    expect(leastEdges).toBeGreaterThanOrEqual(2)
    const [first, ...others] = members as [Member, ...Member[]]
    for (const other of others) expect(other.heard(first).length).toBe(5)
    await end()
  })
})
