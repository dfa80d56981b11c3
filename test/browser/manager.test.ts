// @ts-expect-error -- ships no types
import WebTorrent from 'webtorrent'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConnectionManager, localCredentials, type ConnectionManagerOptions, type DataConnection } from '../../src/index.js'
import type { WebTorrentClient } from '../../src/torrent/webtorrent.js'

const TRACKER = 'wss://tracker.invalid/'

/** Replaces the page's WebSocket, with a tracker behind it: it answers announcements with counts, and forwards offers and answers. */
class TrackerSocket {
  static readonly members = new Map<string, TrackerSocket>()
  static readonly heard: Array<{ event?: string; peer_id: string }> = []
  readyState = 0
  readonly bufferedAmount = 0
  onopen: ((event: object) => void) | null = null
  onclose: ((event: object) => void) | null = null
  onerror: ((event: object) => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null

  constructor() {
    setTimeout(() => {
      if (this.readyState !== 0) return
      this.readyState = 1
      this.onopen?.({})
    })
  }

  send(text: string): void {
    const { info_hash, peer_id, to_peer_id, answer, offer_id, offers = [], event } = JSON.parse(text)
    const { members, heard } = TrackerSocket
    const about = (fields: object) => JSON.stringify({ action: 'announce', info_hash, ...fields })
    if (answer !== undefined) return members.get(to_peer_id)?.tell(about({ peer_id, offer_id, answer }))
    heard.push({ event, peer_id })
    members.set(peer_id, this)
    const others = [...members.values()].filter(member => member !== this)
    this.tell(about({ interval: 120, complete: 0, incomplete: others.length + 1 }))
    for (const [index, { offer, offer_id: id }] of offers.entries()) others[index]?.tell(about({ peer_id, offer_id: id, offer }))
  }

  close(): void {
    for (const [id, member] of TrackerSocket.members) if (member === this) TrackerSocket.members.delete(id)
    this.readyState = 3
    setTimeout(() => this.onclose?.({ code: 1000 }))
  }

  tell(data: string): void {
    setTimeout(() => this.onmessage?.({ data }))
  }
}

/** The part of a WebTorrent client that these tests use. */
interface Client extends WebTorrentClient {
  tracker: { wrtc?: unknown }
  seed(file: File, options: object, done: (torrent: { infoHash: string; magnetURI: string }) => void): void
  add(magnet: string, options: object): { on(event: string, listener: () => void): void; files: Array<{ blob(): Promise<Blob> }> }
  destroy(done: () => void): void
}

const original = globalThis.WebSocket
const open: Array<() => Promise<void>> = []

beforeEach(() => {
  localStorage.clear()
  TrackerSocket.members.clear()
  TrackerSocket.heard.length = 0
  Object.assign(globalThis, { WebSocket: TrackerSocket })
})
afterEach(async () => {
  for (const close of open.splice(0)) await close()
  Object.assign(globalThis, { WebSocket: original })
})

function attach(options: ConnectionManagerOptions = {}) {
  const client = new WebTorrent({ dht: false, lsd: false, utPex: false }) as Client // the part above
  const manager = new ConnectionManager(client, { trackers: [TRACKER], rtcConfig: { iceServers: [] }, ...options })
  open.push(async () => {
    await manager.destroy()
    await new Promise<void>(resolve => client.destroy(resolve))
  })
  const connected = new Promise<DataConnection>(resolve => manager.on('connection', resolve))
  const ready = new Promise<{ peerId: string }>(resolve => manager.on('ready', resolve))
  return { client, manager, connected, ready }
}

describe('ConnectionManager in a page [D1]', () => {
  it('connects two clients, which download and exchange messages [D1, D6]', async () => {
    const [seeder, leecher] = [attach(), attach()]
    const data = crypto.getRandomValues(new Uint8Array(60_000))
    const seeded = await new Promise<{ infoHash: string; magnetURI: string }>(resolve =>
      seeder.client.seed(new File([data], 'data'), { announce: [] }, resolve),
    )
    const torrent = leecher.client.add(seeded.magnetURI, {})
    await new Promise<void>(resolve => torrent.on('done', resolve))
    expect(new Uint8Array((await (await torrent.files[0]?.blob())?.arrayBuffer()) ?? new ArrayBuffer())).toEqual(data)

    const [ours, theirs] = await Promise.all([seeder.connected, leecher.connected])
    expect(ours).toMatchObject({ verified: true, remotePeerId: leecher.manager.peerId, localPeerId: seeder.manager.peerId })
    const heard = new Promise(resolve => theirs.on('data', resolve))
    ours.send({ text: 'grüße' })
    expect(await heard).toEqual({ text: 'grüße' })
    expect(seeder.manager.getStats()).toMatchObject({ engine: 'browser', activeTorrents: 1 })

    const closed = new Promise(resolve => ours.on('close', resolve))
    await leecher.manager.destroy()
    await closed
    expect(leecher.manager.getStats()).toMatchObject({ connections: { used: 0 }, activeTorrents: 0 })
    expect(TrackerSocket.heard.filter(({ event }) => event === 'stopped')).toHaveLength(1)
  })

  it("turns WebTorrent's own WebSocket trackers off while it is attached [D1]", async () => {
    const { client, manager } = attach()
    expect(client.tracker.wrtc).toBe(false)
    await manager.destroy()
    expect(Object.hasOwn(client.tracker, 'wrtc')).toBe(false)
  })

  it('restores the own WebSocket trackers of torrents in the page build of WebTorrent [D4]', async () => {
    const { client, manager } = attach({ trackers: [] })
    await new Promise<void>(resolve => manager.on('ready', () => resolve()))
    const torrent = await new Promise<{ discovery: { tracker: { _trackers: Array<{ announceUrl: string }> } } }>(resolve =>
      client.seed(new File(['x'], 'x'), { announce: [TRACKER] }, seeded => resolve(seeded as never)),
    )
    const own = () => torrent.discovery.tracker._trackers.map(({ announceUrl }) => announceUrl)
    expect(own()).toEqual([])
    await manager.destroy()
    expect(own()).toEqual([TRACKER.slice(0, -1)]) // as bittorrent-tracker writes it
  })

  it('is the same peer after a reload of the page [D7]', async () => {
    const first = attach({ credentials: localCredentials() })
    const { peerId } = await first.ready
    expect(first.manager.getCredentials()?.peerId).toBe(peerId)
    await first.manager.destroy()
    expect(await attach({ credentials: localCredentials() }).ready).toMatchObject({ peerId })
    expect((await attach().ready).peerId).not.toBe(peerId)
  })

  it('dials again at once on the event `online` [D1]', async () => {
    const { client, manager } = attach({ trackers: [] })
    let dials = 0
    class NoNetwork extends TrackerSocket {
      constructor() {
        super()
        dials++
        this.readyState = 3
        setTimeout(() => this.onclose?.({ code: 1006 }))
      }
    }
    Object.assign(globalThis, { WebSocket: NoNetwork })
    manager.addTracker(TRACKER)
    client.seed(new File(['x'], 'x'), { announce: [] }, () => {})
    await expect.poll(() => manager.getStats().trackers[0]?.state).toBe('waiting')
    const before = dials
    Object.assign(globalThis, { WebSocket: TrackerSocket })
    dispatchEvent(new Event('online'))
    await expect.poll(() => manager.getStats().trackers[0]?.state, { timeout: 500 }).toBe('open')
    expect(before).toBeGreaterThan(0)
  })
})
