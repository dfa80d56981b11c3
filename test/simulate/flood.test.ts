import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.js'
import { randomId } from '../../src/core/id.js'
import { parseSdp } from '../../src/core/sdp.js'
import { FakeConnection } from '../support/fakes/fake-engine.js'
import { type Node, type NodeOptions, TOPIC, World, type WorldOptions } from './world.js'

/** A round trip of 200 ms between peers, one of 80 ms to the tracker. */
const FAR: WorldOptions = { latency: 100, hubs: [{ latency: 40 }] }
/** How much longer a newcomer may wait. The tracker holds announcements without a receiver for 400 ms. */
const ALLOWED = 1_000

/** Offers like a stock peer's, from peers that do not exist. */
async function deadOffers(world: World) {
  const connection = new FakeConnection(world.net)
  const making = connection.createOffer()
  await world.env.advance(10)
  const template = await making
  connection.close()
  const hex = (bytes: number) => toHex(world.env.randomBytes(bytes))
  const fresh = () =>
    template
      .replace(/a=ice-ufrag:.*/, `a=ice-ufrag:${hex(8)}`)
      .replace(/a=fingerprint:.*/, `a=fingerprint:sha-256 ${hex(32).toUpperCase().match(/../g)?.join(':')}`)
  return { old: () => template, fresh }
}

/** Delivers `perSecond` offers a second to all nodes of the world, each under a new id, as long as virtual time goes on. */
function flood(world: World, perSecond: number, description: () => string): () => void {
  let flooding = true
  const next = () => {
    if (!flooding) return
    for (const { clients } of world.nodes)
      for (const client of clients)
        client.hear(TOPIC, listener => {
          listener.offer({ from: randomId(world.env), offerId: randomId(world.env), sdp: parseSdp(description()) })
        })
    world.env.timer(1_000 / perSecond, next)
  }
  next()
  return () => (flooding = false)
}

/** Measures how long a newcomer waits for its first peer, in virtual milliseconds. */
async function firstPeer(world: World, options: NodeOptions): Promise<number> {
  const before = world.env.now()
  const newcomer = world.join(options)
  await world.env.until(() => newcomer.swarm.peers.length > 0, 60_000)
  const took = world.env.now() - before
  await newcomer.close()
  await world.env.advance(500)
  return took
}

const bounded = ({ engine, runtime }: Node) => [engine.alive.length, runtime.budget.used].every(count => count <= 100)

describe('a flood of offers whose senders never connect', () => {
  test.each([
    { rate: 10, kind: 'fresh', maxPeers: 50 },
    { rate: 50, kind: 'fresh', maxPeers: 50 },
    { rate: 50, kind: 'old', maxPeers: 50 },
    { rate: 10, kind: 'fresh', maxPeers: 5 },
    { rate: 50, kind: 'fresh', maxPeers: 5 },
  ] as const)(
    'delays a newcomer by at most 1 s: $rate $kind offers a second, $maxPeers peers allowed [X4] [Law 6]',
    async ({ rate, kind, maxPeers }) => {
      const world = new World(FAR)
      const options = { limits: { maxPeers } }
      const node = world.join(options)
      await world.env.advance(20_000)
      const quiet = await firstPeer(world, options)
      const offers = await deadOffers(world)
      const stop = flood(world, rate, offers[kind])
      await world.env.advance(12_000)
      const waits: number[] = []
      for (let i = 0; i < 10; i++) {
        waits.push(await firstPeer(world, options))
        expect(bounded(node)).toBe(true)
      }
      expect(Math.max(...waits) - quiet).toBeLessThanOrEqual(ALLOWED)
      stop()
      await world.closeAll()
      await world.env.advance(1_000)
      expect(world.net.alive).toBe(0)
    },
  )
})
