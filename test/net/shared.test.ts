import { describe, expect, it } from 'vitest'
import { Processes, type Child, type Report } from '../support/processes.js'

interface Seeded {
  infoHash: string
  magnet: string
  file: string
  sha256: string
}

/** The plugin's options, with an engine that counts connections. */
const counted = (url: string) => ({ plugin: { trackers: [url], wrtc: 'counted' } })

const of =
  ({ infoHash }: { infoHash: string }) =>
  (report: Report) =>
    report['infoHash'] === infoHash

/** Open connections of this process, as its engine counts them. */
async function connected(child: Child): Promise<number> {
  return (await child.ask('engine')).connected
}

/** Expects whole data, and a wire and a message channel on both sides. */
async function expectShared(leecher: Child, seeder: Child, seeded: Seeded): Promise<void> {
  expect(await leecher.next('done', of(seeded))).toMatchObject({ sha256: seeded.sha256 })
  for (const side of [leecher, seeder]) {
    await side.next('our-wire', of(seeded))
    await side.next('connect', of(seeded))
  }
}

/** How the peers of each torrent were met, in order. */
function sources(child: Child, torrents: Seeded[]): string[] {
  return torrents.flatMap(seeded => child.all('peer').filter(of(seeded))).map(({ peer }) => peer.source)
}

async function seedMany(child: Child, name: string, count: number, options: object = {}): Promise<Seeded[]> {
  const names = Array.from({ length: count }, (_, index) => `${name}-${index}`)
  return Promise.all(names.map(each => child.ask('seed', { name: each, size: 300_000, ...options })))
}

describe.concurrent('two swarmlink peers that share torrents', () => {
  it('keep one connection for five torrents, a sixth without a tracker, and the rest when one goes [X1]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const [one, other] = await Promise.all([processes.client(counted(url)), processes.client(counted(url))])
    // Each seeds what the other downloads.
    const [three, two] = await Promise.all([seedMany(one, 'of-one', 3), seedMany(other, 'of-other', 2)])
    await Promise.all([
      ...three.map(({ magnet }) => other.ask('add', { torrent: magnet })),
      ...two.map(({ magnet }) => one.ask('add', { torrent: magnet })),
    ])
    await Promise.all([
      ...three.map(seeded => expectShared(other, one, seeded)),
      ...two.map(seeded => expectShared(one, other, seeded)),
    ])
    const five = [...three, ...two]
    for (const side of [one, other]) {
      expect(await connected(side)).toBe(1)
      // The tracker introduced them once. The other four found the connection.
      const ways = sources(side, five)
      expect(ways.filter(way => way === 'tracker')).toHaveLength(1)
      expect(ways.filter(way => way === 'connection')).toHaveLength(4)
      const { torrents } = await side.ask('stats')
      expect(torrents).toHaveLength(5)
      for (const torrent of torrents) expect(torrent).toMatchObject({ peerCount: 1, connections: 1 })
      for (const seeded of five) expect(await side.ask('wires', seeded)).toHaveLength(1)
    }

    await tracker.kill()
    for (const side of [one, other]) await side.next('warning', ({ code }) => code === 'ERR_TRACKER_LINK')
    const [sixth] = (await seedMany(one, 'sixth', 1)) as [Seeded] // as many as requested
    await other.ask('add', { torrent: sixth.magnet })
    await expectShared(other, one, sixth)
    for (const side of [one, other]) {
      expect(await connected(side)).toBe(1)
      expect(sources(side, [sixth])).toEqual(['connection'])
    }

    const [gone, ...others] = [sixth, ...five]
    await other.ask('remove', gone)
    await one.next('wire-close', of(gone))
    await one.next('connection-close', of(gone))
    for (const seeded of others) {
      await other.ask('send', { infoHash: seeded.infoHash, message: seeded.infoHash })
      expect(await one.next('data', of(seeded))).toMatchObject({ data: seeded.infoHash })
      expect(await one.ask('wires', seeded)).toHaveLength(1)
    }
    for (const side of [one, other]) {
      expect(await connected(side)).toBe(1)
      expect(side.all('wire-close').filter(report => !of(gone)(report))).toEqual([])
      expect(side.all('connection-close').filter(report => !of(gone)(report))).toEqual([])
    }
    for (const side of [one, other]) expect(await side.end()).toMatchObject({ code: 0, signal: null })
    for (const side of [one, other]) expect(side.errors).toBe('')
  })

  it('share the connection with rooms, and keep it as long as there is one [X1]', async ({ onTestFinished }) => {
    const processes = new Processes(onTestFinished)
    const { tracker, url } = await processes.tracker()
    const both = await Promise.all([processes.client(counted(url)), processes.client(counted(url))])
    const [one, other] = both
    const inRoom =
      (room: string) =>
      (report: Report): boolean =>
        report['room'] === room
    const meet = async (options: { room: string; trackers?: string[]; beside?: string }) => {
      const ids = await Promise.all(both.map(async side => (await side.ask('enter', options)).id))
      for (const [i, side] of both.entries())
        expect(await side.next('peerconnect', inRoom(options.room))).toMatchObject({ id: ids[1 - i] })
      for (const side of both) expect(await connected(side)).toBe(1)
      return ids
    }
    const talk = async (room: string) => {
      await one.ask('say', { room, message: { hello: room } })
      expect(await other.next('msg', inRoom(room))).toMatchObject({ message: { hello: room } })
    }
    // The room came first, and the torrent uses its connection without asking the tracker for peers.
    const ids = await meet({ room: 'lobby', trackers: [url] })
    const [seeded] = (await seedMany(one, 'beside', 1)) as [Seeded] // as many as requested
    await other.ask('add', { torrent: seeded.magnet })
    await expectShared(other, one, seeded)
    expect(sources(other, [seeded])).toEqual(['connection'])
    await tracker.kill()
    expect(await meet({ room: 'without a tracker' })).toEqual(ids)
    expect(await meet({ room: 'beside another', beside: 'lobby' })).toEqual(ids)
    for (const room of ['lobby', 'without a tracker', 'beside another']) await talk(room)

    // The plugin leaves with the torrents. The rooms stay until the last of them is left.
    await other.ask('detach')
    await one.next('wire-close', of(seeded))
    await other.ask('exit', { room: 'lobby' })
    await one.next('peerclose', inRoom('lobby'))
    await talk('beside another')
    for (const side of both) expect(await connected(side)).toBe(1)
    await other.ask('exit', { room: 'beside another' })
    await talk('without a tracker')
    for (const side of both) expect(await side.end()).toMatchObject({ code: 0, signal: null })
    for (const side of both) expect(side.errors).toBe('')
  })

  it('isolate a private torrent: met only through its own tracker, on a connection of its own [X1]', async ({
    onTestFinished,
  }) => {
    const processes = new Processes(onTestFinished)
    const [{ url }, own, dead] = await Promise.all([processes.tracker(), processes.tracker(), processes.tracker()])
    await dead.tracker.kill()
    const [seeder, leecher] = await Promise.all([processes.client(counted(url)), processes.client(counted(url))])
    const share = async (name: string, options: object = {}): Promise<Seeded> => {
      const seeded = (await seeder.ask('seed', { name, ...options })) as Seeded // returned by the fixture's `seed`
      await leecher.ask('add', { torrent: seeded.file })
      return seeded
    }
    await expectShared(leecher, seeder, await share('first'))

    const secret = await share('secret', { private: true, announce: [dead.url] })
    // Added later, and found on the existing connection: a private one could be found like this too.
    const second = await share('second')
    await expectShared(leecher, seeder, second)
    for (const side of [seeder, leecher]) {
      expect(side.all('peer').filter(of(secret))).toEqual([])
      expect(await connected(side)).toBe(1)
    }

    const known = await share('known', { private: true, announce: [own.url] })
    await expectShared(leecher, seeder, known)
    for (const side of [seeder, leecher]) {
      expect(sources(side, [known])).toEqual(['tracker'])
      expect(await connected(side)).toBe(2)
    }
    // A further public torrent does not use the connection of a private one.
    await expectShared(leecher, seeder, await share('third'))
    for (const side of [seeder, leecher]) {
      expect(await connected(side)).toBe(2)
      expect(side.all('peer').filter(of(secret))).toEqual([])
    }
  })
})
