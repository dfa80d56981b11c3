/** What the library shows of the secrets in an application's URLs, and of the texts that remotes send: drives the surfaces and reads all of it. */
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { format, inspect } from 'node:util'
import createDebug from 'debug'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { systemEnv } from '../../src/core/env.js'
import type { SwarmlinkError } from '../../src/core/errors.js'
import { examine } from '../../src/doctor/doctor.js'
import type { Context } from '../../src/doctor/finding.js'
import { jsonOf, lineOf } from '../../src/doctor/report.js'
import { serverName } from '../../src/index.js'
import { P2PT } from '../../src/room/p2pt.js'
import { TrackerClient } from '../../src/room/tracker-client.js'
import { NatsDriver } from '../../src/signaling/pubsub/nats.js'
import { WebSocketDriver } from '../../src/signaling/pubsub/websocket.js'
import type { Signaling } from '../../src/signaling/signaling.js'
import { ConnectionManager } from '../../src/torrent/connection-manager.js'
import type { ConnectionManagerOptions } from '../../src/torrent/options.js'
import { toPrometheus } from '../../src/torrent/prometheus.js'
import { VirtualEnv } from '../support/virtual-env.js'

const SECRET = 'hunter2passkey'
/** Steers terminals, forges lines of logs, turns the direction of writing. */
const HOSTILE = 'no\u001b[2J\u001b]0;title\u0007\u009b31m\r\nFAKE LINE\u2028FAKE\u202egnp.exe\u0085'
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/** Every place of a URL where a secret may stand; nothing listens there. */
const DEAD = [
  `ws://me:${SECRET}@127.0.0.1:9/announce`,
  `ws://127.0.0.1:9/${SECRET}/announce`,
  `ws://127.0.0.1:9/announce?passkey=${SECRET}`,
  `ws://${SECRET}@127.0.0.1:9/?${SECRET}`,
]

const ends: Array<() => unknown> = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** The debug log, which is on. */
function logged(): string[] {
  const lines: string[] = []
  const before = createDebug.log
  createDebug.log = (...values: unknown[]) => void lines.push(format(...values))
  createDebug.enable('swarmlink:*')
  ends.push(() => {
    createDebug.disable()
    createDebug.log = before
  })
  return lines
}

/** A tracker that answers every announcement with a failure, or with a warning, which quotes the URL that it was asked at. */
async function refusingTracker(): Promise<string> {
  const http = createServer()
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket, { url }) =>
    socket.on('message', data => {
      const { info_hash } = JSON.parse((data as Buffer).toString()) as { info_hash: string } // an announcement of ours, as `ws` gives it
      const words = `${HOSTILE} ws://127.0.0.1${url}`
      const key = url?.includes('warn') === true ? 'warning message' : 'failure reason'
      socket.send(JSON.stringify({ action: 'announce', info_hash, complete: 1, incomplete: 1, [key]: words }))
      socket.send(HOSTILE)
    }),
  )
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  ends.push(async () => {
    for (const socket of sockets.clients) socket.terminate()
    await new Promise(resolve => http.close(resolve))
  })
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}` // it listens on TCP
}

/** Enough of an engine for a client that connects to no peer. */
const wrtc = { RTCPeerConnection: function RTCPeerConnection() {} }

async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error('it did not come to that')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const seen = (error: unknown) =>
  [String(error), inspect(error, { depth: 10 }), error instanceof Error ? error.stack : ''].join('\n')
const caught = (call: () => unknown) => {
  try {
    call()
  } catch (thrown) {
    return seen(thrown)
  }
  throw new Error('it did not throw')
}

describe('the secrets of URLs', () => {
  test('reach no warning, event, statistics, metrics or log of a ConnectionManager, and its trackers stay apart [X5]', async () => {
    const lines = logged()
    const origin = await refusingTracker()
    const alive = [`${origin}/${SECRET}/announce`, `${origin}/warn/announce?passkey=${SECRET}`]
    const torrent = { infoHash: 'cd'.repeat(20), announce: [...DEAD.slice(2), `wss://me:${SECRET}@/`], wires: [], paused: false }
    const client = Object.assign(new EventEmitter(), {
      peerId: 'aa'.repeat(20),
      torrents: [Object.assign(new EventEmitter(), torrent)],
    })
    const driver = new WebSocketDriver(DEAD[1] ?? '')
    ends.push(() => driver.close())
    const own: Signaling = {
      name: `my bus at wss://bus.test/${SECRET}`,
      source: 'signaling',
      maxOffers: 0,
      open: false,
      subscribe: () => {
        throw new Error(`nothing at wss://bus.test/${SECRET}`)
      },
      announce: () => false,
      answer: () => false,
    }
    const given = { wrtc, maxPeersPerTorrent: 0, trackers: [...alive, ...DEAD.slice(0, 2)], signaling: [driver, own] }
    const manager = new ConnectionManager(client, given as unknown as ConnectionManagerOptions) // of an engine only the constructor is looked at
    ends.push(() => manager.destroy())
    const shown: string[] = []
    const warnings: string[] = []
    const updates: string[] = []
    manager.on('warning', error => void (warnings.push(error.message), shown.push(seen(error))))
    manager.on('stage', step => shown.push(inspect(step)))
    manager.on('update', update => void (updates.push(update.url), shown.push(inspect(update))))
    await until(() => updates.length > 0 && warnings.filter(text => text.includes('says:')).length >= 2)
    await until(() => DEAD.every(url => warnings.some(text => text.includes(serverName(url)))))
    await until(() => warnings.some(text => text.includes('bus.test')))
    for (const url of [`https://host.test/${SECRET}/announce`, `host.test/${SECRET}`, `ws//${SECRET}@host.test`])
      shown.push(caught(() => manager.addTracker(url)))
    const stats = manager.getStats()
    shown.push(JSON.stringify(stats), toPrometheus(stats), ...lines)

    expect(shown.join('\n')).not.toContain(SECRET)
    const names = [...alive, ...DEAD].map(serverName)
    expect(new Set(names).size).toBe(names.length)
    expect(stats.trackers.map(({ url }) => url).toSorted()).toEqual(names.toSorted())
    expect(Object.keys(stats.torrents[0]?.bySignaling ?? {})).toEqual(expect.arrayContaining(alive.map(serverName)))
    expect(toPrometheus(stats)).toContain(`swarmlink_signaling_open{signaling="${serverName(alive[0] ?? '')}"} 1`)
    expect(updates).toContain(serverName(alive[1] ?? ''))
    expect(lines.join()).toContain(serverName(DEAD[0] ?? ''))
    for (const text of [...warnings, ...lines]) expect(text.replaceAll(/^\u001b\[\S*m/g, '')).not.toMatch(UNPRINTABLE) // oxlint-disable-line no-control-regex -- a colour of the log's own
  })

  test('reach no message of a room, whose events have the URL as a field and the name beside it [E2]', async () => {
    const lines = logged()
    const origin = await refusingTracker()
    const alive = `${origin}/${SECRET}/announce`
    const room = new P2PT([alive, ...DEAD], 'a room', { wrtc, maxPeers: 0 } as object)
    ends.push(() => room.destroy())
    const shown: string[] = []
    const warned = new Map<string | undefined, string>()
    const connected: unknown[] = []
    room.on('trackerconnect', tracker => connected.push(tracker))
    room.on('trackerwarning', (error, stats, tracker) => {
      shown.push(seen(error), inspect(stats))
      warned.set(tracker?.announceUrl, error.message)
    })
    await room.start()
    await until(() => DEAD.every(url => warned.has(url)) && connected.length > 0)
    expect(connected).toEqual([{ announceUrl: alive, name: serverName(alive) }])
    for (const url of DEAD) expect(warned.get(url)).toMatch(new RegExp(`^connection error to ${serverName(url)}: `))
    shown.push(
      caught(() => room.addTracker(alive)),
      caught(() => room.removeTracker(`ws://other.test/${SECRET}`)),
      ...lines,
    )
    expect(shown.join('\n')).not.toContain(SECRET)
  })

  test('reach no error of a TrackerClient and of drivers, whatever the platform says of them [A5]', async () => {
    const lines = logged()
    const shown: string[] = []
    const tracker = new TrackerClient(DEAD, 'ab'.repeat(20), undefined, { wrtc } as object)
    ends.push(() => tracker.disconnect())
    tracker.on('error', error => shown.push(seen(error)))
    shown.push(seen(await tracker.connect().catch((thrown: unknown) => thrown)))

    const env = new VirtualEnv()
    const [url = ''] = DEAD
    const failure = () => {
      const input = Object.assign(new TypeError(`Failed to construct 'WebSocket': The URL '${url}' is invalid.`), { input: url })
      return new Error('the socket failed', { cause: input })
    }
    env.dial = () => Promise.reject(failure())
    const drivers = [
      new WebSocketDriver(url, { env }),
      new NatsDriver({ servers: [url, DEAD[1] ?? ''], token: SECRET }, { env, dial: () => Promise.reject(failure()) }),
    ]
    for (const driver of drivers) {
      ends.push(() => driver.close())
      driver.watch({ open: () => {}, close: () => {}, warning: error => void shown.push(seen(error)) })
    }
    await env.advance(5_000)
    shown.push(inspect(drivers.map(driver => driver.status())), inspect(drivers.map(({ name }) => name)), ...lines)
    expect(shown.length).toBeGreaterThan(8)
    expect(shown.join('\n')).not.toContain(SECRET)
  })

  test('reach no line of the doctor [X8]', async () => {
    const context: Context = {
      env: systemEnv,
      timeout: 2_000,
      engines: { used: undefined, found: [] },
      node: { version: '20.19.0', needed: '>=20.19' },
      webtorrent: { needed: '>=3.0.0', folder: '/app', tryImport: async () => ({ outcome: 'missing' }) },
    }
    const turn = [{ url: `turn:me:${SECRET}@127.0.0.1:9`, username: SECRET, credential: SECRET }]
    const trackers = [`${await refusingTracker()}/${SECRET}`, ...DEAD]
    const findings = (await Promise.all(examine(context, { trackers, stun: [], turn, anyOf: new Set() }))).flat()
    const shown = [jsonOf(findings), ...findings.map(finding => lineOf(finding, { color: false }))]
    expect(shown.join()).not.toContain(SECRET)
    expect(findings.flatMap(({ server }) => server ?? [])).toEqual([
      ...trackers.map(serverName),
      expect.stringMatching(/^turn:127\.0\.0\.1:9#\w{8}$/),
    ])
    for (const { says } of findings) expect(says).not.toMatch(UNPRINTABLE)
  })
})

describe('the texts of remotes', () => {
  test('reach an error of a driver as one printable line [B12]', async () => {
    const env = new VirtualEnv()
    const failure = () => Promise.reject(new Error(HOSTILE))
    env.dial = failure
    const drivers = [
      new WebSocketDriver('ws://one.test', { env }),
      new NatsDriver({ servers: 'ws://one.test' }, { env, dial: failure }),
    ]
    const errors: SwarmlinkError[] = []
    for (const driver of drivers) {
      ends.push(() => driver.close())
      driver.watch({ open: () => {}, close: () => {}, warning: error => void errors.push(error) })
    }
    await env.advance(5_000)
    expect(errors.length).toBeGreaterThanOrEqual(2)
    for (const error of errors) {
      expect(error.message).toMatch(/no \[2J .*FAKE LINE FAKE gnp\.exe$/)
      expect(error.message).not.toMatch(UNPRINTABLE)
      expect(seen(error).replaceAll('\n', '')).not.toMatch(UNPRINTABLE) // with its stack and its cause
    }
  })

  test('are not quoted by the causes of refused frames, which consoles print [A12]', async () => {
    const { decode: fromTracker } = await import('../../src/signaling/tracker/wire.js')
    const { decodeServerFrame, decodeClientFrame } = await import('../../src/signaling/pubsub/websocket-wire.js')
    const { parse } = await import('../../src/channel/json.js')
    const { decode: fromStock } = await import('../../src/room/p2pt-wire.js')
    const { readSignal } = await import('../../src/signaling/manual/wire.js')
    const frames = [fromTracker, decodeServerFrame, decodeClientFrame, parse, (text: string) => fromStock(`^${text}`), readSignal]
    for (const read of frames) expect(caught(() => read(HOSTILE)).replaceAll('\n', '')).not.toMatch(UNPRINTABLE)
  })
})
