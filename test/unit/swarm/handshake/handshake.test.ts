import { describe, expect, test } from 'vitest'
import { randomId } from '../../../../src/core/id.js'
import { parseSdp, type Sdp } from '../../../../src/core/sdp.js'
import { newAnnounceId } from '../../../../src/identity/announce-id.js'
import { createIdentity } from '../../../../src/identity/key-pair.js'
import { signDescription } from '../../../../src/identity/proof.js'
import { broadcast } from '../../../support/fakes/fake-bus.js'
import { FakeConnection } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import { type Node, TOPIC, World, type NodeOptions } from '../../../simulate/world.js'

/** One swarm, and whatever its tracker delivers. */
async function setUp(options: NodeOptions = {}) {
  const world = new World()
  const node = world.join(options)
  await world.env.advance(1_000)
  const connection = new FakeConnection(world.net)
  connection.createChannel('first')
  const making = connection.createOffer()
  await world.env.advance(10)
  const sdp = parseSdp(await making)
  const created = node.engine.connections.length
  const offer = (from = randomId(world.env), description: Sdp = sdp) =>
    node.clients[0]?.hear(TOPIC, listener => listener.offer({ from, offerId: randomId(world.env), sdp: description }))
  return { world, node, connection, sdp, created, offer }
}

const refused = ({ swarm }: Node) => swarm.stages().refused

describe('a handshake that is refused', () => {
  test('costs no connection: self [A6]', async () => {
    const { world, node, offer, created } = await setUp()
    offer(node.announceId)
    await world.env.advance(100)
    expect([refused(node), node.engine.connections.length]).toEqual([{ self: 1 }, created])
  })

  test('costs no connection: paused [D6]', async () => {
    const { world, node, offer, created } = await setUp({ paused: () => true })
    offer()
    await world.env.advance(100)
    expect([refused(node), node.engine.connections.length]).toEqual([{ paused: 1 }, created])
  })

  test('costs no connection: rejected by the application, which is not asked again', async () => {
    let asked = 0
    const { world, node, offer, created } = await setUp({ admit: () => ++asked < 0 })
    const from = randomId(world.env)
    offer(from)
    await world.env.advance(100)
    offer(from)
    await world.env.advance(100)
    expect([refused(node), asked, node.engine.connections.length]).toEqual([{ rejected: 1, seen: 1 }, 1, created])
  })

  test('delays no other for more than 10 s when the application never answers [Law 6]', async () => {
    const { world, node, offer } = await setUp({ admit: () => new Promise(() => {}) })
    for (let i = 0; i < 10; i++) offer()
    await world.env.advance(9_000)
    expect(node.swarm.stages().failed).toEqual({})
    await world.env.advance(2_000)
    expect(node.swarm.stages().failed).toEqual({ ERR_IDENTITY: 10 })
    await node.close()
    await world.env.advance(100)
    expect([node.engine.alive.length, node.runtime.budget.used]).toEqual([0, 0])
  })

  test('leaves no connection when the swarm closes while the application decides [Law 5]', async () => {
    const world = new World()
    world.join()
    await world.env.advance(100)
    const thinking = world.join({ admit: () => new Promise(() => {}) })
    await world.env.advance(1_000)
    const closing = thinking.close()
    await world.env.advance(100)
    await closing
    expect([thinking.engine.alive.length, thinking.runtime.budget.used]).toEqual([0, 0])
    await world.closeAll()
  })

  test('costs no connection: no budget is left', async () => {
    const world = new World()
    const [node, other] = [world.join({ maxConnections: 1 }), world.join({ maxConnections: 1 })]
    await world.env.until(() => world.missingLinks() === 0, 2_000)
    const created = node.engine.connections.length
    world.join()
    await world.env.advance(1_000)
    expect(refused(node)['budget']).toBeGreaterThan(0)
    expect([node.engine.connections.length, node.runtime.budget.used, other.runtime.budget.used]).toEqual([created, 1, 1])
    await world.closeAll()
  })

  test('handles ten offers of a flood, queues 64, refuses the others as busy, and releases everything [Law 6]', async () => {
    const { world, node, offer, created } = await setUp({ maxConnections: 250 })
    node.engine.fault = () => 'mute'
    for (let i = 0; i < 100; i++) offer()
    await world.env.advance(100)
    expect(refused(node)).toEqual({ busy: 26 })
    expect(node.engine.connections.length).toBe(created + 10)
    await node.close()
    await world.env.advance(200)
    expect([node.engine.alive.length, node.runtime.budget.used, node.runtime.inbound?.queue(node.clients[0]!).active]).toEqual([
      0, 0, 0,
    ])
  })

  test('costs no connection: an answer to an unknown offer', async () => {
    const { world, node, sdp } = await setUp()
    node.clients[0]?.hear(TOPIC, listener => listener.answer({ from: randomId(world.env), offerId: randomId(world.env), sdp }))
    await world.env.advance(100)
    expect(refused(node)).toEqual({ 'unknown-offer': 1 })
  })
})

describe('a refusal over a bus', () => {
  const numbers = { started: true, done: false, want: 50 }

  test('frees an offer that finds no slot, and the full member is left alone [B12]', async () => {
    const world = new World({ hubs: [], buses: [{}] })
    const full = world.join({ limits: { maxPeers: 0 } })
    await world.env.advance(2_000)
    const caller = world.join()
    await world.env.advance(2_000)
    // A full member wants no peers, so the test announces the contrary under its id.
    world.bus.write(broadcast(TOPIC), { kind: 'announce', from: full.announceId, ...numbers })
    await world.env.advance(30_000)
    expect(world.bus.heard.map(({ message }) => message.kind).filter(kind => kind !== 'announce')).toEqual(['offer', 'refusal'])
    expect(refused(full)).toEqual({ full: 1 })
    expect(caller.engine.alive.length).toBeLessThanOrEqual(6) // those of the pool
    await world.closeAll()
  })

  test('frees the slot of an unused answer at once and its connection soon, and counts as no failure [B12]', async () => {
    const world = new World({ hubs: [], buses: [{}], latency: 200 })
    let welcome = true
    const fickle = world.join({ admit: () => welcome })
    await world.env.advance(2_000)
    const other = world.join()
    await world.env.until(() => world.bus.count('answer') === 1)
    welcome = false
    const alive = other.engine.alive.length
    await world.env.until(() => world.bus.count('refusal') === 1, 50)
    await world.env.advance(20)
    expect([...other.runtime.index.entries(fickle.announceId)]).toMatchObject([{ lapsed: true }])
    const timers = world.env.pendingTimers
    const refusal = world.bus.heard.at(-1)
    for (let i = 0; i < 100; i++) world.bus.write(refusal?.namespace ?? [], refusal?.message)
    await world.env.advance(50)
    expect(world.env.pendingTimers).toBeLessThanOrEqual(timers) // further refusals change nothing
    await world.env.advance(2_000)
    expect(other.engine.alive.length).toBe(alive - 1)
    expect([refused(fickle), other.swarm.stages().failed]).toEqual([{ rejected: 1 }, {}])
    await world.closeAll()
  })

  test('does not close the connection when an answer arrives twice [B12]', async () => {
    const world = new World({ hubs: [], buses: [{}] })
    world.join()
    await world.env.advance(2_000)
    world.join()
    await world.env.until(() => world.bus.count('answer') === 1)
    const answer = world.bus.heard.at(-1)
    world.bus.write(answer?.namespace ?? [], answer?.message)
    await world.env.until(() => world.missingLinks() === 0, 1_000)
    await world.env.advance(2_000)
    expect([world.missingLinks(), world.bus.count('refusal')]).toEqual([0, 0])
    await world.closeAll()
  })
})

describe('an announce id that belongs to another key', () => {
  test.each([true, false])('is refused where ids are derived from keys (%s) [X3]', async bound => {
    const env = new VirtualEnv()
    const identityOf = () => createIdentity({ env })
    const [bob, eve] = [await identityOf(), await identityOf()]
    const { world, node, sdp, offer } = await setUp({ bound, identity: await identityOf() })
    const announceId = newAnnounceId(bob, world.env)
    const borrowed = await signDescription(sdp.text, { identity: eve, announceId, role: 'offer', topic: TOPIC })
    offer(announceId, parseSdp(borrowed))
    await world.env.until(() => node.swarm.stages().answered === 1 || 'ERR_IDENTITY' in node.swarm.stages().failed)
    expect(node.swarm.stages()).toMatchObject(bound ? { answered: 0, failed: { ERR_IDENTITY: 1 } } : { answered: 1, failed: {} })
    await world.closeAll()
  })
})

describe('a false identity', () => {
  test('fails with ERR_IDENTITY before a connection exists [X3]', async () => {
    const { world, node, offer, sdp, created } = await setUp()
    offer(undefined, { ...sdp, identity: `1 ${'aa'.repeat(20)} ${'bb'.repeat(20)}` })
    await world.env.advance(100)
    expect(node.swarm.stages().failed).toEqual({ ERR_IDENTITY: 1 })
    expect(node.engine.connections.length).toBe(created)
  })
})

describe('a stock peer', () => {
  test('is answered, and gets its one channel and no other [A12]', async () => {
    const { world, node, connection } = await setUp()
    const stranger = world.hub.client()
    const [from, offerId] = [randomId(world.env), randomId(world.env)]
    const answered = new Promise<string>(resolve =>
      stranger.subscribe(TOPIC, {
        open: () => {},
        close: () => {},
        offer: () => {},
        answer: ({ sdp }) => resolve(sdp.text),
        counts: () => {},
        warning: () => {},
      }),
    )
    await world.env.advance(20)
    const making = new FakeConnection(world.net)
    const channel = making.createChannel('stock')
    const offering = making.createOffer()
    await world.env.advance(10)
    const numbers = { uploaded: 0, downloaded: 0, left: 1, numwant: 5, port: 1 }
    stranger.announce({ topic: TOPIC, from, ...numbers, offers: [{ id: offerId, sdp: await offering }] })
    await world.env.advance(50)
    await making.acceptAnswer(await answered)
    await world.env.advance(200)
    expect(channel.state).toBe('open')
    expect(node.swarm.peers.map(({ remote }) => remote)).toEqual([
      { announceId: from, peerId: from, isSwarmlink: false, verified: false },
    ])
    expect([making.channels.size, node.swarm.connections]).toEqual([1, []])
    connection.close()
    await world.closeAll()
  })
})
