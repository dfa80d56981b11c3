import { EventEmitter } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
// oxlint-disable-next-line import/no-unassigned-import -- loaded with the first peer that is turned away otherwise, at a moment that virtual time does not know
import '../../../src/core/seen-filter.js'
// oxlint-disable-next-line import/no-unassigned-import -- the same of the first torrent
import '../../../src/channel/wire-stream.js'
// oxlint-disable-next-line import/no-unassigned-import -- and of the first swarm
import '../../../src/swarm/together.js'
import type { WireStream } from '../../../src/channel/wire-stream.js'
import { fromHex } from '../../../src/core/bytes.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { randomId, type Id } from '../../../src/core/id.js'
import { PubSubSignaling } from '../../../src/signaling/pubsub/pubsub-signaling.js'
import type { Signaling } from '../../../src/signaling/signaling.js'
import { Network } from '../../../src/swarm/network.js'
import { SWARM_DEFAULTS } from '../../../src/swarm/swarm-options.js'
import { TorrentSwarm } from '../../../src/torrent/torrent-swarm.js'
import type { Torrent, Wire } from '../../../src/torrent/webtorrent.js'
import { FakeBus } from '../../support/fake-bus.js'
import { FakeConnection, FakeNet } from '../../support/fake-engine.js'
import { FakeHub } from '../../support/fake-signaling.js'
import { VirtualEnv } from '../../support/virtual-env.js'

const INFO_HASH = 'cd'.repeat(20)

/** A torrent as WebTorrent shows it, which takes what it is given. */
class FakeTorrent extends EventEmitter {
  infoHash = INFO_HASH
  paused = false
  done = false
  length: number | undefined
  downloaded = 0
  uploaded = 0
  wires: Wire[] = []
  readonly streams: WireStream[] = []
  take: () => boolean = () => true

  addPeer(peer: unknown): boolean {
    if (this.take()) this.streams.push(peer as WireStream) // it is given nothing else
    return this.streams.includes(peer as WireStream)
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
    const network = new Network({
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
      torrent: torrent as unknown as Torrent, // its listeners take any values, ours none in particular
      infoHash: INFO_HASH,
      bitTorrentId,
      network,
      limits: SWARM_DEFAULTS,
      numwant: SWARM_DEFAULTS.numwant,
      port: SWARM_DEFAULTS.port,
      signalings: () => (signaling === undefined ? [] : [signaling]),
    })
    const events: string[] = []
    for (const name of ['peer', 'wire', 'connection', 'lost', 'warning'] as const) swarm.on(name, () => events.push(name))
    swarm.retarget()
    return { torrent, swarm, bitTorrentId, events, attach: next => (signaling = next) }
  }
  return { env, hub, join }
}

/** Two sides that are connected, each with the other's stream. */
async function pair(...ids: Id[]) {
  const { env, hub, join } = world()
  const [a, b] = [join(ids[0]), join(ids[1])]
  await env.until(() => a.torrent.streams.length > 0 && b.torrent.streams.length > 0)
  return { env, hub, a, b }
}

/** WebTorrent's part: the handshakes cross, and both torrents have a wire. */
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

describe('D6 TorrentSwarm hands its peers to the torrent', () => {
  it('as streams that are connected, each with an id of its own', async () => {
    const { a, b } = await pair()
    for (const { torrent, events } of [a, b]) {
      expect(torrent.streams).toHaveLength(1)
      expect(torrent.streams[0]).toMatchObject({ connected: true, id: expect.stringMatching(/^[0-9a-f]{40}#1$/) })
      expect(events.slice(0, 1)).toEqual(['peer'])
    }
  })

  it.each(['rejects', 'never settles'])('without an address where the engine %s when it is asked for one', async how => {
    const ask = vi.spyOn(FakeConnection.prototype, 'remoteAddress')
    ask.mockImplementation(() => (how === 'rejects' ? Promise.reject(new Error('closed')) : new Promise(() => {})))
    const { a, b } = await pair()
    ask.mockRestore()
    for (const { torrent } of [a, b]) expect(torrent.streams[0]).toMatchObject({ connected: true, remoteAddress: undefined })
  })

  it('nor one that was on its way just then', async () => {
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

  it('and none of those that other trackers introduced, once it proves private', async () => {
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

  it('B12 and none of those whom a bus introduced either, and leaves the bus', async () => {
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

  it('and lets go of one that the torrent does not take, for a while', async () => {
    const { env, join } = world()
    const [a, b] = [join(), join()]
    a.torrent.take = () => false
    await env.until(() => a.events.includes('lost'))
    await env.advance(20_000)
    expect(a.events.filter(name => name === 'peer')).toHaveLength(1)
    expect(a.swarm.swarm.peers).toEqual([])
    expect(b.swarm.swarm.peers).toEqual([])
  })

  it('and meets one again that came while the torrent was just pausing', async () => {
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

  it('and survives a torrent that throws', async () => {
    const { env, join } = world()
    const [a] = [join(), join()]
    a.torrent.take = () => {
      throw new Error('torrent is destroyed')
    }
    await env.until(() => a.events.includes('warning'))
    expect(a.swarm.swarm.peers).toEqual([])
  })

  it('and closes the connection with the wire', async () => {
    const { env, a, b } = await pair()
    a.torrent.streams[0]?.destroy()
    await env.until(() => a.events.includes('lost') && b.events.includes('lost'))
    for (const { events } of [a, b]) expect(events.filter(name => name === 'lost')).toHaveLength(1)
  })
})

describe('X1 TorrentSwarm and a wire that closes', () => {
  it('ends the peer at once, so that the next wire may follow, when WebTorrent closed it here [X1]', async () => {
    const { env, a, b } = await pair()
    const at = env.now()
    a.torrent.streams[0]?.destroy()
    await env.until(() => a.events.includes('lost') && b.events.includes('lost'))
    expect(env.now() - at).toBeLessThan(200)
  })
})

describe('D6 TorrentSwarm and a peer that WebTorrent has on another way too', () => {
  const LOW = '11'.repeat(20)
  const HIGH = 'ee'.repeat(20)

  it('does not meet a peer again soon whose wire was closed for a flood [Law 6]', async () => {
    const { env, a, b } = await pair()
    a.torrent.streams[0]?.on('error', () => {})
    const avoided = vi.spyOn(a.swarm.swarm, 'avoid')
    a.torrent.streams[0]?.destroy(new SwarmlinkError('ERR_BAD_FRAME', 'the peer sends more than any client'))
    await env.advance(5_000)
    expect(avoided).toHaveBeenCalledTimes(1)
    expect([a.torrent.streams.length, b.torrent.streams.length]).toEqual([1, 1])
  })

  it('the side with the higher BitTorrent id closes our wire, and the messages stay on both', async () => {
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

  it('also when our wire closes before the side with the lower id has heard of the other one', async () => {
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

  it('a wire to somebody else changes nothing', async () => {
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

describe('D6 TorrentSwarm follows its torrent', () => {
  it('tells the tracker how much is left, and something as long as nobody knows', async () => {
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

  it('leaves a meeting point that is not its own any more once the metadata is there', async () => {
    const { env, hub, join } = world()
    const { torrent, swarm, attach } = join()
    await env.until(() => hub.heard.length > 0)
    attach(undefined)
    torrent.emit('metadata')
    await env.until(() => hub.heard.at(-1)?.event === 'stopped')
    expect(swarm.swarm.signalings).toEqual([])
  })

  it('listens to nothing any more when it is closed, and says goodbye', async () => {
    const { env, hub, a, b } = await pair()
    expect(a.torrent.eventNames().length).toBeGreaterThan(0)
    await Promise.all([a.swarm.close(), a.swarm.close()])
    expect(a.torrent.eventNames()).toEqual([])
    expect(a.swarm.swarm.peers).toEqual([])
    const goodbyes = () => hub.heard.filter(({ event }) => event === 'stopped').map(({ from }) => from)
    await env.until(() => goodbyes().length === 1 && b.events.includes('lost'))
    const [gone] = goodbyes()
    a.swarm.retarget() // too late
    await env.advance(60_000)
    expect(hub.heard.filter(({ from }) => from === gone).at(-1)).toMatchObject({ event: 'stopped' })
  })
})
