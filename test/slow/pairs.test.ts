/**
 * Every engine with every engine, in both roles. `PAIR_RUNS=50 npx vitest run --project slow test/slow/pairs.test.ts` repeats each pair,
 * one test per run, so that the output has the counts.
 */
import type { Browser as Chromium } from 'playwright'
import type { Browser as Firefox } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { launchFirefox, requireFirefox } from '../support/browsers/firefox.js'
import { PageClient } from '../support/browsers/page-client.js'
import { clientPage, serveFiles } from '../support/browsers/pages.js'
import { Processes, type Child, type Report } from '../support/processes.js'

const RUNS = Number(process.env['PAIR_RUNS'] ?? 1)
const PATIENCE = 40_000
const ENGINES = ['chromium', 'firefox', 'node-datachannel', 'roamhq'] as const
type EngineName = (typeof ENGINES)[number]

const installed = { chromium: await requireChromium(), firefox: await requireFirefox() }
const canRun = (engine: EngineName) => !(engine in installed) || installed[engine as keyof typeof installed] !== undefined

/** One end, in a page or a process. */
interface Side {
  seed(): Promise<{ magnet: string; sha256: string; infoHash: string }>
  add(magnet: string): Promise<unknown>
  say(message: unknown): Promise<unknown>
  stats(): Promise<unknown>
  next(event: string, fits?: (report: Report) => boolean): Promise<Report>
  all(event: string): Promise<Report[]>
  /** Faults that caused no event. */
  faults(): Promise<unknown[]>
  /** Destroys its manager, and checks that nothing of it is left. */
  leave(): Promise<void>
}

type Seeded = Awaited<ReturnType<Side['seed']>>
type Finish = (callback: () => Promise<void>) => void

const SIZE = 500_000

function inNode(child: Child): Side {
  return {
    seed: () => child.ask('seed', { size: SIZE }),
    add: torrent => child.ask('add', { torrent }),
    say: message => child.ask('send', { message }),
    stats: () => child.ask('stats'),
    next: (event, fits) => child.next(event, fits, PATIENCE),
    all: async event => child.all(event),
    faults: async () => [child.errors, ...child.all('client-error')].filter(fault => fault !== ''),
    leave: async () => expect(await child.end()).toMatchObject({ code: 0 }),
  }
}

function inPage(page: PageClient): Side {
  return {
    seed: async () => (await page.ask('seed', { name: 'from-a-page', size: SIZE })) as Seeded, // returned by page.js
    add: torrent => page.ask('add', { torrent }),
    say: message => page.ask('send', message),
    stats: () => page.ask('stats'),
    next: (event, fits) => page.next(event, fits),
    all: event => page.all(event),
    faults: async () => [...(await page.all('uncaught')), ...(await page.all('client-error'))],
    leave: async () => {
      expect(await page.ask('setting')).toEqual({ own: true, value: false })
      await page.ask('destroy')
      expect(await page.ask('stats')).toMatchObject({ connections: { used: 0 } })
      expect(await page.ask('setting')).toEqual({ own: false })
    },
  }
}

describe('swarmlink peers on every pair of engines', () => {
  const shared = new Processes(afterAll)
  let site: Awaited<ReturnType<typeof serveFiles>>
  let chromium: Chromium
  let firefox: Firefox
  let url: string

  beforeAll(async () => {
    ;[{ url }, site] = await Promise.all([shared.tracker(), clientPage().then(serveFiles)])
    if (canRun('chromium')) chromium = await launchChromium()
    if (canRun('firefox')) firefox = await launchFirefox()
  }, 120_000)
  afterAll(async () => {
    await Promise.all([chromium?.close(), firefox?.close()])
    site?.close()
  })

  /** Greets each peer within `connection`, the earliest moment for an application. */
  async function start(engine: EngineName, greeting: string, finish: Finish): Promise<Side> {
    const plugin = { trackers: [url], greeting }
    if (engine === 'node-datachannel') return inNode(await new Processes(finish).client({ plugin }))
    if (engine === 'roamhq') return inNode(await new Processes(finish).client({ plugin: { ...plugin, wrtc: engine } }))
    const page = await PageClient.open(engine === 'chromium' ? chromium : firefox, site.origin)
    finish(() => page.close())
    await page.ask('start', { plugin })
    return inPage(page)
  }

  async function expectPair(seeds: EngineName, joins: EngineName, finish: Finish): Promise<void> {
    const [seeder, joiner] = await Promise.all([
      start(seeds, 'the seeder greets', finish),
      start(joins, 'the joiner greets', finish),
    ])
    const seeded = await seeder.seed()
    await joiner.add(seeded.magnet)
    expect(await joiner.next('done')).toMatchObject({ sha256: seeded.sha256 })

    const [seederIds, joinerIds] = (await Promise.all([seeder, joiner].map(side => side.next('ready')))).map(
      ({ peerId, announceId }) => ({ peerId, announceId }),
    )
    for (const [side, other] of [
      [seeder, joinerIds],
      [joiner, seederIds],
    ] as const) {
      expect(await side.next('peer')).toMatchObject({ peer: { ...other, isSwarmlink: true, verified: true, source: 'tracker' } })
      expect(await side.next('connection')).toMatchObject({ remotePeerId: other?.peerId, verified: true })
    }
    await Promise.all([seeder.next('connect'), joiner.next('connect')])
    expect((await seeder.next('data'))['data']).toBe('the joiner greets')
    expect((await joiner.next('data'))['data']).toBe('the seeder greets')

    await seeder.say({ from: 'the seeder', text: 'grüße' })
    await joiner.say({ from: 'the joiner', list: [1, null] })
    const later = (side: Side) => side.next('data', ({ data }) => typeof data === 'object')
    expect(await later(joiner)).toMatchObject({ data: { from: 'the seeder', text: 'grüße' } })
    expect(await later(seeder)).toMatchObject({ data: { from: 'the joiner', list: [1, null] } })
    for (const [side, engine] of [
      [seeder, seeds],
      [joiner, joins],
    ] as const) {
      expect(await side.next('wire')).toMatchObject({ type: 'webrtc', infoHash: seeded.infoHash })
      expect(await side.stats()).toMatchObject({
        engine: engine in installed ? 'browser' : engine,
        activeTorrents: 1,
        torrents: [{ peerCount: 1, connections: 1, stages: { connected: 1, wired: 1, messaging: 1 } }],
      })
      expect([await side.all('connection-close'), await side.faults()]).toEqual([[], []])
    }
    await joiner.leave()
    expect(await seeder.next('connection-close')).toMatchObject({ remotePeerId: joinerIds?.peerId })
    await seeder.leave()
  }

  for (const seeds of ENGINES)
    for (const joins of ENGINES)
      for (let run = 1; run <= RUNS; run++)
        it.skipIf(!canRun(seeds) || !canRun(joins))(
          `${seeds} seeds, ${joins} joins: transfers the data and every message from the first on${RUNS > 1 ? ` (run ${run})` : ''} [D1] [D3] [D6] [C9] [E4] [X9]`,
          ({ onTestFinished }) => expectPair(seeds, joins, onTestFinished),
        )
})
