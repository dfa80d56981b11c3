import { EventEmitter } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ConnectionManager } from '../../../src/torrent/connection-manager.js'
import type { ConnectionManagerOptions } from '../../../src/torrent/options.js'
import { topicOf } from '../../../src/core/id.js'
import { P2PT } from '../../../src/room/p2pt.js'
import { serverName } from '../../../src/signaling/url.js'
import { Station, STATION, type StationOptions, STORE_PATIENCE } from '../../../src/swarm/station.js'
import { VirtualEnv } from '../../support/virtual-env.js'

/** Enough of an engine for those who connect to nobody. */
function RTCPeerConnection(): void {}
const wrtc = { RTCPeerConnection }
const URL = 'ws://127.0.0.1:9/announce'

/** A client and its torrents, as far as they are listened to. */
class FakeClient extends EventEmitter {
  readonly peerId = 'aa'.repeat(20)
  readonly torrents = [Object.assign(new EventEmitter(), { infoHash: 'cd'.repeat(20), announce: [], wires: [], paused: false })]
}

const open: Array<{ destroy: () => Promise<void> }> = []
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(open.splice(0).map(one => one.destroy()))
})

function manage(options: object = {}) {
  const client = new FakeClient()
  const given = {
    wrtc,
    maxPeersPerTorrent: 0,
    trackers: [],
    ...options,
  } as unknown as ConnectionManagerOptions // of an engine only the constructor is looked at
  const manager = new ConnectionManager(client, given)
  open.push(manager)
  return { client, manager }
}

let rooms = 0
function enter(manager: ConnectionManager, trackers: string[] = [], name = `room ${++rooms}`): P2PT {
  const room = new P2PT(trackers, name, { shareWith: manager, maxPeers: 0 })
  open.push(room)
  return room
}

describe('X2 what a plugin and rooms share', () => {
  test('is there as long as one of them is, whoever began and whoever ends', async () => {
    const { manager } = manage()
    const [one, other] = [enter(manager), enter(manager)]
    await one.start()
    await manager.destroy()
    await other.start()
    expect(other.id).toBe(one.id)
    await one.destroy()
    await enter(manager).destroy()
    await other.destroy()
    expect(() => enter(manager)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  test('is not kept by a room that could not be made', async () => {
    const { manager } = manage()
    expect(() => enter(manager, ['http://tracker.invalid'])).toThrow(/ws: or wss: URL/)
    await manager.destroy()
    expect(() => enter(manager)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  test('tells nothing to whoever has left', async () => {
    const { manager } = manage()
    const room = enter(manager)
    await room.start()
    await manager.destroy()
    expect(manager[STATION].listenerCount('warning')).toBe(1)
    await room.destroy()
    expect(manager[STATION].listenerCount()).toBe(0)
  })

  test('has one room of a name, and one that is refused leaves that alone', async () => {
    const { manager } = manage()
    const [one, other] = [enter(manager, [], 'lobby'), enter(manager, [], 'lobby')]
    await one.start()
    await expect(other.start()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await other.setIdentifier('elsewhere')
    await other.start()
    await expect(other.setIdentifier('lobby')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(other.infoHash).toBe(topicOf('elsewhere'))
    await one.setIdentifier('somewhere')
    await other.setIdentifier('lobby')
    await one.destroy()
    expect([...(manager[STATION].network?.topics.keys() ?? [])]).toContain(topicOf('lobby'))
    await other.destroy()
    expect([...(manager[STATION].network?.topics.keys() ?? [])]).toEqual(['cd'.repeat(20)])
  })

  test('may be opened by a room after the plugin could not', async () => {
    let given = 0
    const load = () => (++given === 1 ? Promise.reject(new Error('locked')) : undefined)
    const { manager } = manage({ credentials: { load, save: () => {} } })
    await new Promise(resolve => manager.once('warning', resolve))
    const room = enter(manager)
    await room.start()
    expect([manager.peerId, room.id?.length]).toEqual([undefined, 40])
  })

  test('tells a room of a tracker that is connected already', async () => {
    const { manager } = manage()
    const tracker = manager[STATION].trackers.get(URL)
    vi.spyOn(tracker, 'open', 'get').mockReturnValue(true)
    vi.spyOn(tracker, 'subscribe').mockReturnValue(() => {})
    vi.spyOn(tracker, 'announce').mockReturnValue(false)
    const room = enter(manager, [URL])
    const heard: unknown[] = []
    room.on('trackerconnect', (...args) => heard.push(args))
    await room.start()
    expect(heard).toEqual([
      [
        { announceUrl: URL, name: serverName(URL) },
        { connected: 1, total: 1 },
      ],
    ])
  })

  test('Law 5 a plugin that is destroyed as soon as it is ready follows no torrent', async () => {
    const { client, manager } = manage()
    await new Promise<void>(resolve => manager.on('ready', () => void manager.destroy().then(resolve)))
    expect(client.torrents.flatMap(torrent => torrent.eventNames())).toEqual([])
  })
})

describe('a credential store that never answers', () => {
  function slow(store: object) {
    const env = new VirtualEnv()
    const options = { env, wrtc, rtcConfig: {}, credentials: store } as unknown as StationOptions // as above
    const station = new Station(options)
    const warnings: string[] = []
    station.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    return { env, station, warnings, leave: station.enter() }
  }

  test.each([
    ['load', { load: () => new Promise(() => {}), save: () => {} }],
    ['save', { load: () => {}, save: () => new Promise(() => {}) }],
  ])(
    'in %s() is reported once after ten seconds, and keeps no part of the application from leaving [D7]',
    async (_name, store) => {
      const { env, station, warnings, leave } = slow(store)
      let outcome: unknown
      void station.open().catch((error: unknown) => (outcome = error))
      await env.advance(STORE_PATIENCE - 1)
      expect(warnings).toEqual([])
      await env.advance(10 * STORE_PATIENCE)
      expect(warnings).toEqual([expect.stringMatching(/^ERR_CREDENTIALS the credential store has not answered for 10 s/)])
      await leave()
      await env.advance(0)
      expect(outcome).toMatchObject({ code: 'ERR_CLOSED' })
      expect(env.pendingTimers).toBe(0)
    },
  )

  test('does not stop the station for good: it opens when the answer comes [D7]', async () => {
    let answer: (credentials: undefined) => void = () => {}
    const late = new Promise<undefined>(resolve => (answer = resolve))
    let looks = 0
    const { env, station, leave } = slow({ load: () => (++looks === 1 ? late : undefined), save: () => {} })
    const opening = station.open()
    await env.advance(2 * STORE_PATIENCE)
    expect(station.network).toBeUndefined()
    answer(undefined)
    expect((await opening).identity.key).toBeDefined()
    await leave()
  })
})
