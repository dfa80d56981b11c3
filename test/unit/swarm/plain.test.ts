import { describe, expect, test } from 'vitest'
import type { DataConnection } from '../../../src/channel/messages/data-connection.js'
import { randomId } from '../../../src/core/id.js'
import { LEAVE_GRACE } from '../../../src/peer/remote-peer.js'
import type { SignalingListener } from '../../../src/signaling/signaling.js'
import { type FakeChannel, FakeConnection } from '../../support/fakes/fake-engine.js'
import { TOPIC, World } from '../../simulate/world.js'

const NUMBERS = { uploaded: 0, downloaded: 0, left: 1, numwant: 5, port: 1 }
const SILENT: SignalingListener = {
  open: () => {},
  close: () => {},
  offer: () => {},
  answer: () => {},
  counts: () => {},
  warning: () => {},
}

/** Connects one swarm in plain mode and a page without swarmlink. `caller` is the side that offers. */
async function setUp(caller: 'page' | 'swarm') {
  const world = new World()
  const from = randomId(world.env)
  const page = new FakeConnection(world.net)
  const line = world.hub.client()
  const heard: Array<string | Uint8Array> = []
  let channel: FakeChannel | undefined
  const use = (used: FakeChannel) => {
    channel = used
    used.on('message', message => heard.push(message))
  }
  if (caller === 'page') {
    line.subscribe(TOPIC, { ...SILENT, answer: ({ sdp }) => void page.acceptAnswer(sdp.text) })
  } else {
    page.on('channel', opened => use(opened as FakeChannel)) // of a FakeConnection
    let answered = false
    line.subscribe(TOPIC, {
      ...SILENT,
      offer: ({ from: to, offerId, sdp: offer }) => {
        if (answered) return
        answered = true
        void page.createAnswer(offer.text).then(sdp => line.answer({ topic: TOPIC, from, to, offerId, sdp }))
      },
    })
    await world.env.advance(50)
    line.announce({ topic: TOPIC, from, ...NUMBERS, offers: [] })
    await world.env.advance(50)
  }
  const node = world.join({ plain: true })
  const events: string[] = []
  const connections: DataConnection[] = []
  const received: unknown[] = []
  node.swarm.on('peer', () => events.push('peer'))
  node.swarm.on('connection', connection => {
    events.push('connection')
    connections.push(connection)
    connection.on('connect', () => events.push('connect'))
    connection.on('data', message => received.push(message))
    connection.on('close', () => events.push('close'))
  })
  node.swarm.on('lost', () => events.push('lost'))
  if (caller === 'page') {
    await world.env.advance(1_000)
    use(page.createChannel('data'))
    const offering = page.createOffer()
    await world.env.advance(10)
    line.announce({ topic: TOPIC, from, ...NUMBERS, offers: [{ id: randomId(world.env), sdp: await offering }] })
  }
  await world.env.until(() => events.includes('connect') && channel?.state === 'open')
  const [connection] = connections
  if (connection === undefined || channel === undefined) throw new Error('unreachable: both are there')
  return { world, node, page, from, channel, connection, events, heard, received }
}

describe.each(['page', 'swarm'] as const)('a swarm in plain mode and a stock peer (offer by the %s)', caller => {
  test('have a message channel of plain JSON on the only channel, and open no other [A5] [A8]', async () => {
    const { world, node, page, from, channel, connection, events, heard, received } = await setUp(caller)
    expect(events).toEqual(['peer', 'connection', 'connect'])
    expect(connection).toMatchObject({ remotePeerId: from, verified: false })
    expect(node.swarm.connections).toEqual([connection])
    connection.send({ type: 'handshake' })
    channel.send('{"type":"welcome"}')
    await world.env.advance(1_000)
    expect([heard, received]).toEqual([['{"type":"handshake"}'], [{ type: 'welcome' }]])
    expect(page.channels.size).toBe(1)
    await world.closeAll()
  })

  test('deliver what is sent before close(), and then both are gone [A8]', async () => {
    const { world, node, channel, connection, events, heard } = await setUp(caller)
    for (let i = 0; i < 10; i++) connection.send(i)
    const closing = connection.close()
    await world.env.advance(100)
    await closing
    expect([heard.length, channel.state]).toEqual([10, 'closed'])
    expect(events).toEqual(['peer', 'connection', 'connect', 'close'])
    await world.env.advance(LEAVE_GRACE)
    expect([events.at(-1), node.swarm.peers, node.swarm.connections]).toEqual(['lost', [], []])
    await world.closeAll()
  })

  test("notice the page's departure [A5] [A8]", async () => {
    const { world, page, events } = await setUp(caller)
    page.close()
    await world.env.advance(100)
    expect([events.slice(0, 3), events.slice(3).toSorted()]).toEqual([
      ['peer', 'connection', 'connect'],
      ['close', 'lost'],
    ])
    await world.closeAll()
  })
})
