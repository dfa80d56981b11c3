import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../../../src/core/id.js'
import { parseSdp, withIdentity, type Sdp } from '../../../../src/core/sdp.js'
import { FakeConnection } from '../../../support/fakes/fake-engine.js'
import { TOPIC, World, type NodeOptions } from '../../../simulate/world.js'

/** Microtasks from the application's answer to the answer that leaves, and some more. */
const MICROTASKS = Array.from({ length: 15 }, (_, index) => index)
const HIGH = 'f'.repeat(40)
const LOW = '1'.repeat(40)

/** A swarm whose tracker delivers these descriptions, and what the swarm sends through it. */
async function setUp(options: NodeOptions = {}) {
  const world = new World()
  const node = world.join(options)
  const [client] = node.clients
  if (client === undefined) throw new Error('the node has no tracker')
  const offers: Array<{ id: Id; sdp: string }> = []
  const answers: string[] = []
  const announce = client.announce.bind(client)
  client.announce = announcement => {
    offers.push(...announcement.offers)
    return announce(announcement)
  }
  client.answer = ({ sdp }) => answers.push(sdp) > 0
  await world.env.advance(100)
  const description = async (
    make: (connection: FakeConnection) => Promise<string>,
    identity?: string,
  ): Promise<[FakeConnection, Sdp]> => {
    const connection = new FakeConnection(world.net)
    const making = make(connection)
    await world.env.advance(10)
    const text = await making
    return [connection, parseSdp(identity === undefined ? text : withIdentity(text, identity))]
  }
  const anOffer = async (identity?: string) =>
    await description(connection => {
      connection.createChannel('first')
      return connection.createOffer()
    }, identity)
  const anAnswer = async (offer: string, identity?: string) =>
    await description(connection => connection.createAnswer(parseSdp(offer).text), identity)
  const hear = (kind: 'offer' | 'answer', from: Id, offerId: Id, sdp: Sdp) =>
    client.hear(TOPIC, listener => listener[kind]({ from, offerId, sdp }))
  return { world, node, offers, answers, anOffer, anAnswer, hear }
}

/** An application that accepts peers when it is told to. */
function slowAdmit() {
  const accept: Array<() => void> = []
  return { accept, admit: () => new Promise<boolean>(resolve => accept.push(() => resolve(true))) }
}

async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

describe('Handshake', () => {
  test.each(MICROTASKS)(
    'leaves no connection of an offer when the swarm closes %i microtasks after it was accepted [Law 5]',
    async k => {
      const { accept, admit } = slowAdmit()
      const { world, node, answers, anOffer, hear } = await setUp({ admit })
      let peers = 0
      node.swarm.on('peer', () => peers++)
      const [remote, sdp] = await anOffer()
      hear('offer', randomId(world.env), randomId(world.env), sdp)
      await world.env.advance(10)
      accept[0]?.()
      await microtasks(k)
      void node.swarm.close()
      await world.env.advance(100)
      if (answers[0] !== undefined) void remote.acceptAnswer(parseSdp(answers[0]).text).catch(() => {})
      await world.env.advance(60_000)
      node.runtime.pool.drain()
      expect([peers, node.engine.alive.length, node.runtime.budget.used]).toEqual([0, 0, 0])
    },
  )

  test.each(MICROTASKS)(
    'keeps one connection when an answer is accepted %i microtasks after an offer of the same remote [A9]',
    async k => {
      const { accept, admit } = slowAdmit()
      const { world, node, offers, anOffer, anAnswer, hear } = await setUp({ admit, announceId: HIGH })
      const identity = `1 ${'a'.repeat(40)} ${LOW}`
      const [, offer] = await anOffer(identity)
      const [, answer] = await anAnswer(offers[0]?.sdp ?? '', identity)
      hear('offer', LOW, randomId(world.env), offer)
      await world.env.advance(10)
      hear('answer', LOW, offers[0]?.id ?? '', answer)
      await world.env.advance(10)
      const { used } = node.runtime.budget
      accept[0]?.()
      await microtasks(k)
      accept[1]?.()
      await world.env.advance(200)
      expect(node.runtime.budget.used).toBe(used) // the answer uses the connection of its offer; that of the other offer is closed
      await node.swarm.close()
      await world.env.advance(60_000)
      node.runtime.pool.drain()
      expect([node.engine.alive.length, node.runtime.budget.used]).toEqual([0, 0])
    },
  )

  test('avoids a peer that answers with a malformed identity where this client has no key [X3]', async () => {
    const { world, node, offers, anAnswer, hear } = await setUp()
    const from = randomId(world.env)
    for (const { id, sdp } of offers.slice(0, 4)) {
      const [, answer] = await anAnswer(sdp, '1 malformed')
      hear('answer', from, id, answer)
      await world.env.advance(50)
    }
    const { failed, refused } = node.swarm.stages()
    expect([failed['ERR_IDENTITY'], refused['seen']]).toEqual([1, 3])
  })

  test('gives the slot of an offer back whose connection failed before its answer came [Law 6]', async () => {
    const { world, node, offers, anAnswer, hear } = await setUp()
    const [, answer] = await anAnswer(offers[0]?.sdp ?? '')
    const from = randomId(world.env)
    for (const connection of node.engine.alive) connection.close()
    hear('answer', from, offers[0]?.id ?? '', answer)
    await world.env.advance(100)
    expect(node.swarm.stages()).toMatchObject({ failed: {}, refused: { 'unknown-offer': 1 } })
    await node.swarm.close()
    node.runtime.pool.drain()
    expect(node.runtime.budget.used).toBe(0)
  })
})
