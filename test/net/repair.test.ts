import wrtc from '@roamhq/wrtc'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DataConnection } from '../../src/channel/messages/data-connection.js'
import { systemEnv } from '../../src/core/env.js'
import { randomId } from '../../src/core/id.js'
import { roamhqEngine } from '../../src/engine/roamhq.js'
import type { Announcement, OutboundAnswer } from '../../src/signaling/signaling.js'
import { Runtime, RUNTIME_DEFAULTS } from '../../src/swarm/runtime.js'
import { Swarm } from '../../src/swarm/swarm.js'
import { SWARM_DEFAULTS } from '../../src/swarm/swarm-options.js'
import { Detour } from '../support/nat/detour.js'
import { FakeHub, FakeSignaling } from '../support/fakes/fake-signaling.js'

const TOPIC = 'ab'.repeat(20)
const engine = roamhqEngine(wrtc)
const env = systemEnv

/** Connects its members through the detour. */
class DetouredSignaling extends FakeSignaling {
  override announce(announcement: Announcement): boolean {
    const offers = announcement.offers.map(offer => ({ ...offer, sdp: detour.rewrite(offer.sdp) }))
    return super.announce({ ...announcement, offers })
  }

  override answer(answer: OutboundAnswer): boolean {
    return super.answer({ ...answer, sdp: detour.rewrite(answer.sdp) })
  }
}

interface Node {
  runtime: Runtime
  swarm: Swarm
  events: string[]
}

let detour: Detour
const closing: Array<() => Promise<void> | void> = []

beforeEach(async () => {
  detour = await Detour.open()
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  detour.close()
})

function join(): Node {
  const announceId = randomId(env)
  const runtime = new Runtime({
    ...RUNTIME_DEFAULTS,
    env,
    engine,
    identity: { peerId: announceId },
    announceId,
    rtcConfig: { iceServers: [] },
    exchange: true,
    warn: () => {},
  })
  const swarm = new Swarm({
    topic: TOPIC,
    runtime,
    limits: SWARM_DEFAULTS,
    numwant: 10,
    port: 1,
    progress: () => ({ uploaded: 0, downloaded: 0, left: 1 }),
  })
  const events: string[] = []
  swarm.on('peer', ({ connection }) => {
    connection.on('unwell', () => events.push('unwell'))
    connection.on('well', () => events.push('well'))
  })
  swarm.on('lost', (_, error) => events.push(`lost ${error?.code}`))
  closing.push(async () => {
    await swarm.close()
    runtime.close()
  })
  return { runtime, swarm, events }
}

/** Attaches these nodes to a common hub. */
function meet(nodes: Node[], make: (hub: FakeHub) => FakeSignaling): void {
  const hub = new FakeHub(env, { name: `hub ${closing.length}` })
  for (const { swarm } of nodes) {
    const client = make(hub)
    swarm.attach(client)
    closing.push(() => client.close())
  }
}

const peers = (nodes: Node[]) => nodes.map(({ swarm }) => swarm.peers.length)
async function until(what: () => unknown, value: unknown, timeout = 20_000): Promise<void> {
  await expect.poll(what, { timeout }).toEqual(value)
}

/** Two nodes whose only path leads through the detour, and the messages that each receives. */
async function pair() {
  const [one, two] = [join(), join()]
  meet([one, two], hub => new DetouredSignaling(hub))
  await until(() => [one, two].map(({ swarm }) => swarm.connections.length), [1, 1])
  const ends = [one, two].map(({ swarm }) => swarm.connections[0])
  const [here, there] = ends as [DataConnection, DataConnection] // one each, as just checked
  const heard: unknown[] = []
  there.on('data', data => heard.push(data))
  expect(detour.passed).toBeGreaterThan(10)
  return { one, two, here, heard }
}

describe('repair with real engines', () => {
  it('replaces a lost path through a third peer, and messages sent meanwhile arrive [X2]', { timeout: 60_000 }, async () => {
    const { one, two, here, heard } = await pair()
    const third = join()
    meet([one, two, third], hub => hub.client())
    await until(() => peers([one, two, third]), [2, 2, 2])

    detour.isCut = true
    for (let nth = 0; nth < 20; nth++) here.send(nth)
    await until(() => heard.length, 20, 30_000)
    expect(heard).toEqual(Array.from({ length: 20 }, (_, nth) => nth))
    const events = [...one.events, ...two.events]
    expect(events).toContain('unwell')
    expect(events.filter(event => event.startsWith('lost'))).toEqual([])
    expect(peers([one, two, third])).toEqual([2, 2, 2])
  })

  it('moves a working connection to another path when the network changed [X1]', { timeout: 60_000 }, async () => {
    const { one, two, here, heard } = await pair()
    const port = async () => (await one.swarm.peers[0]?.connection.remoteAddress())?.port
    const before = await port()
    one.runtime.moved()
    here.send('before')
    await expect.poll(port, { timeout: 10_000 }).not.toBe(before)
    detour.isCut = true // no longer their path
    here.send('after')
    await until(() => heard, ['before', 'after'], 4_000)
    expect([one.events, two.events]).toEqual([[], []])
  })
})
