import { describe, expect, test, vi } from 'vitest'
import { randomId } from '../../../src/core/id.js'
import { parseSdp } from '../../../src/core/sdp.js'
import type { OutboundAnswer } from '../../../src/signaling/signaling.js'
import { FakeConnection } from '../../support/fakes/fake-engine.js'
import { type Node, TOPIC, World, type WorldOptions } from '../../simulate/world.js'

const bittorrentTracker: WorldOptions = { hubs: [{ answersStopped: true }] }

/** Rejoins the same topic in the same process, before another member can notice the departure. */
function rejoin(node: Node) {
  void node.swarm.close()
  const again = node.also(TOPIC)
  return () => again.peers.length
}

describe('a peer that leaves a topic and rejoins at once', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('is met again within 3 s, from either side: seed %i [X1]', async seed => {
    for (const first of [0, 1] as const) {
      const world = new World({ ...bittorrentTracker, seed })
      const nodes = world.joinMany(2)
      await world.env.until(() => world.missingLinks() === 0, 5_000)
      const goes = nodes[first]
      const stays = nodes[1 - first]
      if (goes === undefined || stays === undefined) return
      const peers = rejoin(goes)
      await world.env.advance(50)
      await world.env.until(() => peers() === 1 && stays.swarm.peers.length === 1, 3_000)
      await world.env.advance(15_000)
      expect([peers(), stays.swarm.peers.length]).toEqual([1, 1])
      await world.closeAll()
      await world.env.advance(100)
      expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
    }
  })
})

/** One swarm, what its tracker delivers, and the answers that it sends. */
async function setUp() {
  const world = new World()
  const node = world.join()
  await world.env.advance(1_000)
  const answer = vi.spyOn(node.clients[0]!, 'answer')
  const describeSelf = async () => {
    const connection = new FakeConnection(world.net)
    connection.createChannel('first')
    const making = connection.createOffer()
    await world.env.advance(10)
    return { connection, sdp: await making }
  }
  const offer = (from: string, sdp: string) => {
    const offerId = randomId(world.env)
    node.clients[0]?.hear(TOPIC, listener => listener.offer({ from, offerId, sdp: parseSdp(sdp) }))
    return offerId
  }
  const answers = (): OutboundAnswer[] => answer.mock.calls.map(([given]) => given)
  return { world, node, describeSelf, offer, answers }
}

describe('an offer of a remote whose answered offer did not connect', () => {
  test('is refused for 1 s, and then answered too; the connection that opens first stays [A6]', async () => {
    const { world, node, describeSelf, offer, answers } = await setUp()
    const from = randomId(world.env)
    const [dead, alive] = [await describeSelf(), await describeSelf()]
    dead.connection.close()
    offer(from, dead.sdp)
    await world.env.advance(900)
    offer(from, alive.sdp)
    expect(node.swarm.stages().refused).toEqual({ connecting: 1 })
    await world.env.advance(200)
    const id = offer(from, alive.sdp)
    await world.env.advance(50)
    expect(answers().map(({ offerId }) => offerId)).toContain(id)
    await alive.connection.acceptAnswer(answers().find(({ offerId }) => offerId === id)?.sdp ?? '')
    await world.env.until(() => node.swarm.peers.length === 1, 1_000)
    await world.env.advance(20_000)
    expect([node.swarm.peers.length, node.swarm.stages().failed]).toEqual([1, {}])
    await world.closeAll()
  })

  test('gets the same answer when it is repeated, once a second, without a new connection [A6]', async () => {
    const { world, node, describeSelf, offer, answers } = await setUp()
    const from = randomId(world.env)
    const { sdp, connection } = await describeSelf()
    offer(from, sdp)
    await world.env.advance(500)
    const created = node.engine.connections.length
    offer(from, sdp)
    expect([answers().length, node.swarm.stages().refused]).toEqual([1, { connecting: 1 }])
    await world.env.advance(600)
    const ids = Array.from({ length: 20 }, () => offer(from, sdp))
    expect(
      answers()
        .map(({ offerId }) => offerId)
        .slice(1),
    ).toEqual([ids[0]])
    expect([answers()[1]?.sdp, node.engine.connections.length]).toEqual([answers()[0]?.sdp, created])
    await connection.acceptAnswer(answers()[1]?.sdp ?? '')
    await world.env.until(() => node.swarm.peers.length === 1, 1_000)
    await world.closeAll()
  })

  test('is treated as new when another remote sends the same description [X3]', async () => {
    const { world, node, describeSelf, offer, answers } = await setUp()
    const { sdp } = await describeSelf()
    offer(randomId(world.env), sdp)
    await world.env.advance(1_100)
    const created = node.engine.connections.length
    offer(randomId(world.env), sdp)
    await world.env.advance(100)
    expect([answers().length, node.engine.connections.length]).toEqual([2, created + 1])
    await world.closeAll()
  })
})
