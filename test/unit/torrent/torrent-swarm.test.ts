import { EventEmitter } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
// oxlint-disable-next-line import/no-unassigned-import -- would be loaded with the first avoided peer otherwise, in real time, which virtual time does not wait for
import '../../../src/core/seen-filter.js'
// oxlint-disable-next-line import/no-unassigned-import -- would be loaded with the first torrent
import '../../../src/torrent/wires.js'
// oxlint-disable-next-line import/no-unassigned-import -- would be loaded with the first swarm
import '../../../src/swarm/lazy-peer-features.js'
import type { TorrentStream } from '../../../src/channel/torrent-stream.js'
import { fromHex } from '../../../src/core/bytes.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { randomId, type Id } from '../../../src/core/id.js'
import { PubSubSignaling } from '../../../src/signaling/pubsub/pubsub-signaling.js'
import type { Signaling } from '../../../src/signaling/signaling.js'
import { Runtime } from '../../../src/swarm/runtime.js'
import { SWARM_DEFAULTS } from '../../../src/swarm/swarm-options.js'
import { TorrentSwarm } from '../../../src/torrent/torrent-swarm.js'
import type { Torrent, Wire } from '../../../src/torrent/webtorrent.js'
import { FakeBus } from '../../support/fakes/fake-bus.js'
import { FakeConnection, FakeNet } from '../../support/fakes/fake-engine.js'
import { FakeHub } from '../../support/fakes/fake-signaling.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const INFO_HASH = 'cd'.repeat(20)

/** A torrent with WebTorrent's interface, which keeps the streams that it gets. */
class FakeTorrent extends EventEmitter {
  infoHash = INFO_HASH
  paused = false
  done = false
  length: number | undefined
  downloaded = 0
  uploaded = 0
  wires: Wire[] = []
  readonly streams: TorrentStream[] = []
  take: () => boolean = () => true

  addPeer(peer: unknown): boolean {
    if (this.take()) this.streams.push(peer as TorrentStream) // only streams are added
    return this.streams.includes(peer as TorrentStream)
  }
}

interface Side {
  torrent: FakeTorrent
  swarm: TorrentSwarm
  bitTorrentId: string
  events: string[]
  attach: (signaling: Signaling | undefined) => void
}

function world() {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const hub = new FakeHub(env)
  const join = (bitTorrentId: string = randomId(env), client: Signaling = hub.client()): Side => {
    const own = env.fork()
    const torrent = new FakeTorrent()
    const runtime = new Runtime({
      env: own,
      engine: net.engine(),
      identity: { peerId: randomId(own) },
      announceId: randomId(own),
      rtcConfig: {},
      gatherTimeout: 1_000,
      maxConnections: 256,
      exchange: false,
      warn: () => {},
    })
    let signaling: Signaling | undefined = client
    const swarm = new TorrentSwarm({
      torrent: torrent as unknown as Torrent, // its listeners take any values
      infoHash: INFO_HASH,
      bitTorrentId,
      runtime,
      limits: SWARM_DEFAULTS,
      numwant: SWARM_DEFAULTS.numwant,
      port: SWARM_DEFAULTS.port,
      signalings: () => (signaling === undefined ? [] : [signaling]),
    })
    const events: string[] = []
    for (const name of ['peer', 'wire', 'warning'] as const) swarm.on(name, () => events.push(name))
    for (const name of ['connection', 'lost', 'warning'] as const) swarm.swarm.on(name, () => events.push(name))
    swarm.retarget()
    return { torrent, swarm, bitTorrentId, events, attach: next => (signaling = next) }
  }
  return { env, hub, join }
}

/** Two connected sides, each with the other's stream. */
async function pair(...ids: Id[]) {
  const { env, hub, join } = world()
  const [a, b] = [join(ids[0]), join(ids[1])]
  await env.until(() => a.torrent.streams.length > 0 && b.torrent.streams.length > 0)
  return { env, hub, a, b }
}

/** Plays WebTorrent's part: exchanges the BitTorrent handshakes. */
async function shakeHands(env: VirtualEnv, ...sides: Side[]): Promise<void> {
  for (const { torrent, bitTorrentId } of sides) {
    const handshake = new Uint8Array(68)
    handshake.set(fromHex(bitTorrentId) ?? [], 48)
    torrent.streams[0]?.write(handshake)
  }
  await env.until(() => sides.every(({ torrent }) => torrent.streams[0]?.bitTorrentId !== undefined))
}

function wired({ torrent }: Side, remote: Side, type = 'webrtc'): void {
  const wire = { peerId: remote.bitTorrentId, type, destroy: () => {} }
  torrent.wires.push(wire)
  torrent.emit('wire', wire)
}

describe('TorrentSwarm and the peers of its torrent [D6]', () => {
  it('adds peers as connected streams, each with its own id', async () => {
    const { a, b } = await pair()
    for (const { torrent, events } of [a, b]) {
      expect(torrent.streams).toHaveLength(1)
      expect(torrent.streams[0]).toMatchObject({ connected: true, id: expect.stringMatching(/^[0-9a-f]{40}#1$/) })
      expect(events.slice(0, 1)).toEqual(['peer'])
    }
  })

  it.each(['rejects', 'never settles'])('adds a peer without an address when the engine %s', async how => {
    const ask = vi.spyOn(FakeConnection.prototype, 'remoteAddress')
    ask.mockImplementation(() => (how === 'rejects' ? Promise.reject(new Error('closed')) : new Promise(() => {})))
    const { a, b } = await pair()
    ask.mockRestore()
    for (const { torrent } of [a, b]) expect(torrent.streams[0]).toMatchObject({ connected: true, remoteAddress: undefined })
  })

  it('adds no peer that connected while the torrent proved private', async () => {
    const { env, join } = world()
    const [a, b] = [join(), join()]
    const begun = () => [a, b].every(({ swarm }) => swarm.swarm.stages().answered + swarm.swarm.stages().answersReceived > 0)
    await env.until(begun, 10_000)
    expect(a.events).toEqual([])
    a.attach(undefined)
    Object.assign(a.torrent, { private: true })
    a.torrent.emit('metadata')
    await env.advance(5_000)
    expect([a.torrent.streams.length, a.swarm.swarm.peers.length, a.events.includes('connection')]).toEqual([0, 0, false])
    await Promise.all([a.swarm.close(), b.swarm.close()])
  })

  it('disconnects peers of other trackers when the torrent proves private', async () => {
    const { env, a, b } = await pair()
    a.torrent.emit('metadata')
    await env.advance(100)
    expect(a.events).not.toContain('lost')
    a.attach(undefined)
    Object.assign(a.torrent, { private: true })
    a.torrent.emit('metadata')
    await env.until(() => a.events.includes('lost') && b.events.includes('lost'))
    expect(a.swarm.swarm.peers).toEqual([])
  })

  it('disconnects peers of a bus when the torrent proves private, and leaves the bus [B12]', async () => {
    const { env, join } = world()
    const bus = new FakeBus(env)
    const drivers = [bus.driver(), bus.driver()]
    const [a, b] = drivers.map(driver => join(randomId(env), new PubSubSignaling(driver, { env })))
    await env.until(() => a?.torrent.streams.length === 1 && b?.torrent.streams.length === 1)
    expect(bus.count('answer')).toBe(1)
    a?.attach(undefined)
    Object.assign(a?.torrent ?? {}, { private: true })
    a?.torrent.emit('metadata')
    await env.until(() => a?.events.includes('lost') === true && b?.events.includes('lost') === true)
    expect(drivers.map(({ handlers }) => handlers)).toEqual([0, 2])
    expect(bus.count('leave')).toBe(1)
    await env.advance(60_000)
    expect(a?.swarm.swarm.peers).toEqual([])
  })

  it('disconnects a peer that the torrent refuses, and avoids it for a while', async () => {
    const { env, join } = world()
    const [a, b] = [join(), join()]
    a.torrent.take = () => false
    await env.until(() => a.events.includes('lost'))
    await env.advance(20_000)
    expect(a.events.filter(name => name === 'peer')).toHaveLength(1)
    expect(a.swarm.swarm.peers).toEqual([])
    expect(b.swarm.swarm.peers).toEqual([])
  })

  it('connects again to a peer that came while the torrent was paused', async () => {
    const { env, join } = world()
    const [a] = [join(), join()]
    a.torrent.take = () => {
      a.torrent.paused = true
      return false
    }
    await env.until(() => a.events.includes('lost'))
    a.torrent.paused = false
    a.torrent.take = () => true
    await env.until(() => a.torrent.streams.length === 1)
    expect(a.swarm.swarm.peers).toHaveLength(1)
  })

  it('survives a torrent that throws', async () => {
    const { env, join } = world()
    const [a] = [join(), join()]
    a.torrent.take = () => {
      throw new Error('torrent is destroyed')
    }
    await env.until(() => a.events.includes('warning'))
    expect(a.swarm.swarm.peers).toEqual([])
  })

  it('closes the connection with the wire', async () => {
    const { env, a, b } = await pair()
    a.torrent.streams[0]?.destroy()
    await env.until(() => a.events.includes('lost') && b.events.includes('lost'))
    for (const { events } of [a, b]) expect(events.filter(name => name === 'lost')).toHaveLength(1)
  })
})

describe('TorrentSwarm and a wire that closes [X1]', () => {
  it('closes the connection at once when WebTorrent closed the wire here, so that the next wire may follow [X1]', async () => {
    const { env, a, b } = await pair()
    const at = env.now()
    a.torrent.streams[0]?.destroy()
    await env.until(() => a.events.includes('lost') && b.events.includes('lost'))
    expect(env.now() - at).toBeLessThan(200)
  })
})

describe('TorrentSwarm and a peer that WebTorrent also has over TCP [D6]', () => {
  const LOW = '11'.repeat(20)
  const HIGH = 'ee'.repeat(20)

  it('avoids a peer whose wire was closed for a flood [Law 6]', async () => {
    const { env, a, b } = await pair()
    a.torrent.streams[0]?.on('error', () => {})
    const avoided = vi.spyOn(a.swarm.swarm, 'avoid')
    a.torrent.streams[0]?.destroy(new SwarmlinkError('ERR_BAD_FRAME', 'the peer sends more than any client'))
    await env.advance(5_000)
    expect(avoided).toHaveBeenCalledTimes(1)
    expect([a.torrent.streams.length, b.torrent.streams.length]).toEqual([1, 1])
  })

  it('closes the wire on the side with the higher BitTorrent id, and keeps the messages on both', async () => {
    for (const first of ['webrtc', 'tcpIncoming']) {
      const { env, a: high, b: low } = await pair(HIGH, LOW)
      await shakeHands(env, high, low)
      const types = [first, first === 'webrtc' ? 'tcpIncoming' : 'webrtc']
      for (const type of types) {
        wired(low, high, type)
        expect(low.torrent.streams[0]?.destroying).toBe(false)
        wired(high, low, type)
      }
      await env.until(() => low.torrent.streams[0]?.destroyed === true && high.torrent.streams[0]?.destroyed === true)
      await env.advance(1_000)
      for (const { swarm, events } of [high, low]) {
        expect(swarm.swarm.connections).toHaveLength(1)
        expect(events).not.toContain('lost')
      }
    }
  })

  it('keeps the messages when the wire closes before the lower id has seen the other wire', async () => {
    const { env, a: high, b: low } = await pair(HIGH, LOW)
    await shakeHands(env, high, low)
    wired(low, high)
    wired(high, low)
    wired(high, low, 'tcpIncoming')
    await env.until(() => low.torrent.streams[0]?.destroyed === true)
    await env.advance(1_000)
    wired(low, high, 'tcpOutgoing')
    await env.advance(10_000)
    for (const { swarm, events } of [high, low]) {
      expect(swarm.swarm.connections).toHaveLength(1)
      expect(events).not.toContain('lost')
    }
  })

  it('ignores a wire to another peer', async () => {
    const { env, a, b } = await pair(HIGH, LOW)
    await shakeHands(env, a, b)
    wired(a, b)
    expect(a.events).toContain('wire')
    const other = { peerId: '77'.repeat(20), type: 'tcpOutgoing', destroy: () => {} }
    a.torrent.wires.push(other)
    a.torrent.emit('wire', other)
    await env.advance(1_000)
    expect(a.torrent.streams[0]?.destroying).toBe(false)
    expect(a.events.filter(name => name === 'wire')).toHaveLength(1)
  })
})

describe('TorrentSwarm and the events of its torrent [D6]', () => {
  it('announces how much is left, and more than 0 while the length is unknown', async () => {
    const { env, hub, join } = world()
    const left: number[] = []
    const client = hub.client()
    const announce = client.announce.bind(client)
    client.announce = announcement => {
      left.push(announcement.left)
      return announce(announcement)
    }
    const { torrent, swarm } = join(randomId(env), client)
    await env.until(() => left.length === 1)
    Object.assign(torrent, { length: 1_000, downloaded: 400 })
    void swarm.swarm.discover()
    await env.until(() => left.length === 2)
    torrent.downloaded = 1_000 // pieces that failed their check were downloaded too
    void swarm.swarm.discover()
    await env.until(() => left.length === 3)
    torrent.done = true
    torrent.emit('done')
    await env.until(() => left.length === 4)
    expect(left).toEqual([16_384, 600, 1, 0])
    await env.until(() => hub.heard.at(-1)?.event === 'completed')
  })

  it('detaches a signalling that the metadata excludes', async () => {
    const { env, hub, join } = world()
    const { torrent, swarm, attach } = join()
    await env.until(() => hub.heard.length > 0)
    attach(undefined)
    torrent.emit('metadata')
    await env.until(() => hub.heard.at(-1)?.event === 'stopped')
    expect(swarm.swarm.signalings).toEqual([])
  })

  it('removes all listeners and announces stopped when it is closed', async () => {
    const { env, hub, a, b } = await pair()
    expect(a.torrent.eventNames().length).toBeGreaterThan(0)
    await Promise.all([a.swarm.close(), a.swarm.close()])
    expect(a.torrent.eventNames()).toEqual([])
    expect(a.swarm.swarm.peers).toEqual([])
    const leavers = () => hub.heard.filter(({ event }) => event === 'stopped').map(({ from }) => from)
    await env.until(() => leavers().length === 1 && b.events.includes('lost'))
    const [gone] = leavers()
    a.swarm.retarget() // after close()
    await env.advance(60_000)
    expect(hub.heard.filter(({ from }) => from === gone).at(-1)).toMatchObject({ event: 'stopped' })
  })
})
