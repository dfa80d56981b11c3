import { describe, expect, test, vi } from 'vitest'
import { randomId } from '../../src/core/id.js'
import { parseSdp, withIdentity } from '../../src/core/sdp.js'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import { createIdentity } from '../../src/identity/key-pair.js'
import { signDescription } from '../../src/identity/proof.js'
import { FakeConnection } from '../support/fakes/fake-engine.js'
import { type NodeOptions, TOPIC, World } from './world.js'

/** A client that can verify the owner of an announce id, an owner, and whatever the tracker delivers under the owner's id. */
async function setUp(options: NodeOptions = {}, seed = 1) {
  const world = new World({ seed })
  world.hub.ghosts = 3
  const [own, identity] = [await createIdentity({ env: world.env }), await createIdentity({ env: world.env })]
  const node = world.join({ bound: true, identity: own, announceId: newAnnounceId(own, world.env), ...options })
  await world.env.advance(1_000)
  const owner = newAnnounceId(identity, world.env)
  const describeSelf = async () => {
    const connection = new FakeConnection(world.net)
    connection.createChannel('first')
    const making = connection.createOffer()
    await world.env.advance(10)
    return await making
  }
  const offer = (sdp: string, { from = owner, topic = TOPIC } = {}) =>
    node.clients[0]?.hear(topic, listener => listener.offer({ from, offerId: randomId(world.env), sdp: parseSdp(sdp) }))
  const proven = async (topic = TOPIC) =>
    await signDescription(await describeSelf(), { role: 'offer', topic, identity, announceId: owner })
  const key = 'A'.repeat(43)
  const signature = 'A'.repeat(86)
  const lines = {
    stock: undefined,
    'no proof': `1 ${identity.peerId} ${owner}`,
    'a proof that fails': `1 ${identity.peerId} ${owner} ${key} ${signature}`,
    'a proof of an unknown kind': `2 ${identity.peerId} ${owner} ${key} ${signature}`,
  }
  const forged = async (line: keyof typeof lines) => {
    const [sdp, identityLine] = [await describeSelf(), lines[line]]
    return identityLine === undefined ? sdp : withIdentity(sdp, identityLine)
  }
  const stages = () => node.swarm.stages()
  return { world, node, owner, offer, proven, forged, stages }
}

const FORGERIES = ['stock', 'no proof', 'a proof that fails', 'a proof of an unknown kind'] as const

describe('the owner of an id that comes after an offer under its id with', () => {
  test.each(FORGERIES)('%s, is answered [X3]', async line => {
    const { world, offer, proven, forged, stages } = await setUp()
    offer(await forged(line))
    await world.env.advance(100)
    const before = stages().answered
    offer(await proven())
    await world.env.advance(100)
    expect([stages().answered - before, stages().refused]).toEqual([1, {}])
    await world.closeAll()
  })

  test('old offers of its own, is answered within 1 s at first, at once from then on, and has at most four attempts [X2] [X3]', async () => {
    const { world, node, owner, offer, proven, stages } = await setUp()
    offer(await proven())
    await world.env.advance(100)
    const late = await proven()
    offer(late)
    await world.env.advance(10)
    expect(stages()).toMatchObject({ answered: 1, refused: { connecting: 1 } })
    await world.env.advance(1_000)
    offer(late)
    await world.env.advance(10)
    expect(stages().answered).toBe(2)
    for (let i = 0; i < 2; i++) offer(await proven())
    await world.env.advance(10)
    expect(stages().answered).toBe(4)
    offer(await proven())
    await world.env.advance(10)
    expect(stages()).toMatchObject({ answered: 4, refused: { connecting: 2 } })
    expect([...node.runtime.index.entries(owner)]).toHaveLength(4)
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, is answered while that offer waits in the queue [X3]', async line => {
    const { world, node, owner, offer, proven, forged, stages } = await setUp()
    let begun = 0
    node.engine.fault = () => (begun++ < 10 ? 'mute' : undefined)
    for (let other = 0; other < 10; other++) offer(await forged('stock'), { from: randomId(world.env) })
    await world.env.advance(10)
    offer(await forged(line))
    offer(await proven())
    await world.env.advance(1_000)
    expect(stages().answered).toBe(0)
    await world.env.advance(10_000)
    const claims = [...node.runtime.index.entries(owner)]
    expect([stages().answered, claims.filter(entry => entry.proven).length]).toEqual([1, 1])
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, is answered after that offer was refused [X3]', async line => {
    const { world, offer, proven, forged, stages } = await setUp({ admit: ({ verified }) => verified })
    offer(await forged(line))
    await world.env.advance(100)
    expect(stages().answered).toBe(0)
    offer(await proven())
    await world.env.advance(100)
    expect(stages().answered).toBe(1)
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, is answered when that offer does not connect [X3]', async line => {
    const { world, offer, proven, forged, stages } = await setUp()
    for (let i = 0; i < 2; i++) {
      offer(await forged(line))
      await world.env.advance(11_000)
    }
    const before = stages().answered
    offer(await proven())
    await world.env.advance(100)
    expect(stages().answered - before).toBe(1)
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, keeps its attempt when that comes as an answer to an offer of this client [X3]', async line => {
    const callers = new Set<boolean>()
    for (let seed = 1; seed <= 4; seed++) {
      const { world, node, owner, offer, proven, forged, stages } = await setUp({}, seed)
      const announce = vi.spyOn(node.clients[0]!, 'announce')
      await world.env.advance(30_000)
      const [called] = announce.mock.calls.flatMap(([{ offers }]) => offers).toReversed()
      offer(await proven())
      await world.env.advance(50)
      const [entry] = node.runtime.index.entries(owner)
      const sdp = parseSdp(await forged(line))
      node.clients[0]?.hear(TOPIC, listener => listener.answer({ from: owner, offerId: called?.id ?? '', sdp }))
      await world.env.advance(50)
      expect([...node.runtime.index.entries(owner)]).toEqual([entry])
      expect(entry?.proven).toBe(true)
      const { refused, failed } = stages()
      expect((refused['connecting'] ?? 0) + (refused['glare'] ?? 0) + (failed['ERR_IDENTITY'] ?? 0)).toBe(1)
      callers.add(node.announceId > owner)
      await world.closeAll()
    }
    expect(callers.size).toBe(2) // both outcomes of glare
  })
})

test('a swarm refused under one topic learns that the attempt under the other topic failed [X1]', async () => {
  const { world, node, offer, proven } = await setUp()
  const second = node.also('cd'.repeat(20))
  await world.env.advance(20_000)
  const offers = [await proven(), await proven(second.topic)] as const
  offer(offers[0])
  offer(offers[1], { topic: second.topic })
  await world.env.advance(900)
  // Which proof is verified first is not deterministic.
  const [away, ...others] = [node.swarm, second].filter(swarm => swarm.stages().refused['connecting'] === 1)
  expect([others, node.swarm.stages().answered + second.stages().answered]).toEqual([[], 1])
  const announced = () => world.hub.heard.filter(({ topic }) => topic === away?.topic).length
  const before = announced()
  await world.env.advance(400) // an attempt may fail after 1 s
  expect(announced()).toBeGreaterThan(before)
  await world.closeAll()
})
