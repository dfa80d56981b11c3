import { EventEmitter } from 'node:events'
import { expect, it, vi } from 'vitest'
import type { OfferPool } from '../../../src/peer/offer-pool.js'
import { WARM_FOR } from '../../../src/signaling/tracker/tracker.js'
import type { TorrentSwarm } from '../../../src/torrent/torrent-swarm.js'
import { Torrents } from '../../../src/torrent/torrents.js'
import type { Torrent } from '../../../src/torrent/webtorrent.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const infoHash = 'aa'.repeat(20)

function setUp(maxPeersPerTorrent = 50) {
  const env = new VirtualEnv()
  const pool = { prepare: vi.fn<(count: number) => void>(), drain: vi.fn<() => void>() }
  const swarm = { infoHash, retarget: vi.fn<() => void>(), close: vi.fn<() => Promise<void>>(async () => {}) }
  const begin = vi.fn<() => TorrentSwarm>(() => swarm as unknown as TorrentSwarm)
  const topics = new Map<string, object>()
  const torrents = new Torrents({ runtime: { env, pool: pool as unknown as OfferPool, topics }, maxPeersPerTorrent, begin })
  const torrent = Object.assign(new EventEmitter(), { infoHash, announce: [] }) as unknown as Torrent & EventEmitter
  return { env, pool, topics, swarm, begin, torrents, torrent }
}

it('gather five offers for the first torrent, or as many as it may have peers [A4]', () => {
  for (const [maxPeers, offers] of [
    [50, 5],
    [2, 2],
  ] as const) {
    const { torrents, torrent, pool } = setUp(maxPeers)
    torrents.follow(torrent)
    expect(pool.prepare).toHaveBeenCalledWith(offers)
  }
})

it('give offers that were gathered before the first torrent up after a minute [A4]', async () => {
  const { env, torrents, pool } = setUp()
  torrents.warm()
  expect(pool.prepare).toHaveBeenCalledWith(5)
  await env.advance(WARM_FOR - 1)
  expect(pool.drain).not.toHaveBeenCalled()
  await env.advance(1)
  expect(pool.drain).toHaveBeenCalledOnce()
})

it('keep them once there is a torrent, and until the last one is gone [A4]', async () => {
  const { env, torrents, torrent, pool, swarm } = setUp()
  torrents.warm()
  torrents.follow(torrent)
  torrents.warm() // has one
  await env.advance(2 * WARM_FOR)
  expect(pool.drain).not.toHaveBeenCalled()
  torrent.emit('close')
  await env.advance(0)
  expect(swarm.close).toHaveBeenCalledOnce()
  expect(pool.drain).toHaveBeenCalledOnce()
})

it('leave the offers to a room that shares the connections, after a minute and after the last torrent [A4]', async () => {
  const { env, torrents, torrent, pool, topics } = setUp()
  topics.set('bb'.repeat(20), {})
  torrents.warm()
  await env.advance(WARM_FOR)
  torrents.follow(torrent)
  torrent.emit('close')
  await env.advance(0)
  expect(pool.drain).not.toHaveBeenCalled()
})

it('leave no timer and no listener behind when the manager detaches [D4]', () => {
  const { env, torrents, torrent } = setUp()
  torrents.warm()
  torrents.detach()
  expect(env.pendingTimers).toBe(0)
  torrents.follow(torrent)
  torrents.detach()
  expect(torrent.listenerCount('close') + torrent.listenerCount('infoHash')).toBe(0)
})
