import { describe, expect, test } from 'vitest'
import { expectMesh } from './join-at-once.js'
import { linked, World } from './world.js'

/** On a failure the seed is in the title. */
describe.each([1, 2, 3])('X4 full meshes, seed %i', seed => {
  test.each([
    { count: 2, within: 100, announces: 1, offers: 10 },
    { count: 8, within: 500, announces: 1.5, offers: 2.5 },
  ])('$count swarms that join at once', async bounds => {
    await expectMesh(bounds, seed)
  })
})

describe('A swarm that changes', () => {
  test('newcomers one by one meet everybody within a second', async () => {
    const world = new World()
    for (let count = 1; count <= 10; count++) {
      world.join()
      await world.env.until(() => world.missingLinks() === 0, 1_000)
      await world.env.advance(7_000)
      expect(world.missingLinks()).toBe(0)
    }
    await world.closeAll()
  })

  test('C5 churn: who leaves is missed at once, and who comes back under the same id is met again', async () => {
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

  test('C3 processes that die without a word are noticed and replaced', async () => {
    const world = new World({ seed: 6 })
    const nodes = world.joinMany(6)
    await world.env.until(() => world.missingLinks() === 0)
    nodes[0]?.kill()
    nodes[1]?.kill()
    await world.env.advance(36_000) // for half a minute they may be brought back
    expect(world.nodes.map(({ swarm }) => swarm.peers.length)).toEqual([3, 3, 3, 3])
    expect(world.nodes[0]?.swarm.stages().lost).toEqual({ ERR_ICE_FAILED: 2 })
    world.joinMany(2)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    await world.closeAll()
  })

  test('A tracker that goes away costs no link, and brings newcomers again when it is back', async () => {
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

  test('A6 two trackers with the same peers make no connection twice', async () => {
    const world = new World({
      seed: 9,
      hubs: [
        { name: 'one', latency: 5 },
        { name: 'two', latency: 6 },
      ],
    })
    const nodes = world.joinMany(6)
    // linked() throws at a peer that is there twice.
    for (let i = 0; i < 200; i++) {
      for (const node of nodes) linked(node, nodes)
      await world.env.advance(50)
    }
    expect(world.missingLinks()).toBe(0)
    await world.closeAll()
    await world.env.advance(200)
    expect(world.net.alive).toBe(0)
  })

  test('One dead tracker among two holds nobody up', async () => {
    const world = new World({ hubs: [{ name: 'dead' }, { name: 'alive' }] })
    world.hubs[0]?.stop()
    world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0, 10_000)
    expect(world.hubs[0]?.heard).toEqual([])
    await world.closeAll()
  })

  test('Messages that trackers lose are made up for', async () => {
    const world = new World({ seed: 10 })
    world.hub.loss = 0.1
    world.joinMany(5)
    await world.env.until(() => world.missingLinks() === 0, 600_000)
    expect(world.missingLinks()).toBe(0)
    await world.closeAll()
  })

  test('A5 every link brings a DataConnection on both sides, heard of after the peer', async () => {
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

  test('D8 an engine that fails now and then is got over', async () => {
    const world = new World({ seed: 11 })
    const nodes = world.joinMany(5)
    for (const { engine } of nodes)
      engine.fault = nth => (['describe', 'ice', undefined, 'accept', undefined, undefined] as const)[nth % 6]
    await world.env.until(() => world.missingLinks() === 0, 600_000)
    await world.closeAll()
    await world.env.advance(11_000)
    expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
  })

  test('Law 6 the budget of the client holds', async () => {
    const world = new World({ seed: 12 })
    const nodes = world.joinMany(12, { maxConnections: 6 })
    for (let i = 0; i < 100; i++) {
      await world.env.advance(300)
      for (const { engine } of nodes) expect(engine.alive.length).toBeLessThanOrEqual(6)
    }
    expect(nodes.filter(({ swarm }) => swarm.peers.length > 0).length).toBeGreaterThan(8)
    await world.closeAll()
  })

  test('D3 nobody has more peers than it wants', async () => {
    const world = new World({ seed: 13 })
    const nodes = world.joinMany(15, { limits: { maxPeers: 4 } })
    for (let i = 0; i < 100; i++) {
      await world.env.advance(300)
      for (const { swarm } of nodes) expect(swarm.peers.length).toBeLessThanOrEqual(4)
    }
    // Who comes late may find all others full, by bad luck even every one of them; but no two with room miss each other.
    await world.env.advance(300_000)
    const roomy = nodes.filter(({ swarm }) => swarm.peers.length < 4)
    for (const node of roomy) {
      const links = linked(node, nodes)
      expect(roomy.filter(other => other !== node && !links.has(other.announceId)).length).toBe(0)
    }
    expect(roomy.length).toBeLessThanOrEqual(4) // were they five, each would have four
    await world.closeAll()
  })
})
