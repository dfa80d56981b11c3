import { describe, expect, test } from 'vitest'
import type { FakeConnection } from '../../support/fake-engine.js'
import { FakeHub } from '../../support/fake-signaling.js'
import { type Node, World } from './world.js'

const connected = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected')

/** Makes them meet on a tracker that is gone at once; gives the first one's end of their connection. */
async function introduce(world: World, one: Node, two: Node): Promise<FakeConnection> {
  const before = new Set(connected(one))
  const hub = new FakeHub(world.env, { name: `of ${one.announceId} and ${two.announceId}` })
  const clients = [one, two].map(node => {
    const client = hub.client()
    node.swarm.attach(client)
    return { node, client }
  })
  const found = () => connected(one).find(connection => !before.has(connection))
  await world.env.until(
    () => found() !== undefined && two.swarm.peers.some(({ remote }) => remote.announceId === one.announceId),
    10_000,
  )
  hub.stop()
  for (const { node, client } of clients) {
    void node.swarm.detach(client.name)
    client.close()
  }
  const connection = found()
  if (connection === undefined) throw new Error('they did not meet')
  return connection
}

/** So many who are all connected, without a tracker; and the first one's ends of its connections. */
async function crowd(size: number, { restarts = true } = {}) {
  const world = new World({ hubs: [] })
  const nodes = Array.from({ length: size }, () => {
    const node = world.join({ exchange: true })
    node.engine.restarts = restarts
    return node
  })
  const [first, second, ...others] = nodes
  if (first === undefined || second === undefined) throw new Error('a crowd of one')
  const between = await introduce(world, first, second)
  for (const node of others) await introduce(world, second, node)
  await world.env.until(() => world.missingLinks() === 0, 60_000)
  await world.env.advance(20_000)
  let lost = 0
  for (const { swarm } of nodes) swarm.on('lost', () => lost++)
  return { world, nodes, first, second, between, losses: () => lost }
}

const ends = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected' || state === 'disconnected')

/** Nothing is left behind. */
async function end(world: World): Promise<void> {
  await world.closeAll()
  await world.env.advance(100) // until the engines have noticed
  expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
}

describe('X2 a path between two that have others in common', () => {
  test('X2 is replaced through one of them, and what was said meanwhile arrives in order', async () => {
    const { world, first, second, between, losses } = await crowd(3)
    const heard: unknown[] = []
    for (const connection of second.swarm.connections) connection.on('data', data => heard.push(data))
    between.cut()
    for (let nth = 0; nth < 7; nth++) {
      const to = first.swarm.connections.find(({ remotePeerId }) => remotePeerId === second.network.identity.peerId)
      to?.send(nth)
      await world.env.advance(1_000) // noticed after five
    }
    expect([between.state, losses(), heard]).toEqual(['connected', 0, [0, 1, 2, 3, 4, 5, 6]])
    await end(world)
  })

  test('X2 is replaced when one of eleven lost its paths to five others', async () => {
    const { world, first, losses } = await crowd(11)
    const gone = ends(first).slice(0, 5)
    for (const connection of gone) connection.cut()
    await world.env.advance(5_500)
    expect(gone.map(({ state }) => state)).toEqual(gone.map(() => 'disconnected'))
    await world.env.until(() => gone.every(({ state }) => state === 'connected'), 2_000)
    expect([losses(), world.missingLinks()]).toEqual([0, 0])
    await end(world)
  })

  test('X2 is replaced, or another connection takes its place, when one of eleven has only one path left', async () => {
    const { world, first, losses } = await crowd(11)
    for (const connection of ends(first).slice(0, 9)) connection.cut()
    await world.env.advance(18_000) // half of it until it is noticed, and until it is given up
    expect(world.missingLinks()).toBe(0)
    expect(losses()).toBeLessThanOrEqual(2 * 5)
    expect(ends(first).every(({ state }) => state === 'connected')).toBe(true)
    await end(world)
  })

  test.each([
    [1, 1_000],
    [5, 1_000],
    [9, 2_000], // with one in common, whom not everybody asks first
  ])('X2 where it cannot be replaced a connection takes its place (%d of ten), within %d ms', async (left, within) => {
    const { world, first, losses } = await crowd(11, { restarts: false })
    for (const connection of ends(first).slice(0, left)) connection.cut()
    await world.env.until(() => losses() === 2 * left, 11_000)
    await world.env.advance(within)
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })

  test('X2 as well when it failed at once', async () => {
    const { world, between, losses } = await crowd(3)
    between.turn('failed')
    await world.env.until(() => losses() === 2, 100)
    await world.env.advance(1_000)
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })
})

describe('X1 a path between two that have nobody in common', () => {
  test('X1 is given up after half a minute, and leaves nothing behind', async () => {
    const { world, between, losses } = await crowd(2)
    between.cut()
    await world.env.advance(34_500)
    expect([between.state, losses()]).toEqual(['disconnected', 0])
    await world.env.advance(1_000)
    expect([losses(), world.net.connected]).toEqual([2, 1])
    await end(world)
  })
})

describe('X1 a machine whose network changed', () => {
  test('X1 has other paths at once, and nobody is lost', async () => {
    const { world, nodes, first, losses } = await crowd(5)
    const restarted = new Set<FakeConnection>()
    for (const node of nodes)
      for (const connection of ends(node)) {
        const accept = connection.acceptRestart.bind(connection)
        connection.acceptRestart = async answer => {
          await accept(answer)
          restarted.add(connection)
        }
      }
    first.network.moved()
    await world.env.advance(300)
    expect([restarted.size, losses(), world.missingLinks()]).toEqual([4, 0, 0])
    await end(world)
  })

  test('X1 leaves those alone that cannot be restarted', async () => {
    const { world, first, losses } = await crowd(3, { restarts: false })
    const timers = world.env.pendingTimers
    first.network.moved()
    expect(world.env.pendingTimers).toBe(timers)
    await world.env.advance(1_000)
    expect([losses(), world.missingLinks()]).toEqual([0, 0])
    await end(world)
  })
})

describe('A8 a page that goes', () => {
  test('A8 is gone for everybody before it returns, and knows nobody', async () => {
    const { world, nodes, first } = await crowd(4)
    first.network.leave()
    expect([first.swarm.peers, ends(first)]).toEqual([[], []])
    void first.close()
    await world.env.advance(50)
    expect(nodes.slice(1).map(({ swarm }) => swarm.peers.length)).toEqual([2, 2, 2])
    await end(world)
  })

  test('A8 leaves those as well who are on their way', async () => {
    const world = new World()
    const [one, two] = [world.join(), world.join()]
    await world.env.until(() => one.engine.alive.some(({ state }) => state === 'connecting'), 5_000)
    one.network.leave()
    expect(one.engine.alive.filter(({ state }) => state !== 'new')).toEqual([])
    await world.env.until(() => one.swarm.peers.length === 1 && two.swarm.peers.length === 1, 60_000)
    await end(world)
  })

  test('A8 and comes back begins anew by itself', async () => {
    const world = new World()
    world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    world.nodes[0]?.network.leave()
    await world.env.advance(20)
    expect(world.missingLinks()).toBeGreaterThan(0)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    await end(world)
  })
})

describe('Law 2 while all is well', () => {
  test('Law 2 repair has no timer', async () => {
    const { world, first, second, between } = await crowd(2)
    const timers = world.env.pendingTimers
    between.cut()
    const [link] = first.network.sharing.links
    between.turn('disconnected')
    expect(world.env.pendingTimers).toBeGreaterThan(timers)
    between.turn('connected')
    expect([link?.peer.isWell, second.swarm.peers.length]).toEqual([true, 1])
    await end(world)
  })
})
