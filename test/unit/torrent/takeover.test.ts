import { describe, expect, it, vi } from 'vitest'
import { Takeover } from '../../../src/torrent/takeover.js'
import type { Client, Torrent } from '../../../src/torrent/webtorrent.js'

const client = (tracker: unknown, torrents: Torrent[] = []): Client => ({
  peerId: '',
  torrents,
  tracker,
  on: () => {},
  removeListener: () => {},
})

/** The parts of `bittorrent-tracker` 11 and `torrent-discovery` 11 that are changed. */
class OneTracker {
  destroyed = false
  readonly announced: unknown[] = []
  reconnectTimer: ReturnType<typeof setTimeout> | null = null
  client: unknown
  readonly announceUrl: string
  constructor(owner: TrackerClient, announceUrl: string) {
    this.client = owner
    this.announceUrl = announceUrl
  }
  announce(options: object): void {
    if (!this.destroyed) this.announced.push(options)
  }
  destroy(): void {
    this.destroyed = true
  }
}

class TrackerClient {
  destroyed = false
  _trackers: OneTracker[]
  _wrtc: unknown
  constructor(options: { announce: string[]; wrtc?: unknown }) {
    this._wrtc = typeof options.wrtc === 'function' ? (options.wrtc as () => unknown)() : options.wrtc
    this._trackers = options.announce
      .filter(url => this._wrtc !== false || !/^ws/i.test(url))
      .map(url => new OneTracker(this, url))
  }
  start(): void {
    for (const one of this._trackers) one.announce({ event: 'started' })
  }
  _defaultAnnounceOpts(): object {
    return { left: 7 }
  }
}

class Discovery {
  tracker: TrackerClient
  _trackerOpts: object
  readonly _announce: string[]
  constructor(options: object, announce: string[]) {
    this._trackerOpts = options
    this._announce = announce
    this.tracker = this._createTracker()
  }
  _createTracker(): TrackerClient {
    const tracker = new TrackerClient({ ...this._trackerOpts, announce: this._announce })
    tracker.start()
    return tracker
  }
  get urls(): string[] {
    return this.tracker._trackers.map(({ announceUrl }) => announceUrl)
  }
}

const URLS = ['ws://tracker.test', 'http://tracker.test/announce', 'WSS://other.test']

function torrent(owner: Client, urls = URLS): Torrent & { discovery: Discovery } {
  const discovery = new Discovery({ ...(owner.tracker as object), getAnnounceOpts: () => ({}) }, urls)
  return { discovery } as Torrent & { discovery: Discovery } // only this field is read
}

describe("Takeover: WebTorrent's setting for WebSocket trackers", () => {
  it('is off while the manager is attached; afterwards the client has its former object [D1]', () => {
    for (const tracker of [
      { announce: ['ws://tracker.test'] },
      { wrtc: true },
      { wrtc: undefined },
      { wrtc: { RTCPeerConnection: Date } },
    ]) {
      const before = { ...tracker }
      const taken = client(tracker)
      const takeover = new Takeover(taken)
      takeover.begin()
      takeover.begin()
      expect(taken.tracker).toMatchObject({ ...before, wrtc: false })
      takeover.end()
      takeover.end()
      expect(taken.tracker).toBe(tracker)
      expect(tracker).toEqual(before)
    }
  })

  it('does not change another client that shares the options object [D1]', () => {
    const shared = { announce: ['ws://tracker.test'] }
    const [one, other] = [client(shared), client(shared)]
    const [first, second] = [new Takeover(one), new Takeover(other)]
    first.begin()
    second.begin()
    first.end()
    expect(other.tracker).toMatchObject({ ...shared, wrtc: false })
    second.end()
    expect([one.tracker, other.tracker, Object.keys(shared)]).toEqual([shared, shared, ['announce']])
  })

  it('keeps what the application set in the meantime [D1]', () => {
    const taken = client({})
    const takeover = new Takeover(taken)
    takeover.begin()
    taken.tracker = false
    takeover.end()
    expect(taken.tracker).toBe(false)
  })

  it('is not changed where the application switched its trackers off [D1]', () => {
    for (const tracker of [false, undefined, null, { wrtc: false }]) {
      const off = client(tracker)
      const takeover = new Takeover(off)
      takeover.begin()
      expect(off.tracker).toBe(tracker)
      takeover.end()
      expect(off.tracker).toBe(tracker)
    }
  })
})

describe('Takeover: the WebSocket trackers of torrents', () => {
  it('are restored for a torrent that began meanwhile, once, on its own tracker client [D1]', () => {
    const owner = client({ wrtc: undefined }, [])
    const takeover = new Takeover(owner)
    takeover.begin()
    const { discovery } = torrent(owner)
    const { tracker } = discovery
    const [http] = tracker._trackers
    Object.assign(owner, { torrents: [{ discovery }] })
    expect(discovery.urls).toEqual([URLS[1]])
    takeover.end()
    takeover.end()
    expect(discovery.tracker).toBe(tracker)
    expect(discovery.urls).toEqual([URLS[1], URLS[0], URLS[2]])
    expect(tracker._trackers[0]).toBe(http)
    for (const one of tracker._trackers) {
      expect(one.client).toBe(tracker)
      expect(one.announced).toEqual([{ event: 'started' }])
    }
    expect(discovery._announce).toBe(URLS)
    expect(Reflect.ownKeys(discovery._trackerOpts)).toEqual(['wrtc', 'getAnnounceOpts'])
    expect(discovery._createTracker()._trackers).toHaveLength(3) // as WebTorrent does for another port
  })

  it('announce stopped and are off on an existing torrent, and are made anew afterwards [D1]', () => {
    const owner = client({}, [])
    const early = torrent(owner)
    Object.assign(owner, { torrents: [early] })
    const { discovery } = early
    const [first, http, last] = discovery.tracker._trackers
    const takeover = new Takeover(owner)
    takeover.begin()
    expect(discovery.urls).toEqual(URLS) // the manager does not run yet
    takeover.disable()
    takeover.disable()
    expect(discovery.urls).toEqual([URLS[1]])
    for (const one of [first, last]) {
      expect(one?.destroyed).toBe(true)
      expect(one?.announced).toEqual([{ event: 'started' }, { left: 7, event: 'stopped' }])
    }
    expect(http?.announced).toEqual([{ event: 'started' }])
    expect(discovery._createTracker()._trackers).toHaveLength(1)
    takeover.end()
    expect(discovery.urls).toEqual([URLS[1], URLS[0], URLS[2]])
    expect(http?.announced).toEqual([{ event: 'started' }])
  })

  it('do not dial again while they are off, although WebTorrent does not clear their timer [D1]', () => {
    const owner = client({}, [])
    const early = torrent(owner)
    Object.assign(owner, { torrents: [early] })
    const [lost] = early.discovery.tracker._trackers
    const dialled = vi.fn<() => void>()
    vi.useFakeTimers()
    try {
      if (lost !== undefined) lost.reconnectTimer = setTimeout(dialled, 10)
      new Takeover(owner).disable()
      vi.advanceTimersByTime(100)
      expect(dialled).not.toHaveBeenCalled()
    } finally {
      vi.useRealTimers()
    }
  })

  it('stay off where the application switched them off for the torrent [D1]', () => {
    const owner = client({}, [])
    const early = torrent(client({ wrtc: false }))
    Object.assign(owner, { torrents: [early] })
    const takeover = new Takeover(owner)
    takeover.begin()
    takeover.disable()
    takeover.end()
    expect(early.discovery.urls).toEqual([URLS[1]])
  })

  it('cause no error with an unknown version of torrent-discovery [D1]', () => {
    const hostile = {
      get discovery(): never {
        throw new Error('no')
      },
    }
    const shapes = [undefined, null, {}, { tracker: null }, { tracker: { _trackers: [] }, _trackerOpts: null }, 'text']
    const throwing = torrent(client({}))
    throwing.discovery.tracker._defaultAnnounceOpts = () => {
      throw new Error('no')
    }
    const healthy = torrent(client({}))
    const torrents = [...shapes.map(discovery => ({ discovery })), hostile, throwing, healthy] as Torrent[]
    const takeover = new Takeover(client({}, torrents))
    takeover.begin()
    takeover.disable()
    expect(healthy.discovery.urls).toEqual([URLS[1]])
    takeover.end()
    expect(healthy.discovery.urls).toHaveLength(3)
  })
})
