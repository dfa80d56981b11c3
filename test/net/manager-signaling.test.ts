import { describe, it, type ExpectStatic } from 'vitest'
import { SignalServer } from '../../src/signaling/server/signal-server.js'
import { serverName } from '../../src/signaling/url.js'
import { Processes, type Child } from '../support/processes.js'

type Finish = (callback: () => Promise<void>) => void

/** A bus, and processes that meet on it. */
async function setUp(onTestFinished: Finish) {
  const server = await SignalServer.listen()
  onTestFinished(() => server.close())
  return { server, processes: new Processes(onTestFinished) }
}

/** What both ends know of their only connection. */
async function met(expect: ExpectStatic, child: Child): Promise<string> {
  const { remotePeerId } = await child.next('connect')
  expect(child.all('peer').map(({ peer }) => peer)).toMatchObject([{ peerId: remotePeerId, isSwarmlink: true, verified: true }])
  return remotePeerId as string // from the fixture's report
}

describe.concurrent('torrents that meet over a bus', () => {
  it('download without a tracker: wire, messages, statistics, and an end that leaves nothing [B12]', async ({
    expect,
    onTestFinished,
  }) => {
    const { server, processes } = await setUp(onTestFinished)
    const plugin = { buses: [server.url] }
    const [seeder, leecher] = await Promise.all([processes.client({ plugin }), processes.client({ plugin })])
    const { infoHash, magnet, sha256 } = await seeder.ask('seed')
    await leecher.ask('add', { torrent: magnet })
    expect(await leecher.next('done')).toMatchObject({ infoHash, sha256 })
    await Promise.all([met(expect, seeder), met(expect, leecher)])
    expect(leecher.all('peer').map(({ peer }) => peer.source)).toEqual(['signaling'])
    await leecher.ask('send', { message: { from: 'leecher' } })
    await seeder.ask('send', { message: { from: 'seeder' } })
    expect(await seeder.next('data')).toMatchObject({ data: { from: 'leecher' } })
    expect(await leecher.next('data')).toMatchObject({ data: { from: 'seeder' } })

    expect((await leecher.ask('discover', { infoHash })).took).toBeLessThan(2_000)
    const name = `driver:${serverName(server.url)}`
    const stats = await leecher.ask('stats')
    expect(stats).toMatchObject({
      trackers: [],
      signaling: [
        { name, state: 'open', topics: 1, members: 1, dropped: {} },
        { name: 'exchange', state: 'open', topics: 1, ports: 1, passedOn: 0, distrusted: 0, dropped: {} },
      ],
      torrents: [
        {
          trackers: [],
          signaling: [name, 'exchange'],
          peerCount: 1,
          connections: 1,
          stages: { connected: 1, failed: {}, lost: {} },
        },
      ],
    })
    await leecher.next('update', ({ url, complete, incomplete }) => url === name && complete === 2 && incomplete === 0)

    // Without the manager no client listens on the bus, though its driver is still open.
    await leecher.ask('detach')
    await expect.poll(() => server.stats().subscriptions, { timeout: 10_000 }).toBe(2) // the seeder's
    expect(await seeder.next('peer-disconnected')).toMatchObject({ infoHash })
    const endings = await Promise.all([seeder.end(), leecher.end()])
    for (const { code, signal } of endings) expect([code, signal]).toEqual([0, null])
    for (const child of [seeder, leecher]) expect(child.all('warning')).toEqual([])
  })

  it('make one connection over a tracker and two buses at once, and a returning bus brings newcomers again [B12]', async ({
    expect,
    onTestFinished,
  }) => {
    const { server, processes } = await setUp(onTestFinished)
    const second = await SignalServer.listen()
    onTestFinished(() => second.close())
    const { url } = await processes.tracker()
    const plugin = { trackers: [url], buses: [server.url, second.url] }
    const [seeder, leecher] = await Promise.all([processes.client({ plugin }), processes.client({ plugin })])
    const { infoHash, magnet, sha256 } = await seeder.ask('seed')
    await leecher.ask('add', { torrent: magnet })
    expect(await leecher.next('done')).toMatchObject({ sha256 })
    await leecher.ask('discover', { infoHash })
    await Promise.all([met(expect, seeder), met(expect, leecher)])

    await server.close()
    for (const child of [seeder, leecher]) await child.next('warning', ({ code }) => code === 'ERR_SIGNALING_LINK')
    const port = Number(new URL(server.url).port)
    const again = await SignalServer.listen({ port })
    onTestFinished(() => again.close())
    const newcomer = await processes.client({ plugin: { buses: [server.url] } })
    await newcomer.ask('add', { torrent: magnet })
    expect(await newcomer.next('done', () => true, 30_000)).toMatchObject({ sha256 })
    // The seeder may bring the newcomer before the leecher has dialled the bus again.
    await leecher.poll('stats', ({ torrents, signaling }) => {
      const states = signaling.map(({ state }: { state: string }) => state)
      return torrents[0].peerCount === 2 && states.join() === 'open,open,open'
    })
  })

  it('stay off the bus when they are private [B12]', async ({ expect, onTestFinished }) => {
    const { server, processes } = await setUp(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const client = await processes.client({ plugin: { buses: [server.url] } })
    const secret = await client.ask('seed', { private: true, announce: [url] })
    const open = await client.ask('seed', { name: 'open' })
    await tracker.next('announce', ({ infoHash }) => infoHash === secret.infoHash)
    const stats = await client.poll('stats', ({ signaling }) => signaling[0].broadcasts > 0)
    const signalingOf = ({ infoHash }: { infoHash: string }) =>
      stats.torrents.find((torrent: { infoHash: string }) => torrent.infoHash === infoHash).signaling
    expect(signalingOf(secret)).toEqual([])
    expect(signalingOf(open)).toContain(`driver:${serverName(server.url)}`)
    // Of the public one: the topic's namespace and the client's own.
    await expect.poll(() => server.stats().subscriptions, { timeout: 10_000 }).toBe(2)
  })
})
