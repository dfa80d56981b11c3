import { describe, expect, test } from 'vitest'
import type { FakeConnection } from '../support/fakes/fake-engine.js'
import { FakeHub } from '../support/fakes/fake-signaling.js'
import { type Node, World } from './world.js'

const connected = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected')

/** Lets two nodes meet on a tracker that is stopped at once. Returns the first node's end of their connection. */
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

/** A full mesh of `size` nodes without a tracker. */
async function mesh(size: number, { restarts = true } = {}) {
  const world = new World({ hubs: [] })
  const nodes = Array.from({ length: size }, () => {
    const node = world.join({ exchange: true })
    node.engine.restarts = restarts
    return node
  })
  const [first, second, ...others] = nodes
  if (first === undefined || second === undefined) throw new Error('a mesh of one')
  const between = await introduce(world, first, second)
  for (const node of others) await introduce(world, second, node)
  await world.env.until(() => world.missingLinks() === 0, 60_000)
  await world.env.advance(20_000)
  let lost = 0
  for (const { swarm } of nodes) swarm.on('lost', () => lost++)
  return { world, nodes, first, second, between, losses: () => lost }
}

const ends = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected' || state === 'disconnected')

/** Expects that nothing is left behind. */
async function end(world: World): Promise<void> {
  await world.closeAll()
  await world.env.advance(100) // until the engines have noticed
  expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
}

describe('a path between two peers with others in common', () => {
  test('is replaced through one of the others, and messages sent meanwhile arrive in order [X2]', async () => {
    const { world, first, second, between, losses } = await mesh(3)
    const heard: unknown[] = []
    for (const connection of second.swarm.connections) connection.on('data', data => heard.push(data))
    between.cut()
    for (let nth = 0; nth < 7; nth++) {
      const to = first.swarm.connections.find(({ remotePeerId }) => remotePeerId === second.runtime.identity.peerId)
      to?.send(nth)
      await world.env.advance(1_000) // a cut is noticed after 5 s
    }
    expect([between.state, losses(), heard]).toEqual(['connected', 0, [0, 1, 2, 3, 4, 5, 6]])
    await end(world)
  })

  test('is replaced when one of eleven lost its paths to five others [X2]', async () => {
    const { world, first, losses } = await mesh(11)
    const gone = ends(first).slice(0, 5)
    for (const connection of gone) connection.cut()
    await world.env.advance(5_500)
    expect(gone.map(({ state }) => state)).toEqual(gone.map(() => 'disconnected'))
    await world.env.until(() => gone.every(({ state }) => state === 'connected'), 2_000)
    expect([losses(), world.missingLinks()]).toEqual([0, 0])
    await end(world)
  })

  test('is replaced, or another connection takes its place, when one of eleven has only one path left [X2]', async () => {
    const { world, first, losses } = await mesh(11)
    for (const connection of ends(first).slice(0, 9)) connection.cut()
    await world.env.advance(18_000) // half until the cut is noticed, half until the peer is given up
    expect(world.missingLinks()).toBe(0)
    expect(losses()).toBeLessThanOrEqual(2 * 5)
    expect(ends(first).every(({ state }) => state === 'connected')).toBe(true)
    await end(world)
  })

  test.each([
    [1, 1_000],
    [5, 1_000],
    [9, 2_000], // one peer in common, which not every peer asks first
  ])('is replaced by a new connection where engines cannot restart (%d of ten), within %d ms [X2]', async (left, within) => {
    const { world, first, losses } = await mesh(11, { restarts: false })
    for (const connection of ends(first).slice(0, left)) connection.cut()
    await world.env.until(() => losses() === 2 * left, 11_000)
    await world.env.advance(within)
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })

  test('is replaced by a new connection when it failed at once [X2]', async () => {
    const { world, between, losses } = await mesh(3)
    between.turn('failed')
    await world.env.until(() => losses() === 2, 100)
    await world.env.advance(1_000)
    expect(world.missingLinks()).toBe(0)
    await end(world)
  })
})

describe('a path between two peers with none in common', () => {
  test('is given up after 30 s, and leaves nothing behind [X1]', async () => {
    const { world, between, losses } = await mesh(2)
    between.cut()
    await world.env.advance(34_500)
    expect([between.state, losses()]).toEqual(['disconnected', 0])
    await world.env.advance(1_000)
    expect([losses(), world.net.connected]).toEqual([2, 1])
    await end(world)
  })
})

describe('a machine whose network changed', () => {
  test('gets new paths at once, and loses no peer [X1]', async () => {
    const { world, nodes, first, losses } = await mesh(5)
    const restarted = new Set<FakeConnection>()
    for (const node of nodes)
      for (const connection of ends(node)) {
        const accept = connection.acceptRestart.bind(connection)
        connection.acceptRestart = async answer => {
          await accept(answer)
          restarted.add(connection)
        }
      }
    first.runtime.moved()
    await world.env.advance(300)
    expect([restarted.size, losses(), world.missingLinks()]).toEqual([4, 0, 0])
    await end(world)
  })

  test('leaves connections alone that cannot be restarted [X1]', async () => {
    const { world, first, losses } = await mesh(3, { restarts: false })
    const timers = world.env.pendingTimers
    first.runtime.moved()
    expect(world.env.pendingTimers).toBe(timers)
    await world.env.advance(1_000)
    expect([losses(), world.missingLinks()]).toEqual([0, 0])
    await end(world)
  })
})

describe('a page that goes away', () => {
  test('has closed its connections before leave() returns, and its peers notice within 50 ms [A8]', async () => {
    const { world, nodes, first } = await mesh(4)
    first.runtime.leave()
    expect([first.swarm.peers, ends(first)]).toEqual([[], []])
    void first.close()
    await world.env.advance(50)
    expect(nodes.slice(1).map(({ swarm }) => swarm.peers.length)).toEqual([2, 2, 2])
    await end(world)
  })

  test('closes connecting peers too [A8]', async () => {
    const world = new World()
    const [one, two] = [world.join(), world.join()]
    await world.env.until(() => one.engine.alive.some(({ state }) => state === 'connecting'), 5_000)
    one.runtime.leave()
    expect(one.engine.alive.filter(({ state }) => state !== 'new')).toEqual([])
    await world.env.until(() => one.swarm.peers.length === 1 && two.swarm.peers.length === 1, 60_000)
    await end(world)
  })

  test('reconnects by itself when it comes back [A8]', async () => {
    const world = new World()
    world.joinMany(4)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    world.nodes[0]?.runtime.leave()
    await world.env.advance(20)
    expect(world.missingLinks()).toBeGreaterThan(0)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    await end(world)
  })
})

describe('Repair', () => {
  test('has no timer while all connections are well [Law 2]', async () => {
    const { world, first, second, between } = await mesh(2)
    const timers = world.env.pendingTimers
    between.cut()
    const [session] = first.runtime.sharedTopics.sessions
    between.turn('disconnected')
    expect(world.env.pendingTimers).toBeGreaterThan(timers)
    between.turn('connected')
    expect([session?.peer.isWell, second.swarm.peers.length]).toEqual([true, 1])
    await end(world)
  })
})
