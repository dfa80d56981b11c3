import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Processes } from '../support/processes.js'

/** A process that something keeps alive never exits. One on a busy machine is late. */
const EXIT_TIMEOUT = 5_000

const finish: Array<() => Promise<void>> = []
const processes = new Processes(callback => finish.push(callback))
let url: string
let torrent: string

beforeAll(async () => {
  url = (await processes.tracker()).url
  const seeder = await processes.client({ plugin: { trackers: [url] } })
  torrent = (await seeder.ask('seed', { size: 20_000_000 })).file
})
afterAll(async () => {
  for (const callback of finish) await callback()
})

describe('ConnectionManager.destroy()', () => {
  it('leaves no connection, socket or listener behind while the client lives on [D4]', async () => {
    const { tracker, url: own } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [own] } })
    const seeded = await seeder.ask('seed', { size: 1_000_000 })
    const leecher = await processes.client()
    await leecher.ask('add', { torrent: seeded.file })
    await leecher.next('metadata') // WebTorrent adds listeners then
    const before = await leecher.ask('listeners', seeded)
    await leecher.ask('attach', { trackers: [own] })
    await Promise.all([leecher.next('done'), leecher.next('connect'), seeder.next('connect')])
    expect(await leecher.ask('listeners', seeded)).not.toEqual(before)
    await Promise.all([leecher.ask('detach'), leecher.ask('detach')]) // idempotent
    expect(await leecher.ask('stats')).toMatchObject({
      connections: { used: 0 },
      offers: { idle: 0 },
      activeTorrents: 0,
      state: 'destroyed',
    })
    await leecher.poll('wires', wires => wires.length === 0, seeded)
    expect(await leecher.ask('listeners', seeded)).toEqual(before)
    await tracker.next('announce', report => report['kind'] === 'stopped')
    await tracker.next('socket-close')
    await seeder.next('peer-disconnected')
    // The client continues without the manager, and may get another one.
    const again = await leecher.ask('seed', { name: 'again' })
    await leecher.ask('attach', { trackers: [own] })
    await tracker.next('announce', report => report['infoHash'] === again.infoHash)
    for (const side of [seeder, leecher]) expect(await side.end(EXIT_TIMEOUT)).toMatchObject({ code: 0 })
  })

  it('works after the client was destroyed [D4]', async () => {
    const seeder = await processes.client({ plugin: { trackers: [url] } })
    await seeder.ask('seed', { size: 1_000_000 })
    const leecher = await processes.client({ plugin: { trackers: [url] } })
    await leecher.ask('add', { torrent })
    await leecher.next('connect')
    await leecher.ask('destroyClient')
    const stats = await leecher.ask('stats')
    expect(stats.torrents).toEqual([])
    await leecher.ask('detach')
    leecher.tell('leave', {})
    expect(await leecher.exit(EXIT_TIMEOUT)).toMatchObject({ code: 0 })
    expect(leecher.errors).toBe('')
  })
})
