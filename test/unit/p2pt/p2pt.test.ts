import { afterEach, describe, expect, test } from 'vitest'
import { P2PT } from '../../../src/p2pt/p2pt.js'
import type { P2PTOptions } from '../../../src/p2pt/p2pt-options.js'
import { topicOf } from '../../../src/core/id.js'

/** An engine for a room without connections. */
function RTCPeerConnection(): void {}
const QUIET = { wrtc: { RTCPeerConnection }, maxPeers: 0 } as unknown as P2PTOptions // only the constructor of an engine is checked
const URL = 'wss://tracker.invalid/announce'

let rooms: P2PT[] = []
function room(trackers: string[] = [], identifier = 'test', options: P2PTOptions = {}): P2PT {
  const made = new P2PT(trackers, identifier, { ...QUIET, ...options })
  rooms.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(rooms.map(made => made.destroy()))
  rooms = []
})

describe('new P2PT() [E1]', () => {
  test('announces the hash of its name, which may be set later', async () => {
    // The result of `hash(name, 'hex')` of uint8-util, which the published package uses.
    expect(room([], 'p2pt').infoHash).toBe('c57028cb762b1de5a76250fce9797416a34919d3')
    expect(room([], 'grüße').infoHash).toBe('cd56cb0ac45690731afed77ff66655dfdf8576da')
    const later = new P2PT([])
    rooms.push(later)
    expect(later.infoHash).toBeUndefined()
    await later.setIdentifier('test')
    expect(later.infoHash).toBe(topicOf('test'))
    for (const none of ['', undefined, 5])
      await expect(later.setIdentifier(none as string)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('has its own id after start(), also under the name of the published package', async () => {
    const [one, other] = [room(), room()]
    expect([one.id, one._peerId, one.announceId, one.peerId]).toEqual(Array(4).fill(undefined))
    await Promise.all([one.start(), other.start()])
    expect(one.id).toMatch(/^[0-9a-f]{40}$/)
    expect([one._peerId, one.id === other.id]).toEqual([one.id, false])
    expect(one.announceId).toBe(one.id)
    expect(one.peerId).toMatch(/^[0-9a-f]{40}$/)
    expect(one.peerId).not.toBe(one.id)
  })

  test.each<[string, unknown[], RegExp]>([
    ['nothing', [], /first argument must be a list of tracker URLs/],
    ['a URL instead of a list', [URL, 'x'], /first argument must be a list of tracker URLs/],
    ['a tracker of another kind', [['http://tracker.invalid'], 'x'], /ws: or wss: URL/],
    ['a name that is not a text', [[], 5], /second argument must be a text/],
    ['options that are null', [[], 'x', null], /the options must be an object/],
    ['an unknown option', [[], 'x', { iceserver: [] }], /there is no option iceserver: the options are iceServers/],
    ['wrong iceServers', [[], 'x', { iceServers: ['stun:a'] }], /iceServers: urls must be/],
    ['wrong iceServers within rtcConfig', [[], 'x', { rtcConfig: { iceServers: 5 } }], /rtcConfig\.iceServers must be a list/],
    ['a wrong rtcConfig', [[], 'x', { rtcConfig: 'relay' }], /rtcConfig must be an RTCConfiguration/],
    ['a timeout of 0', [[], 'x', { requestTimeout: 0 }], /requestTimeout must be a number from 1 on/],
    ['a timeout that is a text', [[], 'x', { requestTimeout: '5 s' }], /requestTimeout must be/],
    ['half a peer', [[], 'x', { maxPeers: 0.5 }], /maxPeers must be a whole number/],
    ['no engine', [[], 'x', { wrtc: {} }], /RTCPeerConnection/],
    ['a wrong driver', [[], 'x', { signaling: [5] }], /signaling\[0\] must be a driver/],
    ['a wrong shareWith', [[], 'x', { shareWith: {} }], /shareWith must be a ConnectionManager or a P2PT/],
    ['a shareWith of null', [[], 'x', { shareWith: null }], /shareWith must be/],
    [
      'an option of connections together with shareWith',
      [[], 'x', { shareWith: room(), credentials: {} }],
      /credentials cannot be set on a room with shareWith: /,
    ],
    ['a debug that is a number', [[], 'x', { debug: 1 }], /debug must be true or false/],
  ])('refuses %s', (_, args, message) => {
    const make = P2PT as unknown as new (...args: unknown[]) => P2PT // possible in JavaScript
    expect(() => new make(...args)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    )
  })
})

describe('start() [E1]', () => {
  test('needs a name', async () => {
    const nameless = room([], '')
    const warned = new Promise(resolve => nameless.on('trackerwarning', (...args) => resolve(args)))
    await expect(nameless.start()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(await warned).toMatchObject([{ code: 'ERR_INVALID_ARGUMENT' }, { connected: 0, total: 0 }])
    await nameless.setIdentifier('test')
    await nameless.start()
  })

  test('can be called again, but not after destroy()', async () => {
    const p2pt = room()
    await Promise.all([p2pt.start(), p2pt.start()])
    await p2pt.start()
    await p2pt.destroy()
    await expect(p2pt.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('rejects with bad credentials, and emits trackerwarning', async () => {
    const p2pt = room([], 'test', { credentials: { peerId: 'no', secret: 'good' } })
    const warned = new Promise(resolve => p2pt.on('trackerwarning', error => resolve(error.code)))
    void p2pt.start()
    expect(await warned).toBe('ERR_CREDENTIALS')
  })

  test('rejects when destroy() is called at any moment meanwhile [Law 5]', async () => {
    for (let turns = 0; turns < 10; turns++) {
      const p2pt = room()
      const starting = p2pt.start().catch((error: { code: string }) => error.code)
      for (let i = 0; i < turns; i++) await Promise.resolve()
      await Promise.all([p2pt.destroy(), p2pt.destroy(), p2pt[Symbol.asyncDispose]()])
      expect([undefined, 'ERR_CLOSED']).toContain(await starting)
    }
  })
})

describe('the trackers of a P2PT [E1]', () => {
  test('can be added and removed at any time, each once', async () => {
    const p2pt = room(['ws://127.0.0.1:9'])
    expect(p2pt.getTrackerStats()).toEqual({ connected: 0, total: 1 })
    expect(() => p2pt.addTracker('ws://127.0.0.1:9/')).toThrow(/was added before/)
    expect(() => p2pt.removeTracker(URL)).toThrow(/was not added/)
    expect(() => p2pt.addTracker('nonsense')).toThrow(/ws: or wss: URL/)
    p2pt.addTracker('ws://127.0.0.1:9/2')
    await p2pt.start()
    p2pt.addTracker('ws://127.0.0.1:9/3')
    expect(p2pt.getTrackerStats()).toEqual({ connected: 0, total: 3 })
    for (const path of ['', '/2', '/3']) p2pt.removeTracker(`ws://127.0.0.1:9${path}`)
    expect(p2pt.getTrackerStats()).toEqual({ connected: 0, total: 0 })
    await p2pt.destroy()
    expect(() => p2pt.addTracker(URL)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })
})

describe('p2pt.send() [E3]', () => {
  test('needs a connected peer', async () => {
    const p2pt = room()
    await expect(p2pt.send(undefined as unknown as { id: string }, 'x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(p2pt.send({ id: 'ab'.repeat(20) }, 'x')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await p2pt.start()
    await expect(p2pt.send({ id: 'ab'.repeat(20) }, 'x')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

test('requestMorePeers() resolves with the peers at any time [E1]', async () => {
  const p2pt = room()
  expect(await p2pt.requestMorePeers()).toEqual([])
  void p2pt.start()
  expect(await p2pt.requestMorePeers()).toEqual([])
  await p2pt.destroy()
  expect(await p2pt.requestMorePeers()).toEqual([])
})
