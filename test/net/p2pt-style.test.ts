import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTracker } from '../../demo/support/tracker.js'
import { P2PT } from '../../src/p2pt/p2pt.js'
import type { P2PTMessage } from '../../src/p2pt/room-messenger.js'
import type { P2PTPeer } from '../../src/p2pt/p2pt-peer.js'
import { Processes } from '../support/processes.js'

/** Behaviours that the published package's own tests check, beyond those of the other room tests. */

type Tracker = Awaited<ReturnType<typeof startTracker>>
let trackers: Tracker[]
let urls: string[]
beforeAll(async () => {
  trackers = await Promise.all([startTracker(), startTracker()])
  urls = trackers.map(({ url }) => url)
})
afterAll(async () => void (await Promise.all(trackers.map(tracker => tracker.close()))))

const PATIENCE = 20_000
let names = 0

/** Rooms of one name, and how to leave them all. */
function rooms(...given: string[][]): { rooms: P2PT[]; leave: () => Promise<unknown> } {
  const name = `style ${names++}`
  const made = given.map(list => new P2PT(list, name, { iceServers: [] }))
  return { rooms: made, leave: () => Promise.all(made.map(room => room.destroy())) }
}

/** Polls: no event tells when the second tracker is connected as well. */
async function until(done: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE
  while (!done()) {
    if (Date.now() > deadline) throw new Error('the condition never held')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const next = <T extends unknown[]>(on: (listener: (...args: T) => void) => unknown) =>
  new Promise<T>(resolve => void on((...args) => resolve(args)))

describe('a P2PT room in the style of the published package', () => {
  it('has a channel per tracker, survives the loss of one, and emits peerclose at both ends with the last [E1]', async () => {
    const { rooms: both, leave } = rooms(urls, urls)
    const [one, other] = both as [P2PT, P2PT]
    const closed = both.map(room => next<[P2PTPeer]>(listener => room.on('peerclose', listener)))
    const heard = next<[P2PTPeer, P2PTMessage]>(listener => one.on('msg', listener))
    await Promise.all(both.map(room => room.start()))
    await until(() => Object.keys(Object.values(other.peers)[0] ?? {}).length === 2)
    const [id] = Object.keys(other.peers)
    expect([id, other.peers.length, other.peers[0]?.id]).toEqual([one.id, 1, one.id])
    const channels = other.peers[id ?? ''] ?? {}
    expect(Object.keys(channels)).toEqual(urls)
    const first = Object.values(channels)[0] as P2PTPeer
    first.destroy()
    expect([first.connected, Object.keys(other.peers[id ?? ''] ?? {})]).toEqual([false, urls.slice(1)])
    void other.send(first, 'hello')
    const [peer, message] = await heard
    expect(message).toBe('hello')
    peer.destroy()
    const ids = await Promise.all(closed)
    expect(ids.map(([{ id: gone }]) => gone)).toEqual([other.id, one.id])
    expect([one.peers.length, Object.keys(other.peers)]).toEqual([0, []])
    await leave()
  })

  it("names an unreachable tracker as it was given, in the package's words [E2]", async () => {
    const { rooms: made, leave } = rooms(['ws://127.0.0.1:9'])
    const warned = next<[Error & { code?: string }, object]>(listener => made[0]?.on('trackerwarning', listener))
    void made[0]?.start()
    const [error, stats] = await warned
    expect(error.message).toMatch(/error(.*?)ws:\/\/127\.0\.0\.1:9/i)
    expect([error.code, stats]).toEqual(['ERR_TRACKER_LINK', { connected: 0, total: 1 }])
    await leave()
  })

  it('does not end the process when a caller without catch loses its peers [E3]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const child = await processes.start('p2pt-careless')
    await child.ask('start', { trackers: urls, room: `style ${names++}` })
    expect(await child.ending()).toMatchObject({ code: 0 })
    expect([child.errors, child.all('answered').length, child.all('over').length]).toEqual(['', 0, 5])
  })
})
