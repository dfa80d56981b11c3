import { setImmediate as nextTurn } from 'node:timers/promises'
/** No output of the library contains a secret of an application's URLs, or an unprintable text of a remote: runs each API and reads its output. */
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
import { P2PT } from '../../src/p2pt/p2pt.js'
import { TrackerClient } from '../../src/tracker-client/tracker-client.js'
import { NatsDriver } from '../../src/signaling/drivers/nats-driver.js'
import { WebSocketDriver } from '../../src/signaling/drivers/websocket-driver.js'
import type { Signaling } from '../../src/signaling/signaling.js'
import { ConnectionManager } from '../../src/torrent/connection-manager.js'
import type { ConnectionManagerOptions } from '../../src/torrent/options.js'
import { toPrometheus } from '../../src/metrics/prometheus.js'
import { VirtualEnv } from '../support/fakes/virtual-env.js'

const SECRET = 'hunter2passkey'
/** Controls terminals, forges log lines, reverses the writing direction. */
const HOSTILE = 'no\u001b[2J\u001b]0;title\u0007\u009b31m\r\nFAKE LINE\u2028FAKE\u202egnp.exe\u0085'
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

/** A secret in every part of a URL that may hold one; nothing listens there. */
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

/** Switches the debug log on and collects its lines. */
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

/** A tracker that answers every announcement with a failure or a warning that quotes its URL. */
async function refusingTracker(): Promise<string> {
  const http = createServer()
  const sockets = new WebSocketServer({ server: http })
  sockets.on('connection', (socket, { url }) =>
    socket.on('message', data => {
      const { info_hash } = JSON.parse((data as Buffer).toString()) as { info_hash: string } // an announcement of swarmlink, in the default type of `ws`
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

/** An engine for a client without peers. */
const wrtc = { RTCPeerConnection: function RTCPeerConnection() {} }

async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error('the condition was not met within 10 s')
    await nextTurn()
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
  test('reach no warning, event, statistics, metrics or log of a ConnectionManager, whose trackers keep distinct names [X5]', async () => {
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
    const manager = new ConnectionManager(client, given as unknown as ConnectionManagerOptions) // only the constructor of an engine is checked
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
    for (const text of [...warnings, ...lines]) expect(text.replaceAll(/^\u001b\[\S*m/g, '')).not.toMatch(UNPRINTABLE) // oxlint-disable-line no-control-regex -- the log's own colours
  })

  test('reach no message of a room, whose events have the URL and the name in fields [E2]', async () => {
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

  test('reach no error of a TrackerClient or a driver, even when the platform quotes them [A5]', async () => {
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
      place: { runtime: 'Node', version: '20.19.0', manager: 'npm', pins: {} },
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
      expect(seen(error).replaceAll('\n', '')).not.toMatch(UNPRINTABLE) // stack and cause included
    }
  })

  test('are not quoted by the causes of refused frames, which consoles print [A12]', async () => {
    const { decode: fromTracker } = await import('../../src/signaling/tracker/codec.js')
    const { decodeServerFrame, decodeClientFrame } = await import('../../src/signaling/drivers/websocket-codec.js')
    const { parse } = await import('../../src/channel/messages/json.js')
    const { decode: fromStock } = await import('../../src/p2pt/stock-codec.js')
    const { readSignal } = await import('../../src/signaling/manual/codec.js')
    const frames = [fromTracker, decodeServerFrame, decodeClientFrame, parse, (text: string) => fromStock(`^${text}`), readSignal]
    for (const read of frames) expect(caught(() => read(HOSTILE)).replaceAll('\n', '')).not.toMatch(UNPRINTABLE)
  })
})
