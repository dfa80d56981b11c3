import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/core/bytes.js'
import { randomId } from '../../../src/core/id.js'
import { parseSdp } from '../../../src/core/sdp.js'
import { FakeConnection } from '../../support/fake-engine.js'
import { type Node, type NodeOptions, TOPIC, World, type WorldOptions } from './world.js'

/** A round trip of 200 ms between peers, one of 80 ms to the tracker. */
const FAR: WorldOptions = { latency: 100, hubs: [{ latency: 40 }] }
/** Announcements that the tracker hands to nobody wait for 400 ms. */
const ALLOWED = 1_000

/** Offers as a stock peer makes them, of peers that do not exist. */
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

/** Offers that arrive at all nodes of the world, so many a second, each under a new id, as long as the world's time goes on. */
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

/** How long a newcomer waits for its first peer, in virtual milliseconds. */
async function firstPeer(world: World, options: NodeOptions): Promise<number> {
  const before = world.env.now()
  const newcomer = world.join(options)
  await world.env.until(() => newcomer.swarm.peers.length > 0, 60_000)
  const took = world.env.now() - before
  await newcomer.close()
  await world.env.advance(500)
  return took
}

const bounded = ({ engine, network }: Node) => [engine.alive.length, network.budget.used].every(count => count <= 100)

describe('Law 6 a flood of offers whose callers never come', () => {
  test.each([
    { rate: 10, kind: 'fresh', maxPeers: 50 },
    { rate: 50, kind: 'fresh', maxPeers: 50 },
    { rate: 50, kind: 'old', maxPeers: 50 },
    { rate: 10, kind: 'fresh', maxPeers: 5 },
    { rate: 50, kind: 'fresh', maxPeers: 5 },
  ] as const)(
    'makes a newcomer wait for at most a second longer: $rate $kind ones a second, $maxPeers peers allowed [X4]',
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
