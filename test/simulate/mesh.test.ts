import { describe, expect, test } from 'vitest'
import { expectMesh } from './join-at-once.js'
import { linked, World } from './world.js'

/** On a failure the seed is in the title. */
describe.each([1, 2, 3])('full meshes, seed %i', seed => {
  test.each([
    { count: 2, within: 100, announces: 1, offers: 10 },
    { count: 8, within: 500, announces: 1.5, offers: 2.5 },
  ])('forms for $count swarms that join at once [X4]', async bounds => {
    await expectMesh(bounds, seed)
  })
})

describe('a swarm that changes', () => {
  test('connects newcomers one by one to all members within 1 s [X4]', async () => {
    const world = new World()
    for (let count = 1; count <= 10; count++) {
      world.join()
      await world.env.until(() => world.missingLinks() === 0, 1_000)
      await world.env.advance(7_000)
      expect(world.missingLinks()).toBe(0)
    }
    await world.closeAll()
  })

  test('notices a departure at once, and meets a member that returns under the same id (churn) [C5]', async () => {
    const world = new World({ seed: 5 })
    world.joinMany(8)
    await world.env.until(() => world.missingLinks() === 0)
    for (let round = 0; round < 5; round++) {
      const [leaver] = world.nodes
      await leaver?.close()
      await world.env.advance(1_000)
      for (const node of world.nodes) expect(node.swarm.peers.length).toBe(6)
      expect(leaver?.announceId).toBeDefined()
      world.join({ announceId: leaver?.announceId ?? '' })
      await world.env.until(() => world.missingLinks() === 0, 30_000)
    }
    await world.closeAll()
  })

  test('notices and replaces processes that die silently [C3]', async () => {
    const world = new World({ seed: 6 })
    const nodes = world.joinMany(6)
    await world.env.until(() => world.missingLinks() === 0)
    nodes[0]?.kill()
    nodes[1]?.kill()
    await world.env.advance(36_000) // repair may bring them back for 30 s
    expect(world.nodes.map(({ swarm }) => swarm.peers.length)).toEqual([3, 3, 3, 3])
    expect(world.nodes[0]?.swarm.stages().lost).toEqual({ ERR_ICE_FAILED: 2 })
    world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    await world.closeAll()
  })

  test('keeps its connections when the tracker goes away, and meets newcomers when it is back [X4]', async () => {
    const world = new World({ seed: 8 })
    world.joinMany(5)
    await world.env.until(() => world.missingLinks() === 0)
    world.hub.stop()
    world.join()
    await world.env.advance(60_000)
    expect(world.missingLinks(world.nodes.slice(0, 5))).toBe(0)
    expect(world.nodes[5]?.swarm.peers).toEqual([])
    world.hub.start()
    await world.env.until(() => world.missingLinks() === 0, 15_000)
    await world.closeAll()
  })

  test('connects no peer twice over two trackers [A6]', async () => {
    const world = new World({
      seed: 9,
      hubs: [
        { name: 'one', latency: 5 },
        { name: 'two', latency: 6 },
      ],
    })
    const nodes = world.joinMany(6)
    // linked() throws when a peer is connected twice.
    for (let i = 0; i < 200; i++) {
      for (const node of nodes) linked(node, nodes)
      await world.env.advance(50)
    }
    expect(world.missingLinks()).toBe(0)
    await world.closeAll()
    await world.env.advance(200)
    expect(world.net.alive).toBe(0)
  })

  test('is not delayed by one dead tracker out of two [X4]', async () => {
    const world = new World({ hubs: [{ name: 'dead' }, { name: 'alive' }] })
    world.hubs[0]?.stop()
    world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0, 10_000)
    expect(world.hubs[0]?.heard).toEqual([])
    await world.closeAll()
  })

  test('recovers from messages that trackers lose [X4]', async () => {
    const world = new World({ seed: 10 })
    world.hub.loss = 0.1
    world.joinMany(5)
    await world.env.until(() => world.missingLinks() === 0, 600_000)
    expect(world.missingLinks()).toBe(0)
    await world.closeAll()
  })

  test('gives each connection a DataConnection on both sides, announced after the peer [A5]', async () => {
    const world = new World()
    const [a, b] = world.joinMany(2)
    const heard: string[] = []
    for (const [name, node] of [
      ['a', a],
      ['b', b],
    ] as const) {
      node?.swarm.on('peer', () => heard.push(`${name} peer`))
      node?.swarm.on('connection', connection => {
        heard.push(`${name} connection`)
        connection.on('connect', () => connection.send(`from ${name}`))
        connection.on('data', message => heard.push(`${name} heard ${JSON.stringify(message)}`))
      })
    }
    await world.env.advance(1_000)
    for (const name of ['a', 'b'])
      expect(heard.filter(line => line.startsWith(name))).toEqual([
        `${name} peer`,
        `${name} connection`,
        `${name} heard "from ${name === 'a' ? 'b' : 'a'}"`,
      ])
    await world.closeAll()
  })

  test('recovers from an engine that fails now and then [D8]', async () => {
    const world = new World({ seed: 11 })
    const nodes = world.joinMany(5)
    for (const { engine } of nodes)
      engine.fault = nth => (['describe', 'ice', undefined, 'accept', undefined, undefined] as const)[nth % 6]
    await world.env.until(() => world.missingLinks() === 0, 600_000)
    await world.closeAll()
    await world.env.advance(11_000)
    expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  })

  test('keeps each client within its connection budget [Law 6]', async () => {
    const world = new World({ seed: 12 })
    const nodes = world.joinMany(12, { maxConnections: 6 })
    for (let i = 0; i < 100; i++) {
      await world.env.advance(300)
      for (const { engine } of nodes) expect(engine.alive.length).toBeLessThanOrEqual(6)
    }
    expect(nodes.filter(({ swarm }) => swarm.peers.length > 0).length).toBeGreaterThan(8)
    await world.closeAll()
  })

  test('gives no member more peers than it wants [D3]', async () => {
    const world = new World({ seed: 13 })
    const nodes = world.joinMany(15, { limits: { maxPeers: 4 } })
    for (let i = 0; i < 100; i++) {
      await world.env.advance(300)
      for (const { swarm } of nodes) expect(swarm.peers.length).toBeLessThanOrEqual(4)
    }
    // A latecomer may find all others full, but two members with free slots always meet.
    await world.env.advance(300_000)
    const roomy = nodes.filter(({ swarm }) => swarm.peers.length < 4)
    for (const node of roomy) {
      const links = linked(node, nodes)
      expect(roomy.filter(other => other !== node && !links.has(other.announceId)).length).toBe(0)
    }
    expect(roomy.length).toBeLessThanOrEqual(4) // if they were five, each would have four peers
    await world.closeAll()
  })
})
