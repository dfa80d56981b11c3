import { describe, expect, it } from 'vitest'
import { Processes, type Child, type Report } from '../support/processes.js'

/** How long to look for an event that must not happen. WebTorrent dials a tracker in the same turn. */
const QUIET = 1_000
/** A stock client in Node delays its offer and its answer by 5 s each. */
const STOCK_HANDSHAKE = 30_000

const elapsed = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** A client with a manager whose credentials are still being loaded. */
async function starting(processes: Processes, url: string) {
  const client = await processes.start('client')
  const { peerId } = await client.ask('start', {})
  return { client, peerId: peerId as string, attach: () => client.ask('attach', { trackers: [url], store: 'held' }) }
}

/** What WebTorrent itself announced of a torrent, by its BitTorrent id. */
function announced(tracker: Child, peerId: string, infoHash: string): Report[] {
  return tracker.all('announce').filter(report => report['from'] === peerId && report['infoHash'] === infoHash)
}

async function firstAnnounce(tracker: Child, peerId: string, infoHash: string): Promise<Report> {
  return tracker.next('announce', report => report['from'] === peerId && report['infoHash'] === infoHash)
}

/** What an HTTP tracker received from this client, except that the torrent is complete. */
function startedOverHttp(tracker: Child, peerId: string): unknown[] {
  const own = tracker.all('http-announce').filter(({ from, kind }) => from === peerId && kind !== 'complete')
  return own.map(({ kind }) => kind)
}

/**
 * A client with a manager, which a stock client meets like any stock peer. Two stock clients in Node do not always meet: one handshake may
 * fail with "without ICE transport", and they retry only after 2 min.
 */
async function partner(processes: Processes, url: string) {
  return processes.client({ plugin: { trackers: [url] } })
}

describe.concurrent("WebTorrent's own WebSocket trackers while the manager does not run", () => {
  it('are back for every torrent when the manager could not start: each finds its peer [D1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const seeded = await (await partner(processes, url)).ask('seed')
    const { client, peerId, attach } = await starting(processes, url)
    const before = await client.ask('seed', { name: 'before', announce: [url] })
    await attach()
    await client.ask('add', { torrent: seeded.file, announce: [url] }) // meanwhile
    await elapsed(QUIET)
    expect(announced(tracker, peerId, seeded.infoHash)).toEqual([])
    await client.ask('answerStore', { message: 'the disk is gone' })
    expect(await client.next('warning')).toMatchObject({ code: 'ERR_CREDENTIALS' })
    const after = await client.ask('seed', { name: 'after', announce: [url] })
    for (const { infoHash } of [seeded, before, after]) await firstAnnounce(tracker, peerId, infoHash)
    expect(await client.next('done', ({ infoHash }) => infoHash === seeded.infoHash, STOCK_HANDSHAKE)).toMatchObject({
      sha256: seeded.sha256,
    })
    for (const { infoHash } of [seeded, before, after])
      expect(announced(tracker, peerId, infoHash).filter(({ kind }) => kind === 'started')).toHaveLength(1)
    expect(await client.end()).toMatchObject({ code: 0 })
  })

  it('are back for every torrent after destroy(): each finds its peer, and no other tracker is contacted [D4]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const web = await processes.tracker({ http: true })
    const http = `http://127.0.0.1:${web.port}/announce`
    const client = await processes.start('client')
    const { peerId } = await client.ask('start', {})
    const before = await client.ask('seed', { name: 'before', announce: [url] })
    await firstAnnounce(tracker, peerId, before.infoHash)
    await client.ask('attach', { trackers: [] })
    await client.next('ready')
    const seeded = await client.ask('seed', { name: 'while', announce: [url, http] })
    const paused = await client.ask('seed', { name: 'paused', announce: [url], paused: true })
    const secret = await client.ask('seed', { name: 'secret', announce: [url], private: true })
    await web.tracker.next('http-announce')
    await client.ask('detach')
    for (const { infoHash } of [seeded, paused, secret]) await firstAnnounce(tracker, peerId, infoHash)
    const leecher = await partner(processes, url)
    await leecher.ask('add', { torrent: seeded.file })
    expect(await leecher.next('done', () => true, STOCK_HANDSHAKE)).toMatchObject({ sha256: seeded.sha256 })
    expect(announced(tracker, peerId, seeded.infoHash).filter(({ kind }) => kind === 'started')).toHaveLength(1)
    expect(startedOverHttp(web.tracker, peerId)).toEqual(['start'])
    // A torrent's 'stopped' reaches these trackers as without the plugin.
    await client.ask('remove', seeded)
    await tracker.next(
      'announce',
      ({ from, kind, infoHash }) => from === peerId && kind === 'stopped' && infoHash === seeded.infoHash,
    )
    expect(await client.end()).toMatchObject({ code: 0 })
    expect(client.errors).toBe('')
  })

  it('do not come back for a removed torrent, nor on a destroyed client [D4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const { client, peerId, attach } = await starting(processes, url)
    await attach()
    const gone = await client.ask('seed', { name: 'gone', announce: [url] })
    await client.ask('remove', gone)
    await client.ask('seed', { name: 'stays', announce: [url] })
    await client.ask('destroyClient')
    await client.ask('answerStore', { message: 'the disk is gone' })
    await client.next('warning')
    await elapsed(QUIET)
    expect(tracker.all('announce').filter(({ from }) => from === peerId)).toEqual([])
    await client.ask('detach')
    client.tell('leave', {})
    expect(await client.exit()).toMatchObject({ code: 0 })
    expect(client.errors).toBe('')
  })

  it('are off again when a second manager follows at once [D4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const client = await processes.start('client')
    const { peerId } = await client.ask('start', { plugin: { trackers: [url] } })
    const seeded = await client.ask('seed', { announce: [url] })
    await tracker.next('announce')
    await client.ask('replace', { trackers: [url] })
    await client.poll('stats', ({ state, torrents }) => state === 'running' && torrents.length === 1)
    await tracker.next('announce', ({ from, kind }) => from !== peerId && kind === 'stopped') // of the first manager
    await elapsed(QUIET)
    const kinds = announced(tracker, peerId, seeded.infoHash).map(({ kind }) => kind)
    expect(kinds.length === 0 || kinds.at(-1) === 'stopped').toBe(true)
    const leecher = await partner(processes, url)
    await leecher.ask('add', { torrent: seeded.file })
    await leecher.next('done')
    await client.ask('detach')
    await tracker.next('announce', ({ from, kind }) => from === peerId && kind === 'started')
    expect(await client.end()).toMatchObject({ code: 0 })
  })

  it('are back while credentials delay the manager, and off when it runs after all [D1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const { client, peerId, attach } = await starting(processes, url)
    await attach()
    const seeded = await client.ask('seed', { announce: [url] })
    expect(await client.next('warning')).toMatchObject({ code: 'ERR_CREDENTIALS', message: expect.stringMatching(/10 s/) })
    expect((await client.ask('stats')).state).toBe('starting')
    await firstAnnounce(tracker, peerId, seeded.infoHash)
    await client.ask('answerStore', {})
    await client.next('ready')
    await tracker.next('announce', ({ from, kind }) => from === peerId && kind === 'stopped')
    await tracker.next('announce', ({ from, kind }) => from !== peerId && kind === 'started')
    expect(await client.end()).toMatchObject({ code: 0 })
    expect(client.errors).toBe('')
  })

  it('do not keep destroy() or the process waiting for a store that never answers [D4]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const { client, peerId, attach } = await starting(processes, url)
    await attach()
    const seeded = await client.ask('seed', { announce: [url] })
    await client.ask('detach')
    await firstAnnounce(tracker, peerId, seeded.infoHash)
    expect(await client.end()).toMatchObject({ code: 0 })
    expect(client.errors).toBe('')
  })
})

describe.concurrent("WebTorrent's own WebSocket trackers while the manager runs", () => {
  it("are off for older torrents too: their tracker receives 'stopped', and then only the manager announces [D1]", async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker } = await processes.tracker()
    const web = await processes.tracker({ http: true })
    const client = await processes.start('client')
    const { peerId } = await client.ask('start', {})
    const seeded = await client.ask('seed', { announce: [url, `http://127.0.0.1:${web.port}/announce`] })
    await firstAnnounce(tracker, peerId, seeded.infoHash)
    await client.ask('attach', { trackers: [] })
    await tracker.next('announce', ({ from, kind }) => from === peerId && kind === 'stopped')
    await tracker.next('announce', ({ from, kind }) => from !== peerId && kind === 'started')
    await tracker.next('socket-close')
    const leecher = await processes.client()
    await leecher.ask('add', { torrent: seeded.file, announce: [url] })
    expect(await leecher.next('done', () => true, STOCK_HANDSHAKE)).toMatchObject({ sha256: seeded.sha256 })
    expect(await leecher.ask('wires', seeded)).toHaveLength(1)
    expect(announced(tracker, peerId, seeded.infoHash).at(-1)).toMatchObject({ kind: 'stopped' })
    expect(startedOverHttp(web.tracker, peerId)).toEqual(['start'])
    expect(client.all('torrent-warning').filter(({ message }) => !String(message).includes('Unsupported'))).toEqual([])
    expect(await client.end()).toMatchObject({ code: 0 })
  })

  it('are off although their tracker is down, and stay off when it is back [D1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { url, tracker, port } = await processes.tracker()
    const client = await processes.start('client')
    const { peerId } = await client.ask('start', {})
    const seeded = await client.ask('seed', { announce: [url] })
    await firstAnnounce(tracker, peerId, seeded.infoHash)
    await tracker.kill()
    await elapsed(QUIET) // WebTorrent does not report a lost socket, and dials again after 10 s or more
    await client.ask('attach', { trackers: [] })
    await client.next('ready')
    const again = await processes.start('tracker')
    await again.ask('listen', { port })
    await again.next('announce', ({ from }) => from !== peerId)
    expect(again.all('announce').filter(({ from }) => from === peerId)).toEqual([])
    await client.ask('detach')
    await again.next('announce', ({ from, kind }) => from === peerId && kind === 'started')
    expect(await client.end()).toMatchObject({ code: 0 })
  })
})
