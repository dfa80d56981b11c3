import { describe, expect, test } from 'vitest'
import type { Id } from '../../../src/core/id.js'
import { announceIdOf } from '../../../src/identity/announce-id.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { introduce } from './introduce.js'
import { type Node, type NodeOptions, World } from './world.js'

/** Everybody can prove who it is, but for whoever takes the id of somebody else. */
async function setUp(seed = 1) {
  const world = new World({ seed, hubs: [{ name: 'hers' }, { name: 'his' }] })
  const [[hers, his]] = [world.hubs]
  const join = async (options: { hubs?: World['hubs'] } = {}) => {
    const identity = await createIdentity({ env: world.env })
    return world.join({ exchange: true, bound: true, identity, announceId: announceIdOf(identity, world.env), ...options })
  }
  /** Has no key to the id that it goes by. */
  const pose = (announceId: Id, hubs: World['hubs'], options: NodeOptions = {}) => world.join({ announceId, hubs, ...options })
  return { world, join, pose, hers: hers === undefined ? [] : [hers], his: his === undefined ? [] : [his] }
}

/** Who this node is connected to under that id. */
const held = (node: Node, { announceId }: Pick<Node, 'announceId'>) =>
  node.swarm.peers.filter(({ remote }) => remote.announceId === announceId).map(({ remote }) => remote.peerId)

describe('X3 whoever poses as somebody else, and can prove nothing,', () => {
  test('goes when that one comes by another way, and does not come again', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const ann = await join()
    const bob = await join({ hubs: [] })
    const eve = pose(bob.announceId, hers)
    await world.env.until(() => held(ann, bob).length > 0, 10_000)
    expect(held(ann, bob)).toEqual([eve.network.identity.peerId])

    for (const hub of his) bob.swarm.attach(hub.client())
    await world.env.until(() => held(ann, bob).includes(bob.network.identity.peerId), 40_000)
    await world.env.advance(60_000)
    expect([held(ann, bob), held(bob, ann)]).toEqual([[bob.network.identity.peerId], [ann.network.identity.peerId]])
    expect(held(eve, ann)).toEqual([])
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })

  test('does not keep that place under a topic that was found in common either', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const [ann, bob] = [await join(), await join({ hubs: [] })]
    const eve = pose(bob.announceId, hers)
    const second = 'cd'.repeat(20)
    const [anns] = [ann, eve].map(node => node.also(second))
    const heldThere = () => anns?.peers.map(({ remote }) => remote.peerId)
    await world.env.until(() => heldThere()?.length === 1, 10_000)
    expect(heldThere()).toEqual([eve.network.identity.peerId])
    const bobs = bob.also(second)
    for (const hub of his) bobs.attach(hub.client())
    await world.env.until(() => heldThere()?.[0] === bob.network.identity.peerId, 40_000)
    await world.env.advance(60_000)
    expect(heldThere()).toEqual([bob.network.identity.peerId])
    await world.closeAll()
  })

  test('keeps nobody from being introduced by peers', async () => {
    const callers = new Set<boolean>()
    for (let seed = 1; seed <= 4; seed++) {
      const { world, join, pose, hers } = await setUp(seed)
      const [ann, carl, bob] = [await join(), await join({ hubs: [] }), await join({ hubs: [] })]
      pose(bob.announceId, hers)
      await world.env.until(() => held(ann, bob).length > 0, 10_000)
      await introduce(world, carl, ann)
      await introduce(world, carl, bob)
      callers.add(ann.announceId > bob.announceId)
      await world.env.until(() => held(ann, bob).includes(bob.network.identity.peerId), 1_000)
      expect(held(ann, bob)).toEqual([bob.network.identity.peerId])
      await world.closeAll()
    }
    expect(callers.size).toBe(2) // whoever has the higher id calls
  })

  test('is never handed out while the path to that one is lost, since it goes at once', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const ann = await join()
    const bob = await join({ hubs: his })
    for (const { engine } of [ann, bob]) engine.restarts = false
    await world.env.until(() => held(ann, bob).length > 0, 10_000)
    const states: string[] = []
    ann.swarm.on('peer', ({ state }) => states.push(state))
    for (const { engine } of [ann, bob])
      for (const between of engine.alive) if (between.state === 'connected') between.turn('disconnected')
    await world.env.advance(3_100)
    pose(bob.announceId, hers)
    await world.env.advance(10_000)
    expect(states.filter(state => state !== 'open')).toEqual([])
    await world.closeAll()
  })

  test('is named to nobody, who would take whoever named it for a liar', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const [ann, carl] = [await join(), await join({ hubs: his })]
    const { announceId } = await join({ hubs: [] })
    const eve = pose(announceId, hers, { exchange: true })
    await world.env.until(() => held(ann, eve).length > 0 && held(carl, ann).length > 0, 10_000)
    await world.env.advance(60_000)
    expect([ann, carl].map(({ network }) => network.sharing.relay?.status())).toMatchObject([
      { ports: 1, distrusted: 0, dropped: {} },
      { ports: 1, distrusted: 0, members: 0 },
    ])
    await world.closeAll()
  })
})
