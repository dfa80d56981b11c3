import { describe, expect, test } from 'vitest'
import type { Id } from '../../../../src/core/id.js'
import { newAnnounceId } from '../../../../src/identity/announce-id.js'
import { createIdentity } from '../../../../src/identity/key-pair.js'
import { introduce } from '../../../simulate/introduce.js'
import { type Node, type NodeOptions, World } from '../../../simulate/world.js'

/** Every member proves its identity, except an impostor that uses another's announce id. */
async function setUp(seed = 1) {
  const world = new World({ seed, hubs: [{ name: 'hers' }, { name: 'his' }] })
  const [[hers, his]] = [world.hubs]
  const join = async (options: { hubs?: World['hubs'] } = {}) => {
    const identity = await createIdentity({ env: world.env })
    return world.join({ exchange: true, bound: true, identity, announceId: newAnnounceId(identity, world.env), ...options })
  }
  /** Joins an impostor without a key to its announce id. */
  const pose = (announceId: Id, hubs: World['hubs'], options: NodeOptions = {}) => world.join({ announceId, hubs, ...options })
  return { world, join, pose, hers: hers === undefined ? [] : [hers], his: his === undefined ? [] : [his] }
}

/** The peers that this node is connected to under that announce id. */
const held = (node: Node, { announceId }: Pick<Node, 'announceId'>) =>
  node.swarm.peers.filter(({ remote }) => remote.announceId === announceId).map(({ remote }) => remote.peerId)

describe('an impostor without proof', () => {
  test('is disconnected when the owner of the id comes by another way, and does not come back [X3]', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const ann = await join()
    const bob = await join({ hubs: [] })
    const eve = pose(bob.announceId, hers)
    await world.env.until(() => held(ann, bob).length > 0, 10_000)
    expect(held(ann, bob)).toEqual([eve.runtime.identity.peerId])

    for (const hub of his) bob.swarm.attach(hub.client())
    await world.env.until(() => held(ann, bob).includes(bob.runtime.identity.peerId), 40_000)
    await world.env.advance(60_000)
    expect([held(ann, bob), held(bob, ann)]).toEqual([[bob.runtime.identity.peerId], [ann.runtime.identity.peerId]])
    expect(held(eve, ann)).toEqual([])
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })

  test('does not keep the slot under a further topic in common either [X3]', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const [ann, bob] = [await join(), await join({ hubs: [] })]
    const eve = pose(bob.announceId, hers)
    const second = 'cd'.repeat(20)
    const [anns] = [ann, eve].map(node => node.also(second))
    const heldThere = () => anns?.peers.map(({ remote }) => remote.peerId)
    await world.env.until(() => heldThere()?.length === 1, 10_000)
    expect(heldThere()).toEqual([eve.runtime.identity.peerId])
    const bobs = bob.also(second)
    for (const hub of his) bobs.attach(hub.client())
    await world.env.until(() => heldThere()?.[0] === bob.runtime.identity.peerId, 40_000)
    await world.env.advance(60_000)
    expect(heldThere()).toEqual([bob.runtime.identity.peerId])
    await world.closeAll()
  })

  test('keeps no peer from being introduced [X3]', async () => {
    const callers = new Set<boolean>()
    for (let seed = 1; seed <= 4; seed++) {
      const { world, join, pose, hers } = await setUp(seed)
      const [ann, carl, bob] = [await join(), await join({ hubs: [] }), await join({ hubs: [] })]
      pose(bob.announceId, hers)
      await world.env.until(() => held(ann, bob).length > 0, 10_000)
      await introduce(world, carl, ann)
      await introduce(world, carl, bob)
      callers.add(ann.announceId > bob.announceId)
      await world.env.until(() => held(ann, bob).includes(bob.runtime.identity.peerId), 1_000)
      expect(held(ann, bob)).toEqual([bob.runtime.identity.peerId])
      await world.closeAll()
    }
    expect(callers.size).toBe(2) // the higher id offers
  })

  test('is never handed out while the path to the owner is lost, since it is disconnected at once [X3]', async () => {
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

  test('is named to no peer, since that would make the namer look like a liar [X3]', async () => {
    const { world, join, pose, hers, his } = await setUp()
    const [ann, carl] = [await join(), await join({ hubs: his })]
    const { announceId } = await join({ hubs: [] })
    const eve = pose(announceId, hers, { exchange: true })
    await world.env.until(() => held(ann, eve).length > 0 && held(carl, ann).length > 0, 10_000)
    await world.env.advance(60_000)
    expect([ann, carl].map(({ runtime }) => runtime.sharedTopics.exchange?.status())).toMatchObject([
      { ports: 1, distrusted: 0, dropped: {} },
      { ports: 1, distrusted: 0, members: 0 },
    ])
    await world.closeAll()
  })
})
