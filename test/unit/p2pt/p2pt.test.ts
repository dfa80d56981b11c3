import { afterEach, describe, expect, test } from 'vitest'
import { P2PT } from '../../../src/room/p2pt.js'
import type { P2PTOptions } from '../../../src/room/p2pt-options.js'
import { topicOf } from '../../../src/core/id.js'

/** Enough of an engine for a room that connects to nobody. */
function RTCPeerConnection(): void {}
const QUIET = { wrtc: { RTCPeerConnection }, maxPeers: 0 } as unknown as P2PTOptions // of an engine only the constructor is looked at
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

describe('E1 new P2PT()', () => {
  test('meets under the hash of its name, which may be set later', async () => {
    // As `hash(name, 'hex')` of uint8-util, which the published package uses, gives it.
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

  test('has an id of its own from start() on, under the name of the published package too', async () => {
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
    ['a name that is no text', [[], 5], /second argument must be a text/],
    ['options that are none', [[], 'x', null], /the options must be an object/],
    ['an option that is not there', [[], 'x', { iceserver: [] }], /there is no option iceserver: the options are iceServers/],
    ['iceServers that are none', [[], 'x', { iceServers: ['stun:a'] }], /iceServers: urls must be/],
    [
      'iceServers within rtcConfig that are none',
      [[], 'x', { rtcConfig: { iceServers: 5 } }],
      /rtcConfig\.iceServers must be a list/,
    ],
    ['an rtcConfig that is none', [[], 'x', { rtcConfig: 'relay' }], /rtcConfig must be an RTCConfiguration/],
    ['no time to answer', [[], 'x', { requestTimeout: 0 }], /requestTimeout must be a number from 1 on/],
    ['a time that is none', [[], 'x', { requestTimeout: '5 s' }], /requestTimeout must be/],
    ['half a peer', [[], 'x', { maxPeers: 0.5 }], /maxPeers must be a whole number/],
    ['no engine', [[], 'x', { wrtc: {} }], /RTCPeerConnection/],
    ['drivers that are none', [[], 'x', { signaling: [5] }], /signaling\[0\] must be a driver/],
    ['a partner that is none', [[], 'x', { shareWith: {} }], /shareWith must be a ConnectionManager or a P2PT/],
    ['no partner', [[], 'x', { shareWith: null }], /shareWith must be/],
    [
      'what its partner has to say',
      [[], 'x', { shareWith: room(), credentials: {} }],
      /credentials cannot be set on a room with shareWith: /,
    ],
    ['a debug that is no flag', [[], 'x', { debug: 1 }], /debug must be true or false/],
  ])('refuses %s', (_, args, message) => {
    const make = P2PT as unknown as new (...args: unknown[]) => P2PT // what JavaScript allows
    expect(() => new make(...args)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    )
  })
})

describe('E1 start()', () => {
  test('needs a name', async () => {
    const nameless = room([], '')
    const warned = new Promise(resolve => nameless.on('trackerwarning', (...args) => resolve(args)))
    await expect(nameless.start()).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(await warned).toMatchObject([{ code: 'ERR_INVALID_ARGUMENT' }, { connected: 0, total: 0 }])
    await nameless.setIdentifier('test')
    await nameless.start()
  })

  test('can be called again at any time, and not after destroy()', async () => {
    const p2pt = room()
    await Promise.all([p2pt.start(), p2pt.start()])
    await p2pt.start()
    await p2pt.destroy()
    await expect(p2pt.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('rejects when the credentials are no good, and says so to whoever does not wait', async () => {
    const p2pt = room([], 'test', { credentials: { peerId: 'no', secret: 'good' } })
    const warned = new Promise(resolve => p2pt.on('trackerwarning', error => resolve(error.code)))
    void p2pt.start()
    expect(await warned).toBe('ERR_CREDENTIALS')
  })

  test('Law 5 gives up when destroy() comes in between, whenever that is', async () => {
    for (let turns = 0; turns < 10; turns++) {
      const p2pt = room()
      const starting = p2pt.start().catch((error: { code: string }) => error.code)
      for (let i = 0; i < turns; i++) await Promise.resolve()
      await Promise.all([p2pt.destroy(), p2pt.destroy(), p2pt[Symbol.asyncDispose]()])
      expect([undefined, 'ERR_CLOSED']).toContain(await starting)
    }
  })
})

describe('E1 trackers', () => {
  test('can be added and taken away at any time, each once', async () => {
    const p2pt = room(['ws://127.0.0.1:9'])
    expect(p2pt.getTrackerStats()).toEqual({ connected: 0, total: 1 })
    expect(() => p2pt.addTracker('ws://127.0.0.1:9/')).toThrow(/was added before/)
    expect(() => p2pt.removeTracker(URL)).toThrow(/is not there/)
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

describe('E3 p2pt.send()', () => {
  test('needs a peer that is there', async () => {
    const p2pt = room()
    await expect(p2pt.send(undefined as unknown as { id: string }, 'x')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(p2pt.send({ id: 'ab'.repeat(20) }, 'x')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await p2pt.start()
    await expect(p2pt.send({ id: 'ab'.repeat(20) }, 'x')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

test('E1 requestMorePeers() gives the peers at any time', async () => {
  const p2pt = room()
  expect(await p2pt.requestMorePeers()).toEqual([])
  void p2pt.start()
  expect(await p2pt.requestMorePeers()).toEqual([])
  await p2pt.destroy()
  expect(await p2pt.requestMorePeers()).toEqual([])
})
