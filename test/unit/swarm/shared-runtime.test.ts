import { EventEmitter } from 'node:events'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ConnectionManager } from '../../../src/torrent/connection-manager.js'
import type { ConnectionManagerOptions } from '../../../src/torrent/options.js'
import { topicOf } from '../../../src/core/id.js'
import { P2PT } from '../../../src/p2pt/p2pt.js'
import { serverName } from '../../../src/signaling/url.js'
import { SharedRuntime, RUNTIME, type SharedRuntimeOptions, STORE_PATIENCE } from '../../../src/swarm/shared-runtime.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

/** Enough of an engine for tests without connections. */
function RTCPeerConnection(): void {}
const wrtc = { RTCPeerConnection }
const URL = 'ws://127.0.0.1:9/announce'

/** A client and its torrents, as far as the plugin listens to them. */
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
  } as unknown as ConnectionManagerOptions // only the engine's constructor is used
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

describe('SharedRuntime', () => {
  test('lives as long as the plugin or a room, whichever starts first or ends last [X2]', async () => {
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

  test('is not kept by a room whose constructor threw [X2]', async () => {
    const { manager } = manage()
    expect(() => enter(manager, ['http://tracker.invalid'])).toThrow(/ws: or wss: URL/)
    await manager.destroy()
    expect(() => enter(manager)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  test('emits nothing to a user that has left [X2]', async () => {
    const { manager } = manage()
    const room = enter(manager)
    await room.start()
    await manager.destroy()
    expect(manager[RUNTIME].listenerCount('warning')).toBe(1)
    await room.destroy()
    expect(manager[RUNTIME].listenerCount()).toBe(0)
  })

  test('has one room per name, and a refused one leaves it alone [X2]', async () => {
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
    expect([...(manager[RUNTIME].runtime?.topics.keys() ?? [])]).toContain(topicOf('lobby'))
    await other.destroy()
    expect([...(manager[RUNTIME].runtime?.topics.keys() ?? [])]).toEqual(['cd'.repeat(20)])
  })

  test('may be opened by a room after the plugin failed to [X2]', async () => {
    let given = 0
    const load = () => (++given === 1 ? Promise.reject(new Error('locked')) : undefined)
    const { manager } = manage({ credentials: { load, save: () => {} } })
    await new Promise(resolve => manager.once('warning', resolve))
    const room = enter(manager)
    await room.start()
    expect([manager.peerId, room.id?.length]).toEqual([undefined, 40])
  })

  test('reports a tracker that is already connected to a room [X2]', async () => {
    const { manager } = manage()
    const tracker = manager[RUNTIME].trackers.get(URL)
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

  test('follows no torrent for a plugin that is destroyed as soon as it is ready [Law 5] [X2]', async () => {
    const { client, manager } = manage()
    await new Promise<void>(resolve => manager.on('ready', () => void manager.destroy().then(resolve)))
    expect(client.torrents.flatMap(torrent => torrent.eventNames())).toEqual([])
  })
})

describe('SharedRuntime with a credential store that never answers', () => {
  function slow(store: object) {
    const env = new VirtualEnv()
    const options = { env, wrtc, rtcConfig: {}, credentials: store } as unknown as SharedRuntimeOptions // see above
    const runtime = new SharedRuntime(options)
    const warnings: string[] = []
    runtime.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    return { env, runtime, warnings, leave: runtime.enter() }
  }

  test.each([
    ['load', { load: () => new Promise(() => {}), save: () => {} }],
    ['save', { load: () => {}, save: () => new Promise(() => {}) }],
  ])('reports %s() once after 10 s, and lets every user leave [D7]', async (_name, store) => {
    const { env, runtime, warnings, leave } = slow(store)
    let outcome: unknown
    void runtime.open().catch((error: unknown) => (outcome = error))
    await env.advance(STORE_PATIENCE - 1)
    expect(warnings).toEqual([])
    await env.advance(10 * STORE_PATIENCE)
    expect(warnings).toEqual([expect.stringMatching(/^ERR_CREDENTIALS the credential store has not answered for 10 s/)])
    await leave()
    await env.advance(0)
    expect(outcome).toMatchObject({ code: 'ERR_CLOSED' })
    expect(env.pendingTimers).toBe(0)
  })

  test('opens when the answer arrives late [D7]', async () => {
    let answer: (credentials: undefined) => void = () => {}
    const late = new Promise<undefined>(resolve => (answer = resolve))
    let looks = 0
    const { env, runtime, leave } = slow({ load: () => (++looks === 1 ? late : undefined), save: () => {} })
    const opening = runtime.open()
    await env.advance(2 * STORE_PATIENCE)
    expect(runtime.runtime).toBeUndefined()
    answer(undefined)
    expect((await opening).identity.key).toBeDefined()
    await leave()
  })
})
