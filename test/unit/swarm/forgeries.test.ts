import { describe, expect, test } from 'vitest'
import { randomId } from '../../../src/core/id.js'
import { parseSdp, withIdentity } from '../../../src/core/sdp.js'
import { announceIdOf } from '../../../src/identity/announce-id.js'
import { createIdentity } from '../../../src/identity/key-pair.js'
import { signDescription } from '../../../src/identity/proof.js'
import { FakeConnection } from '../../support/fake-engine.js'
import { type NodeOptions, TOPIC, World } from './world.js'

/** Somebody who can tell whose an id is, an owner of one, and whatever the tracker says in the owner's name. */
async function setUp(options: NodeOptions = {}) {
  const world = new World()
  const [own, identity] = [await createIdentity({ env: world.env }), await createIdentity({ env: world.env })]
  const node = world.join({ bound: true, identity: own, announceId: announceIdOf(own, world.env), ...options })
  await world.env.advance(1_000)
  const owner = announceIdOf(identity, world.env)
  const describeSelf = async () => {
    const connection = new FakeConnection(world.net)
    connection.createChannel('first')
    const making = connection.createOffer()
    await world.env.advance(10)
    return await making
  }
  const offer = (sdp: string, from = owner) =>
    node.clients[0]?.hear(TOPIC, listener => listener.offer({ from, offerId: randomId(world.env), sdp: parseSdp(sdp) }))
  const proven = async () =>
    await signDescription(await describeSelf(), { role: 'offer', topic: TOPIC, identity, announceId: owner })
  const key = 'A'.repeat(43)
  const signature = 'A'.repeat(86)
  const lines = {
    stock: undefined,
    'no proof': `1 ${identity.peerId} ${owner}`,
    'a proof that fails': `1 ${identity.peerId} ${owner} ${key} ${signature}`,
    'a proof of a kind that nobody knows': `2 ${identity.peerId} ${owner} ${key} ${signature}`,
  }
  const forged = async (line: keyof typeof lines) => {
    const [sdp, identityLine] = [await describeSelf(), lines[line]]
    return identityLine === undefined ? sdp : withIdentity(sdp, identityLine)
  }
  const stages = () => node.swarm.stages()
  return { world, node, offer, proven, forged, stages }
}

const FORGERIES = ['stock', 'no proof', 'a proof that fails', 'a proof of a kind that nobody knows'] as const

describe('X3 whoever shows its proof is answered, though somebody came in its name with', () => {
  test.each(FORGERIES)('%s', async line => {
    const { world, offer, proven, forged, stages } = await setUp()
    offer(await forged(line))
    await world.env.advance(100)
    const before = stages().answered
    offer(await proven())
    await world.env.advance(100)
    expect([stages().answered - before, stages().refused]).toEqual([1, {}])
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, and waits for its turn', async line => {
    const { world, node, offer, proven, forged, stages } = await setUp()
    node.engine.fault = () => 'mute'
    for (let other = 0; other < 10; other++) offer(await forged('stock'), randomId(world.env))
    await world.env.advance(10)
    offer(await forged(line))
    offer(await proven())
    await world.env.advance(11_000)
    expect(stages().refused).toEqual({})
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, and was turned away', async line => {
    const { world, offer, proven, forged, stages } = await setUp({ admit: ({ verified }) => verified })
    offer(await forged(line))
    await world.env.advance(100)
    expect(stages().answered).toBe(0)
    offer(await proven())
    await world.env.advance(100)
    expect(stages().answered).toBe(1)
    await world.closeAll()
  })

  test.each(FORGERIES)('%s, and does not connect', async line => {
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
})
