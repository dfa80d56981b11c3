import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../../../src/core/id.js'
import type { TopicPeer } from '../../../../src/peer/topic-peer.js'
import type { Swarm } from '../../../../src/swarm/swarm.js'
import { FakeHub } from '../../../support/fakes/fake-signaling.js'
import { parseSdp } from '../../../../src/core/sdp.js'
import { offerSdp } from '../../../support/sdp-samples.js'
import { channelsOf } from '../../../simulate/lost-channels.js'
import { type Node, TOPIC, World } from '../../../simulate/world.js'

const A = 'aa'.repeat(20)
const B = 'bb'.repeat(20)

const peersOf = (swarm: Swarm): Id[] => swarm.peers.map(({ remote }) => remote.announceId)
const alive = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected').length

/** Two nodes that met, with only the topic of their world in common. */
async function pair(world = new World()): Promise<[Node, Node]> {
  const [one, two] = [world.join(), world.join()]
  await world.env.until(() => world.missingLinks() === 0, 10_000)
  return [one, two]
}

describe('two peers that share several topics', () => {
  test('keep one connection, however many topics there are [X1]', async () => {
    const world = new World()
    const nodes = world.joinMany(2)
    const topics = Array.from({ length: 20 }, () => randomId(world.env))
    const swarms = nodes.map(node => topics.map(topic => node.also(topic)))
    await world.env.until(() => swarms.flat().every(({ peers }) => peers.length === 1), 10_000)
    await world.env.advance(2_000)
    expect(nodes.map(alive)).toEqual([1, 1])
    expect(swarms.flat().map(({ connections }) => connections.length)).toEqual(Array(40).fill(1))
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })

  test.each(['first', 'second'])('find a topic that the %s one adds later, without a tracker [X1]', async who => {
    const world = new World()
    const [one, two] = await pair(world)
    world.hub.stop()
    const [early, late] = who === 'first' ? [two, one] : [one, two]
    const there = early.also(A)
    await world.env.advance(1_000)
    expect(there.peers).toEqual([])
    const added = late.also(A)
    const steps: string[] = []
    added.on('stage', ({ stage, signaling }) => steps.push(`${stage} ${signaling}`))
    await world.env.advance(200)
    expect([peersOf(there), peersOf(added)]).toEqual([[late.announceId], [early.announceId]])
    expect(steps).toEqual(['connected connection', 'messaging connection'])
    expect([alive(one), alive(two)]).toEqual([1, 1])
    await world.closeAll()
  })

  test.each(['first', 'second'])(
    'find a topic that the %s one adds after others, and again when it comes back [X1]',
    async who => {
      const world = new World()
      const [one, two] = await pair(world)
      world.hub.stop()
      const found = [one.also(A), two.also(A)]
      await world.env.advance(500)
      const [early, late] = who === 'first' ? [two, one] : [one, two]
      const there = early.also(B)
      await world.env.advance(500)
      const added = late.also(B)
      await world.env.advance(500)
      expect([...found, there, added].map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
      await added.close()
      await world.env.advance(500)
      const again = late.also(B)
      await world.env.advance(6_000)
      expect([...found, there, again].map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
      expect([alive(one), alive(two)]).toEqual([1, 1])
      await world.closeAll()
    },
  )

  test('have a message channel per topic [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const swarms = [one.also(A), two.also(A)] as const
    await world.env.until(() => swarms.every(({ connections }) => connections.length === 1), 5_000)
    const heard: Array<[string, unknown]> = []
    two.swarm.connections[0]?.on('data', data => heard.push(['first', data]))
    swarms[1].connections[0]?.on('data', data => heard.push(['second', data]))
    swarms[0].connections[0]?.send('to the second')
    one.swarm.connections[0]?.send('to the first')
    await world.env.advance(200)
    expect(new Map(heard)).toEqual(
      new Map([
        ['first', 'to the first'],
        ['second', 'to the second'],
      ]),
    )
    await world.closeAll()
  })

  test('close only the channels of a removed topic, and the connection with the last one [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const [mine, theirs] = [one.also(A), two.also(A)]
    await world.env.until(() => mine.peers.length === 1 && theirs.peers.length === 1, 5_000)
    await mine.close()
    await world.env.advance(500)
    expect([theirs.peers.length, one.swarm.peers.length, two.swarm.peers.length]).toEqual([0, 1, 1])
    expect([alive(one), alive(two)]).toEqual([1, 1])
    await theirs.close()
    await one.swarm.close()
    await world.env.advance(500)
    expect([two.swarm.peers.length, alive(one), alive(two)]).toEqual([0, 0, 0])
    await world.closeAll()
  })

  test('may leave and rejoin the topic that they met by [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const [mine, theirs] = [one.also(A), two.also(A)]
    await world.env.until(() => mine.peers.length === 1 && theirs.peers.length === 1, 5_000)
    await one.swarm.close()
    await world.env.advance(500)
    expect([two.swarm.peers.length, mine.peers.length, theirs.peers.length, alive(one)]).toEqual([0, 1, 1, 1])
    const again = one.also(two.swarm.topic)
    await world.env.advance(6_000)
    expect([again.peers.length, two.swarm.peers.length, alive(one), alive(two)]).toEqual([1, 1, 1, 1])
    await world.closeAll()
  })

  test('report the reason to all topics when the connection breaks, and find them again [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const swarms = [one.swarm, one.also(A), one.also(B)]
    two.also(A)
    two.also(B)
    await world.env.until(() => swarms.every(({ peers }) => peers.length === 1), 5_000)
    const lost: Array<string | undefined> = []
    for (const swarm of swarms) swarm.on('lost', (_peer: TopicPeer, error) => lost.push(error?.code))
    one.engine.alive.find(({ state }) => state === 'connected')?.turn('failed')
    expect(lost).toEqual(['ERR_ICE_FAILED', 'ERR_ICE_FAILED', 'ERR_ICE_FAILED'])
    await world.env.until(() => swarms.every(({ peers }) => peers.length === 1), 40_000)
    expect(alive(one)).toBe(1)
    await world.closeAll()
  })

  test('have one connection per pair in a mesh with three topics [X1]', async () => {
    const world = new World()
    const nodes = world.joinMany(8)
    const swarms = nodes.flatMap(node => [node.swarm, node.also(A), node.also(B)])
    await world.env.until(() => swarms.every(({ peers }) => peers.length === 7), 60_000)
    await world.env.advance(1_000)
    expect(nodes.map(alive)).toEqual(Array(8).fill(7))
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })
})

describe('a topic that is found in common at once', () => {
  test('is not announced before its owner can listen [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    two.also(A)
    await world.env.advance(500)
    const offered: string[] = []
    for (const session of one.runtime.sharedTopics.sessions) {
      const offer = session.topics.offer.bind(session.topics)
      session.topics.offer = shared => {
        offered.push(shared.topic)
        offer(shared)
      }
    }
    one.also(A)
    expect(offered).toEqual([])
    await Promise.resolve()
    expect(offered).toEqual([A])
    await world.closeAll()
  })

  test('is found when the other side shows it before this side is connected [X1]', async () => {
    const world = new World()
    const nodes = world.joinMany(2)
    const further = nodes.map(node => node.also(A))
    // The answerer shows its topics as soon as its end is open. The offerer's end opens later.
    for (const { engine } of nodes)
      for (const connection of engine.connections)
        for (const channel of connection.channels) {
          const open = channel.open.bind(channel)
          channel.open = () => void world.env.timer(100, open)
        }
    await world.env.until(() => further.every(({ peers }) => peers.length === 1), 10_000)
    expect(nodes.map(alive)).toEqual([1, 1])
    await world.closeAll()
  })
})

describe('a topic that only one side has', () => {
  test('is not disclosed: the other side sees an unknown hash [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const said: string[] = []
    for (const node of [one, two])
      for (const connection of node.engine.alive)
        for (const channel of connection.channels)
          channel.on('message', message =>
            said.push(typeof message === 'string' ? message : Buffer.from(message).toString('hex')),
          )
    one.also(A)
    two.also(B)
    await world.env.advance(1_000)
    expect(said.join(' ')).not.toContain(A)
    expect(said.join(' ')).not.toContain(B)
    await world.closeAll()
  })

  test('is not shown when it is private, and has a connection of its own [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const swarms = [one.also(A, { isolated: true }), two.also(A, { isolated: true })]
    await world.env.until(() => swarms.every(({ peers }) => peers.length === 1), 10_000)
    expect([alive(one), alive(two)]).toEqual([2, 2])
    await world.closeAll()
  })

  test('accepts no peer on an existing connection while it is full or paused [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    let paused = true
    const mine = one.also(A, { paused: () => paused })
    const theirs = two.also(A)
    const full = [one.also(B, { limits: { ...limits(), maxPeers: 0 } }), two.also(B)]
    await world.env.advance(10_000)
    expect([mine.peers.length, theirs.peers.length, ...full.map(({ peers }) => peers.length)]).toEqual([0, 0, 0, 0])
    paused = false
    await world.env.advance(61_000)
    expect([mine.peers.length, theirs.peers.length]).toEqual([1, 1])
    await world.closeAll()
  })
})

function limits() {
  return { maxPeers: 50, refreshInterval: 30_000, announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1 }
}

describe('a peer that offers although this side still counts it as connected', () => {
  test('gets a probe, so that the engine notices the loss, at most two a minute [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    await world.env.advance(20_000)
    let words = 0
    for (const channel of channelsOf(two, /^swarmlink:control$/)) channel.on('message', () => words++)
    const sdp = parseSdp(offerSdp)
    for (let i = 0; i < 60; i++) {
      one.clients[0]?.hear(TOPIC, listener => listener.offer({ from: two.announceId, offerId: randomId(world.env), sdp }))
      await world.env.advance(1_000)
    }
    expect(words).toBe(2)
    expect(one.swarm.peers.length).toBe(1)
    await world.closeAll()
  })
})

describe('a topic in common', () => {
  test('is met over its tracker when the existing connection belongs to a topic that became private [X1]', async () => {
    const world = new World({ hubs: [] })
    const [magnet, seeder] = [world.join(), world.join()]
    const [early, knowing] = [magnet.also(A), seeder.also(A, { isolated: true })]
    const own = new FakeHub(world.env, { name: 'of A' })
    for (const swarm of [early, knowing]) swarm.attach(own.client())
    await world.env.until(() => early.peers.length === 1, 10_000)
    early.isolate() // the metadata arrived
    const further = new FakeHub(world.env, { name: 'of B' })
    const both = [magnet.also(B), seeder.also(B)]
    for (const swarm of both) swarm.attach(further.client())
    await world.env.advance(60_000)
    expect([early, knowing, ...both].map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
    await world.closeAll()
  })

  test.each(['both', 'one'])('is not met on a connection whose topic became private, on %s of its ends [X1]', async where => {
    const world = new World()
    const nodes = await pair(world)
    world.hub.stop()
    for (const { swarm } of where === 'both' ? nodes : nodes.slice(1)) swarm.isolate() // the metadata arrived
    await world.env.advance(1_000)
    const topics = nodes.map(node => node.also(A))
    await world.env.advance(120_000)
    expect(topics.flatMap(peersOf)).toEqual([])
    expect(nodes.map(({ swarm }) => swarm.peers.length)).toEqual([1, 1])
    await world.closeAll()
  })

  test.each(['does not know', 'has just left'])(
    "is met over its tracker when one side knows the connection's topic as private and the other %s [X1]",
    async how => {
      const world = new World()
      const [one, two] = await pair(world)
      const shared = [one.also(A), two.also(A)]
      await world.env.until(() => shared.every(({ peers }) => peers.length === 1), 10_000)
      if (how === 'has just left') void two.swarm.close()
      one.swarm.isolate() // the metadata arrived
      await world.env.advance(1_000)
      const topics = [one.also(B), two.also(B)]
      await world.env.until(() => topics.every(({ peers }) => peers.length === 1), 10_000)
      expect([alive(one), alive(two)]).toEqual([2, 2])
      await world.closeAll()
    },
  )

  test('opens on the existing connection, also after one side refused the other at first [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const both = [one.also(A), two.also(A)]
    for (const [nth, { swarm }] of [one, two].entries()) for (const peer of swarm.peers) both[nth]?.avoid(peer)
    await world.env.advance(10_000)
    expect(both.map(({ peers }) => peers.length)).toEqual([0, 0])
    await world.env.advance(180_000)
    expect(both.map(({ peers }) => peers.length)).toEqual([1, 1])
    await world.closeAll()
  })

  test('leaves nothing behind on the connection, however often it comes and goes [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const [peer] = one.swarm.peers
    const before = peer?.connection.listenerCount()
    for (let i = 0; i < 5; i++) {
      const swarms = [one.also(A), two.also(A)]
      await world.env.until(() => swarms.every(({ peers }) => peers.length === 1), 70_000)
      await Promise.all(swarms.map(swarm => swarm.close()))
      await world.env.advance(1_000)
    }
    expect(peer?.connection.listenerCount()).toBe(before)
    await world.closeAll()
  })
})
