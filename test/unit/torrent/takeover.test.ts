import { describe, expect, it } from 'vitest'
import { takeOver } from '../../../src/torrent/takeover.js'
import type { WebTorrentClient } from '../../../src/torrent/webtorrent.js'

const client = (tracker: unknown): WebTorrentClient => ({
  peerId: '',
  torrents: [],
  tracker,
  on: () => {},
  removeListener: () => {},
})

describe("D1 takeover: WebTorrent's setting for WebSocket trackers", () => {
  it('is off while we are attached, and the very object of before is back afterwards', () => {
    for (const tracker of [
      { announce: ['ws://tracker.test'] },
      { wrtc: true },
      { wrtc: undefined },
      { wrtc: { RTCPeerConnection: Date } },
    ]) {
      const before = { ...tracker }
      const taken = client(tracker)
      const putBack = takeOver(taken)
      expect(taken.tracker).toEqual({ ...before, wrtc: false })
      putBack()
      expect(taken.tracker).toBe(tracker)
      expect(tracker).toEqual(before)
    }
  })

  it('leaves another client alone that was given the same object', () => {
    const shared = { announce: ['ws://tracker.test'] }
    const [one, other] = [client(shared), client(shared)]
    const [first, second] = [takeOver(one), takeOver(other)]
    first()
    expect(other.tracker).toEqual({ ...shared, wrtc: false })
    second()
    expect([one.tracker, other.tracker, Object.keys(shared)]).toEqual([shared, shared, ['announce']])
  })

  it('keeps what the application set in the meantime', () => {
    const taken = client({})
    const putBack = takeOver(taken)
    taken.tracker = false
    putBack()
    expect(taken.tracker).toBe(false)
  })

  it('is left alone where all trackers are off', () => {
    for (const tracker of [false, undefined, null]) {
      const off = client(tracker)
      takeOver(off)()
      expect(off.tracker).toBe(tracker)
    }
  })
})
