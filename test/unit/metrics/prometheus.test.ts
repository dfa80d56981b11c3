import fc from 'fast-check'
// @ts-expect-error -- ships no types
import parse from 'parse-prometheus-text-format'
import { describe, expect, it } from 'vitest'
import { anyCharacter } from '../../support/any-character.js'
import { Counters } from '../../../src/swarm/counters.js'
import { toPrometheus } from '../../../src/metrics/prometheus.js'

type Stats = Parameters<typeof toPrometheus>[0]

interface ParsedFamily {
  name: string
  help: string
  type: string
  metrics: Array<{ value: string; labels?: Record<string, string> }>
}

/** Parses with the package parse-prometheus-text-format. */
const read = (text: string) => parse(text) as ParsedFamily[] // see the interface; it has no types of its own

function samples(stats: Stats, name: string): Array<[Record<string, string>, number]> {
  const family = read(toPrometheus(stats)).find(one => one.name === `swarmlink_${name}`)
  return (family?.metrics ?? []).map(({ labels = {}, value }) => [labels, Number(value)])
}

const NONE = new Counters().total()
const HASH = 'ab'.repeat(20)
const OTHER = 'cd'.repeat(20)
const TRACKER = 'wss://tracker.test/'

/** Statistics with at least one entry of each kind. */
function someStats(): Stats {
  return {
    state: 'running',
    activeTorrents: 2,
    peerId: HASH,
    announceId: OTHER,
    engine: 'node-datachannel',
    connections: { used: 3, limit: 256 },
    offers: { made: 20, reused: 4, idle: 5 },
    trackers: [
      {
        url: TRACKER,
        state: 'open',
        topics: 2,
        announces: 6,
        framesIn: 7,
        framesOut: 8,
        bytesIn: 900,
        bytesOut: 1_000,
        reconnects: 1,
        dropped: { 'bad-sdp': 11 },
      },
    ],
    signaling: [
      {
        name: 'driver:nats',
        state: 'closed',
        topics: 1,
        members: 12,
        broadcasts: 13,
        messagesIn: 14,
        messagesOut: 15,
        dropped: { misplaced: 16 },
      },
      { name: 'carrier pigeons', state: 'open' },
      {
        name: 'exchange',
        state: 'open',
        topics: 2,
        ports: 24,
        members: 25,
        passedOn: 26,
        distrusted: 27,
        dropped: { 'too-fast': 28 },
      },
    ] satisfies Stats['signaling'],
    torrents: [
      {
        infoHash: OTHER,
        peerCount: 1,
        connections: 0,
        trackers: [],
        signaling: [],
        stages: NONE,
        bySignaling: { [TRACKER]: { ...NONE, offered: 17 } },
      },
      {
        infoHash: HASH,
        peerCount: 2,
        connections: 1,
        trackers: [],
        signaling: [],
        stages: NONE,
        bySignaling: {
          exchange: { ...NONE, exchanged: 18, connected: 18 },
          [TRACKER]: { ...NONE, offered: 19, offersReceived: 20, refused: { full: 21, seen: 22 }, lost: { closed: 23 } },
        },
      },
    ],
  }
}

describe('toPrometheus [X5]', () => {
  it('counts every stage for each torrent and signalling [X5]', () => {
    expect(samples(someStats(), 'offered_total')).toEqual([
      [{ torrent: HASH, signaling: 'exchange' }, 0],
      [{ torrent: HASH, signaling: TRACKER }, 19],
      [{ torrent: OTHER, signaling: TRACKER }, 17],
    ])
    expect(samples(someStats(), 'offers_received_total')).toContainEqual([{ torrent: HASH, signaling: TRACKER }, 20])
    expect(samples(someStats(), 'exchanged_total')).toContainEqual([{ torrent: HASH, signaling: 'exchange' }, 18])
  })

  it('writes reasons as labels [X5]', () => {
    expect(samples(someStats(), 'refused_total')).toEqual([
      [{ torrent: HASH, signaling: TRACKER, reason: 'full' }, 21],
      [{ torrent: HASH, signaling: TRACKER, reason: 'seen' }, 22],
    ])
    expect(samples(someStats(), 'lost_total')).toEqual([[{ torrent: HASH, signaling: TRACKER, reason: 'closed' }, 23]])
    expect(samples(someStats(), 'signaling_dropped_total')).toEqual([
      [{ signaling: 'driver:nats', reason: 'misplaced' }, 16],
      [{ signaling: 'exchange', reason: 'too-fast' }, 28],
      [{ signaling: TRACKER, reason: 'bad-sdp' }, 11],
    ])
  })

  it('writes the metrics of the client, its trackers, its drivers and the exchange [X5]', () => {
    const value = (name: string, labels: Record<string, string> = {}) =>
      samples(someStats(), name).find(([its]) => JSON.stringify(its) === JSON.stringify(labels))?.[1]
    expect(value('info', { engine: 'node-datachannel' })).toBe(1)
    expect(value('torrents')).toBe(2)
    expect(value('connections')).toBe(3)
    expect(value('connections_limit')).toBe(256)
    expect(value('offers_made_total')).toBe(20)
    expect(value('offers_reused_total')).toBe(4)
    expect(value('offers_idle')).toBe(5)
    expect(samples(someStats(), 'signaling_open')).toEqual([
      [{ signaling: 'carrier pigeons' }, 1],
      [{ signaling: 'driver:nats' }, 0],
      [{ signaling: 'exchange' }, 1],
      [{ signaling: TRACKER }, 1],
    ])
    expect(value('signaling_topics', { signaling: TRACKER })).toBe(2)
    expect(value('tracker_announces_total', { signaling: TRACKER })).toBe(6)
    expect(value('tracker_frames_total', { signaling: TRACKER, direction: 'in' })).toBe(7)
    expect(value('tracker_frames_total', { signaling: TRACKER, direction: 'out' })).toBe(8)
    expect(value('tracker_bytes_total', { signaling: TRACKER, direction: 'in' })).toBe(900)
    expect(value('tracker_bytes_total', { signaling: TRACKER, direction: 'out' })).toBe(1_000)
    expect(value('tracker_reconnects_total', { signaling: TRACKER })).toBe(1)
    expect(value('driver_members', { signaling: 'driver:nats' })).toBe(12)
    expect(value('driver_broadcasts_total', { signaling: 'driver:nats' })).toBe(13)
    expect(value('driver_messages_total', { signaling: 'driver:nats', direction: 'in' })).toBe(14)
    expect(value('driver_messages_total', { signaling: 'driver:nats', direction: 'out' })).toBe(15)
    expect(samples(someStats(), 'driver_members')).toHaveLength(1) // the exchange is not a driver
    expect(value('signaling_topics', { signaling: 'exchange' })).toBe(2)
    expect(value('exchange_peers')).toBe(24)
    expect(value('exchange_members')).toBe(25)
    expect(value('exchange_passed_on_total')).toBe(26)
    expect(value('exchange_distrusted')).toBe(27)
    expect(value('torrent_peers', { torrent: HASH })).toBe(2)
    expect(value('torrent_message_channels', { torrent: HASH })).toBe(1)
  })

  it('writes name, help and type of each family once, by the Prometheus conventions [X5]', () => {
    const text = toPrometheus(someStats())
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({ name, type }))
    const helps = [...text.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, name]) => name)
    expect(types.length).toBeGreaterThan(25)
    expect(new Set(helps).size).toBe(helps.length)
    expect(helps).toEqual(types.map(({ name }) => name))
    for (const { name, type } of types) expect(type, name).toBe(name.endsWith('_total') ? 'counter' : 'gauge')
    for (const line of text.split('\n').slice(0, -1)) expect(line).toMatch(/^(# (HELP|TYPE) )?swarmlink_[a-z_]+[ {]/)
    expect(text.endsWith('\n')).toBe(true)
    expect(text).not.toContain('\n\n')
  })

  it('does not depend on the order of the torrents [X5]', () => {
    const { torrents, ...rest } = someStats()
    expect(toPrometheus({ ...rest, torrents: torrents.toReversed() })).toBe(toPrometheus(someStats()))
  })

  it('writes no family without samples [X5]', () => {
    const idle = { ...someStats(), engine: undefined, trackers: [], signaling: [], torrents: [] }
    const names = read(toPrometheus(idle)).map(({ name }) => name)
    expect(names).toContain('swarmlink_connections')
    expect(names.filter(name => /tracker|driver|exchange|signaling|torrent_|offered/.test(name))).toEqual([])
    expect(samples(idle, 'info')).toEqual([[{ engine: '' }, 1]])
  })

  it.each(['wss://t.test/?a="b"', 'wss://t.test/\\n', 'wss://t.test/\n# TYPE x counter\nx 1', '{}="', 'ünïcode ✔'])(
    'escapes the label value %j [X5]',
    url => {
      const stats = someStats()
      const [tracker] = stats.trackers
      if (tracker === undefined) throw new Error('unreachable: there is one')
      expect(samples({ ...stats, trackers: [{ ...tracker, url }] }, 'tracker_announces_total')).toEqual([[{ signaling: url }, 6]])
    },
  )

  it('writes any name and number so that a parser reads them back [X5]', () => {
    const names = fc.array(fc.string({ unit: anyCharacter }), { maxLength: 4 }).map(list => [...new Set(list)].toSorted())
    fc.assert(
      fc.property(names, fc.nat(Number.MAX_SAFE_INTEGER), (bySignaling, count) => {
        const torrent = {
          infoHash: HASH,
          peerCount: 0,
          connections: 0,
          trackers: [],
          signaling: [],
          stages: NONE,
          bySignaling: Object.fromEntries(bySignaling.map(name => [name, { ...NONE, wired: count }])),
        }
        const found = samples({ ...someStats(), torrents: [torrent] }, 'wired_total')
        expect(new Set(found.map(([{ signaling }]) => signaling))).toEqual(new Set(Object.keys(torrent.bySignaling)))
        for (const [, value] of found) expect(value).toBe(count)
      }),
    )
  })

  it('accepts another prefix, and refuses one that is not a valid metric name [X5]', () => {
    expect(toPrometheus(someStats(), { prefix: 'app:p2p' })).toMatch(/^# HELP app:p2p_info .+\n# TYPE app:p2p_info gauge\n/)
    for (const prefix of ['', '9p', 'a-b', 'a b', 'é', 'a\n', 7 as unknown as string])
      expect(() => toPrometheus(someStats(), { prefix })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })
})
