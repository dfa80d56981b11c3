import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../src/core/id.js'
import { createIdentity } from '../../src/identity/key-pair.js'
import { direct, broadcast } from '../support/fakes/fake-bus.js'
import { FakeConnection } from '../support/fakes/fake-engine.js'
import { BUS, end, flood, kinds } from './bus-world.js'
import { linked, TOPIC, World, type Node, type WorldOptions } from './world.js'

describe('a swarm over a bus', () => {
  test('dials a newcomer at once: one and a half round trips to the answer [B12] [X4]', async () => {
    const world = new World({ ...BUS, gathering: 3 })
    world.join()
    await world.env.advance(5_000)
    const began = world.env.now()
    const since = world.bus.heard.length
    world.join()
    await world.env.until(() => world.missingLinks() === 0, 1_000)
    expect(world.bus.heard.slice(since).map(({ message }) => message.kind)).toEqual(['announce', 'offer', 'answer'])
    // Two crossings of 20 ms and 3 to 6 ms of gathering until the answer leaves. It arrives 20 ms later.
    expect((world.bus.heard.at(-1)?.at ?? 0) - began).toBeLessThanOrEqual(2 * 20 + 6)
    await end(world)
  })

  test('lets the higher id dial when two join together, without glare [B12] [X4]', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const world = new World({ ...BUS, seed })
      const nodes = world.joinMany(2)
      await world.env.until(() => world.missingLinks() === 0, 300)
      const [higher] = nodes
        .map(({ announceId }) => announceId)
        .toSorted()
        .toReversed()
      expect(kinds(world)).toEqual({ announce: 2, here: 1, offer: 1, answer: 1 })
      expect(world.bus.heard.filter(({ message }) => message.kind === 'offer').map(({ message }) => message.from)).toEqual([
        higher,
      ])
      await end(world)
    }
  })

  test('dials from the later of two when it has the higher id: the earlier one answers its announcement [B12] [X4]', async () => {
    const world = new World(BUS)
    const ids = [1, 2].map(() => randomId(world.env)).toSorted()
    world.join({ announceId: ids[0] ?? '' })
    await world.env.advance(500)
    world.join({ announceId: ids[1] ?? '' })
    await world.env.until(() => world.missingLinks() === 0, 300)
    expect(kinds(world)).toEqual({ announce: 2, here: 1, offer: 1, answer: 1 })
    await end(world)
  })

  test('announces once a minute per member in a full mesh, and sends nothing else [B12] [X4]', async () => {
    const world = new World({ ...BUS, seed: 3 })
    world.joinMany(5)
    await world.env.until(() => world.missingLinks() === 0, 500)
    const since = world.bus.heard.length
    await world.env.advance(300_000)
    expect(kinds(world, since)).toEqual({ announce: 5 * 4 })
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })

  test("causes no broadcast but a newcomer's own when it joins twenty members [B12] [X4]", async () => {
    const world = new World({ ...BUS, seed: 4 })
    world.joinMany(20)
    await world.env.until(() => world.missingLinks() === 0)
    await world.env.advance(2_000)
    const since = world.bus.heard.length
    world.join()
    await world.env.until(() => world.missingLinks() === 0, 500)
    expect(kinds(world, since)).toEqual({ announce: 1, offer: 20, answer: 20 })
    await end(world)
  })

  test('recovers from messages that the bus loses [B12] [X4]', async () => {
    const world = new World({ ...BUS, seed: 6 })
    world.bus.loss = 0.2
    world.joinMany(6)
    await world.env.until(() => world.missingLinks() === 0, 180_000)
    for (let i = 0; i < 10; i++) {
      await world.env.advance(10_000)
      for (const node of world.nodes) linked(node, world.nodes)
    }
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })

  test('resolves discover() at once, and announces at most once every 30 s [B12] [X4]', async () => {
    const world = new World(BUS)
    const [node] = world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0)
    await world.env.advance(1_000)
    const since = world.bus.heard.length
    for (let i = 0; i < 20; i++) {
      let done = false
      void node?.swarm.discover().then(() => (done = true))
      await world.env.advance(300)
      expect(done).toBe(true)
    }
    expect(world.bus.heard.length).toBe(since)
    await world.env.advance(30_000)
    void node?.swarm.discover()
    await world.env.advance(300)
    expect(kinds(world, since)).toEqual({ announce: 1 })
    await end(world)
  })

  test('verifies identities over a bus as over a tracker [X3] [B12] [X4]', async () => {
    const world = new World(BUS)
    const identities = await Promise.all([1, 2, 3].map(() => createIdentity({ env: world.env })))
    for (const identity of identities) world.join({ identity })
    await world.env.until(() => world.missingLinks() === 0, 5_000)
    for (const { swarm } of world.nodes)
      for (const { remote } of swarm.peers) {
        expect(remote.verified).toBe(true)
        expect(identities.map(({ peerId }) => peerId)).toContain(remote.peerId)
      }
    await end(world)
  })

  test('dials no paused swarm, and dials it when it resumes [D6] [B12] [X4]', async () => {
    const world = new World(BUS)
    let paused = true
    const resting = world.join({ paused: () => paused })
    world.join()
    await world.env.advance(60_000)
    expect([kinds(world)['offer'], resting.swarm.peers.length]).toEqual([undefined, 0])
    paused = false
    await world.env.until(() => world.missingLinks() === 0, 35_000)
    await end(world)
  })
})

describe('candidates that follow their answer', () => {
  test('holds an answer back for 10 ms, and connects as soon as one candidate has followed [B12]', async () => {
    const world = new World({ ...BUS, gathering: 400 })
    world.join()
    await world.env.advance(5_000) // gathers the offers
    const began = world.env.now()
    world.join()
    await world.env.until(() => world.missingLinks() === 0, 2_000)
    const answer = world.bus.heard.find(({ message }) => message.kind === 'answer')
    expect(answer?.message.sdp).not.toContain('a=candidate')
    expect((answer?.at ?? 0) - began).toBe(20 + 20 + 10)
    expect(world.bus.count('candidate')).toBe(1)
    await end(world)
  })

  test('sends no candidate that the answer already contains [B12]', async () => {
    const world = new World({ ...BUS, gathering: 3 })
    world.joinMany(5)
    await world.env.until(() => world.missingLinks() === 0, 1_000)
    expect(world.bus.count('candidate')).toBe(0)
    await end(world)
  })

  test('waits for all candidates before answering over a tracker, which carries no later ones [B12]', async () => {
    const world = new World({ gathering: 400 })
    const answers: string[] = []
    for (const { clients } of world.joinMany(2))
      for (const client of clients) {
        const answer = client.answer.bind(client)
        client.answer = outbound => answers.push(outbound.sdp) > 0 && answer(outbound)
      }
    await world.env.until(() => world.missingLinks() === 0, 5_000)
    expect(answers.length).toBeGreaterThan(0)
    for (const sdp of answers) expect(sdp).toContain('a=candidate')
    await world.closeAll()
  })
})

describe('a bus that changes', () => {
  test('keeps its connections when the driver closes, and finds newcomers as soon as it opens again [B12]', async () => {
    const world = new World({ ...BUS, seed: 7 })
    const nodes = world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0)
    for (const { drivers } of nodes) drivers[0]?.turn(false)
    const newcomer = world.join()
    newcomer.drivers[0]?.turn(false)
    await world.env.advance(100_000)
    expect(world.missingLinks(nodes)).toBe(0)
    expect(newcomer.swarm.peers).toEqual([])
    for (const { drivers } of world.nodes) {
      drivers[0]?.turn(true)
      await world.env.advance(50)
    }
    await world.env.until(() => world.missingLinks() === 0, 1_000)
    await end(world)
  })

  test('dials a process that died silently a few more times, then forgets it [C3] [B12]', async () => {
    const world = new World({ ...BUS, seed: 8 })
    const nodes = world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0)
    const [gone] = nodes
    gone?.kill()
    const since = world.bus.heard.length
    await world.env.advance(300_000)
    const calls = world.bus.heard.slice(since).filter(({ message }) => message.kind === 'offer')
    expect(calls.every(({ namespace }) => namespace[2] === gone?.announceId)).toBe(true)
    expect(calls.length).toBeLessThanOrEqual(3 * 4)
    for (const { signalings, swarm } of world.nodes) {
      expect(signalings[0]?.status().members).toBe(2)
      expect(swarm.peers.length).toBe(2)
    }
    await gone?.close()
    await end(world)
  })

  test('announces its departure, and is dialled by no member afterwards [B12]', async () => {
    const world = new World({ ...BUS, seed: 9 })
    const [leaver] = world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0)
    const since = world.bus.heard.length
    await leaver?.close()
    await world.env.advance(20_000)
    expect(kinds(world, since)).toEqual({ leave: 1 })
    for (const { signalings } of world.nodes) expect(signalings[0]?.status().members).toBe(2)
    await end(world)
  })

  test('replaces a broken connection at once [B12]', async () => {
    const world = new World({ ...BUS, seed: 10 })
    const nodes = world.joinMany(3)
    await world.env.until(() => world.missingLinks() === 0)
    await world.env.advance(20_000)
    const since = world.bus.heard.length
    nodes[0]?.engine.alive.find(({ state }) => state === 'connected')?.turn('failed')
    await world.env.until(() => world.missingLinks() > 0, 100)
    await world.env.until(() => world.missingLinks() === 0, 40_000)
    expect(kinds(world, since)['offer']).toBeGreaterThan(0)
    await end(world)
  })
})

describe('several signallings for one swarm', () => {
  test.each([
    ['a tracker and a bus', { hubs: [{ latency: 15 }], buses: [{ latency: 20 }] }],
    ['two buses', { hubs: [], buses: [{ latency: 15 }, { latency: 17 }] }],
    ['two trackers and two buses', { hubs: [{ name: 'a' }, { name: 'b' }], buses: [{ latency: 5 }, { latency: 6 }] }],
  ])('connects no peer twice over %s [B12]', async (_, options: WorldOptions) => {
    const world = new World({ ...options, seed: 11 })
    const nodes = world.joinMany(6)
    // linked() throws when a peer is connected twice.
    for (let i = 0; i < 100; i++) {
      for (const node of nodes) linked(node, nodes)
      await world.env.advance(20)
    }
    expect(world.missingLinks()).toBe(0)
    // A peer that one signalling introduced is not dialled over the others.
    const since = world.buses.map(({ heard }) => heard.length)
    await world.env.advance(120_000)
    for (const [index, { heard }] of world.buses.entries())
      expect(heard.slice(since[index]).filter(({ message }) => message.kind !== 'announce')).toEqual([])
    await end(world)
  })

  test('does not dial peers from the bus again over a tracker that comes later [B12]', async () => {
    const world = new World({ hubs: [{}], buses: [{ latency: 5 }], seed: 12 })
    world.hub.stop()
    const nodes = world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0, 1_000)
    world.hub.start()
    await world.env.advance(10_000)
    expect(nodes.reduce((sum, { swarm }) => sum + swarm.stages().connected, 0)).toBe(4 * 3)
    await end(world)
  })
})

describe('a hostile member of a bus', () => {
  const forged = (world: World) => ({ from: randomId(world.env), offerId: randomId(world.env) })

  async function description(world: World): Promise<string> {
    const connection = new FakeConnection(world.net)
    const making = connection.createOffer()
    await world.env.advance(10)
    const sdp = await making
    connection.close()
    return sdp
  }

  test('gets one offer a second at most for endless requests under one id [Law 6]', async () => {
    const world = new World(BUS)
    const node = world.join()
    await world.env.advance(2_000)
    const from = randomId(world.env)
    await flood(world, 10, 20, () => {
      world.bus.write(broadcast(TOPIC), { kind: 'announce', from, started: true, want: 50 })
      world.bus.write(direct(TOPIC, node.announceId), { kind: 'here', from })
    })
    expect(world.bus.heard.filter(({ message }) => message.kind === 'offer').length).toBeLessThanOrEqual(11)
    expect(node.engine.connections.length).toBeLessThan(10)
    await end(world)
  })

  test('changes nothing with forged announcements and departures of a connected peer [Law 6]', async () => {
    const world = new World(BUS)
    const [a, b] = world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0)
    const since = world.bus.heard.length
    await flood(world, 20, 100, () => {
      for (const from of [a?.announceId, b?.announceId]) {
        world.bus.write(broadcast(TOPIC), { kind: 'announce', from, started: true, want: 50 })
        world.bus.write(broadcast(TOPIC), { kind: 'leave', from })
        world.bus.write(broadcast(TOPIC), { kind: 'announce', from, want: 0 })
      }
    })
    expect(world.missingLinks()).toBe(0)
    expect(kinds(world, since)['offer']).toBeUndefined()
    await end(world)
  })

  test.each([0, 5, 20, 60])(
    'keeps no peers apart with forged refusals of every offer and answer, %i ms later [X2] [Law 6]',
    async delay => {
      const world = new World(BUS)
      const { bus } = world
      const write = bus.write.bind(bus)
      bus.write = (namespace, message) => {
        write(namespace, message)
        const [, , to] = namespace
        const { kind, from, offerId } = message as { kind: string; from: Id; offerId: Id }
        if ((kind !== 'offer' && kind !== 'answer') || to === undefined) return
        world.env.timer(delay, () => {
          write(direct(TOPIC, from), { kind: 'refusal', from: to, offerId })
          write(direct(TOPIC, to), { kind: 'refusal', from, offerId })
        })
      }
      world.joinMany(2)
      await world.env.until(() => world.missingLinks() === 0, 2_000)
      world.joinMany(4)
      await world.env.until(() => world.missingLinks() === 0, 10_000)
      expect(bus.count('refusal')).toBeGreaterThan(0)
      await end(world)
    },
  )

  test('breaks no connection with a flood of valid and invalid frames, and newcomers connect after it [Law 6]', async () => {
    const world = new World({ ...BUS, seed: 14 })
    const [node] = world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0)
    const sdp = await description(world)
    const to = (id: Id) => direct(TOPIC, id)
    const candidate = { candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
    const attack = () => {
      for (const { announceId } of world.nodes) {
        world.bus.write(to(announceId), { kind: 'offer', ...forged(world), sdp })
        world.bus.write(to(announceId), { kind: 'answer', ...forged(world), sdp })
        world.bus.write(to(announceId), { kind: 'candidate', ...forged(world), candidate })
        world.bus.write(to(announceId), { kind: 'offer', ...forged(world), sdp: 'v=0\r\n' })
        world.bus.write(to(announceId), { kind: 'candidate', ...forged(world), candidate: { candidate: 'x'.repeat(10_000) } })
        world.bus.write(broadcast(TOPIC), { kind: 'announce', from: 'x'.repeat(60_000), want: Number.MAX_VALUE })
        world.bus.write(broadcast(TOPIC), [1, 2, 3])
      }
    }
    await flood(world, 5, 50, attack)
    expect(world.missingLinks()).toBe(0)
    world.join()
    await flood(world, 5, 50, attack)
    for (const { engine, warnings, runtime } of world.nodes) {
      expect(engine.alive.length).toBeLessThanOrEqual(64 + 10) // attempts, the pool and two connections
      expect(runtime.budget.used).toBeLessThanOrEqual(64 + 10)
      expect(warnings.length).toBeLessThanOrEqual(6) // one per kind
    }
    expect(node?.signalings[0]?.status().dropped).toMatchObject({ 'bad-sdp': 200, 'bad-candidate': 200, 'bad-from': 500 })
    await world.env.until(() => world.missingLinks() === 0, 35_000) // dials a newcomer within 30 s despite hundreds of invented members
    await end(world)
  })

  test('does not use up an offer with an answer from a peer that was not dialled [Law 6]', async () => {
    const world = new World(BUS)
    const node = world.join()
    await world.env.advance(2_000)
    const called = randomId(world.env)
    world.bus.write(broadcast(TOPIC), { kind: 'announce', from: called, started: true, want: 1 })
    await world.env.advance(100)
    const { offerId } = world.bus.heard.at(-1)?.message ?? {}
    const sdp = await description(world)
    world.bus.write(direct(TOPIC, node.announceId), { kind: 'answer', from: randomId(world.env), offerId, sdp })
    await world.env.advance(100)
    expect(node.swarm.stages()).toMatchObject({ refused: { 'unknown-offer': 1 }, failed: {} })
    world.bus.write(direct(TOPIC, node.announceId), { kind: 'answer', from: called, offerId, sdp })
    await world.env.advance(11_000)
    expect(node.swarm.stages().failed).toEqual({ ERR_CONNECT_TIMEOUT: 1 })
    await end(world)
  })
})

describe('closing a swarm on a bus', () => {
  test('leaves no connection, no timer and no driver handler, at any moment [Law 5]', async () => {
    const moment = fc.record({
      seed: fc.nat(1_000_000),
      count: fc.integer({ min: 1, max: 5 }),
      at: fc.oneof(fc.nat(150), fc.nat(150), fc.nat(70_000)),
      gathering: fc.constantFrom(3, 50, 2_000),
      driverCloses: fc.boolean(),
      fails: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(moment, async ({ seed, count, at, gathering, driverCloses, fails }) => {
        const world = new World({ ...BUS, seed, gathering })
        const nodes = world.joinMany(count)
        if (fails)
          for (const { engine } of nodes) engine.fault = nth => (['create', 'mute', undefined, 'ice', 'accept'] as const)[nth % 5]
        const rounds = nodes.map(({ swarm }) => swarm.discover())
        await world.env.advance(at)
        if (driverCloses) nodes[0]?.drivers[0]?.turn(false)
        const ends = [...nodes].map(node => node.close())
        await world.env.advance(200)
        const settled = await Promise.race([
          Promise.all([...ends, ...rounds]).then(() => 'settled'),
          new Promise(resolve => setImmediate(() => setImmediate(() => resolve('pending')))),
        ])
        expect(settled).toBe('settled')
        expect(nodes.map(({ runtime }) => runtime.budget.used)).toEqual(nodes.map(() => 0))
        expect(nodes.map(({ drivers }) => drivers.map(({ handlers, watchers }) => handlers + watchers))).toEqual(
          nodes.map(() => [0]),
        )
        expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
      }),
      { numRuns: 60 },
    )
  })

  test('repeats a run exactly for the same seed [Law 2]', async () => {
    const run = async (): Promise<unknown> => {
      const world = new World({ ...BUS, seed: 15 })
      const nodes: Node[] = world.joinMany(8)
      await world.env.advance(20_000)
      const heard = world.bus.heard.map(
        ({ at, namespace, message }) => `${at} ${namespace.join('/')} ${message.kind} ${message.from}`,
      )
      const stages = nodes.map(({ swarm }) => swarm.stages())
      await end(world)
      return { heard, stages }
    }
    expect(await run()).toEqual(await run())
  })
})
