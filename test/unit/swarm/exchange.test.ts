import { describe, expect, test } from 'vitest'
import { FakeHub } from '../../support/fake-signaling.js'
import { type Node, World } from './world.js'

/** These two meet on a tracker of their own, which is gone as soon as they have. */
async function introduce(world: World, member: Node, newcomer: Node): Promise<void> {
  const hub = new FakeHub(world.env, { name: `hub of ${newcomer.announceId}` })
  const clients = [member, newcomer].map(node => {
    const client = hub.client()
    node.swarm.attach(client)
    return { node, client }
  })
  const met = () => newcomer.swarm.peers.some(({ remote }) => remote.announceId === member.announceId)
  await world.env.until(met, 10_000)
  hub.stop()
  for (const { node, client } of clients) {
    void node.swarm.detach(client.name)
    client.close()
  }
}

/** A swarm of this size, all of it met by exchange but for its first two. */
async function grow(world: World, size: number): Promise<void> {
  const [first, second] = [world.join({ exchange: true }), world.join({ exchange: true })]
  await introduce(world, first, second)
  const newcomers = Array.from({ length: size - 2 }, () => world.join({ exchange: true }))
  const members = [first, second]
  await Promise.all(newcomers.map((newcomer, nth) => introduce(world, members[nth % 2] ?? first, newcomer)))
}

describe('X2 a swarm without a tracker', () => {
  test('a newcomer that knows one member becomes a full member', async () => {
    const world = new World({ hubs: [] })
    await grow(world, 8)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    const newcomer = world.join({ exchange: true })
    await introduce(world, world.nodes[3] ?? newcomer, newcomer)
    await world.env.until(() => newcomer.swarm.peers.length === 8, 5_000)
    expect(newcomer.swarm.stages()).toMatchObject({ connected: 8, exchanged: 7 })
    expect(Object.keys(newcomer.swarm.stagesBySignaling())).toContain('exchange')
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })

  test('twenty who each know one of the first two find each other', async () => {
    const world = new World({ hubs: [] })
    await grow(world, 20)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    console.log(world.report('20 by exchange'))
    await world.closeAll()
  })

  test('half of them die without a word and as many come: complete again', async () => {
    const world = new World({ hubs: [] })
    await grow(world, 20)
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    for (const node of world.nodes.slice(10)) node.kill()
    const survivors = [...world.nodes]
    const newcomers = survivors.map(() => world.join({ exchange: true }))
    await Promise.all(newcomers.map((newcomer, nth) => introduce(world, survivors[nth] ?? newcomer, newcomer)))
    const at = world.env.now()
    await world.env.until(() => world.missingLinks() === 0, 30_000)
    console.log('complete after', world.env.now() - at)
    await world.closeAll()
  })

  test('those who do not want it neither ask nor are named', async () => {
    const world = new World({ hubs: [] })
    const [hermit, first, second] = [world.join(), world.join({ exchange: true }), world.join({ exchange: true })]
    await introduce(world, first, hermit)
    await introduce(world, first, second)
    await world.env.advance(60_000)
    expect([hermit.swarm.peers.length, second.swarm.peers.length]).toEqual([1, 1])
    await world.closeAll()
  })
})
