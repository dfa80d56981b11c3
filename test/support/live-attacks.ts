/** Attacks on a live member, whatever its engine, while an honest one is connected to it: what both have to survive. */
import { expect } from 'vitest'
import { hostileFrames } from './hostile-frames.js'
import { hostileDescriptions } from './hostile-sdp.js'
import { hostileToDriver } from './hostile-signal-frames.js'
import type { PageClient } from './page-client.js'
import type { Child, Processes } from './processes.js'
import { answerSdp, offerSdp } from './sdp-samples.js'

/** `ATTACK_SEED=7 npx vitest run test/slow/attacks.test.ts` makes other cases. */
const SEED = Number(process.env['ATTACK_SEED'] ?? 1)
/** Of every hundred cases over a connection. All kinds come at the same time, each from an attacker of its own. */
const SHARES = { control: 30, exchange: 20, messages: 30, wire: 10, channels: 10 }
/** The peak of an attack shows in the first cases: what a second round adds is a leak. */
const WARM_UP = 0.1
/**
 * What memory may grow by in 10 000 cases and some 800 connections, in bytes. Measured: a heap of 2.1 MB more in a page, 3.5 MB with
 * `@roamhq/wrtc`, 2 MB on a bus (where up to 1 000 members are remembered for 150 s); 50 to 130 MB of resident memory.
 */
const GROWTH = { heap: 8 * 2 ** 20, rss: 256 * 2 ** 20 }
const PATIENCE = 60_000
/** For a NATS server: the megabyte that it takes by default is less than some hostile messages have. */
export const LARGE_PAYLOADS = 'max_payload: 4194304'
const ATTACK_TIMEOUT = 1_200_000

const texts = (values: unknown[]) => values.filter(value => typeof value === 'string')
const DESCRIPTIONS = { good: [offerSdp, answerSdp], bad: texts(hostileDescriptions(offerSdp).map(({ sdp }) => sdp)) }

export interface Id {
  peerId: string
  announceId: string
}

export interface Memory {
  heap: number
  /** Of a process. */
  rss?: number
}

/** The member that is attacked, in a page or a process. */
export interface Victim {
  start(options: object): Promise<Id>
  add(torrent: Torrent): Promise<unknown>
  befriend(friend: Id): Promise<unknown>
  echo(question: { peerId: string; text: string }): Promise<unknown>
  /** Connections that the client has. */
  used(): Promise<number>
  memory(): Promise<Memory>
  /** What `getStats()` says of the torrent. */
  stages(): Promise<unknown>
  /** Uncaught errors, what it wrote to its standard error, and honest connections that it lost. */
  faults(): Promise<unknown[]>
}

interface Torrent {
  magnet: string
  infoHash: string
}

interface Counts {
  /** That the victim has read, with those of the warm-up. */
  cases: number
  bytes: number
  /** Connections that it took to send them. */
  sessions: number
  byLabel: Record<string, number>
}

export interface Outcome extends Counts {
  /** What became of the peers of the victim. */
  stages: unknown
  /** Of the victim, where it is measured. */
  before?: Memory
  after?: Memory
}

export interface Attack {
  cases: number
  /** Attacks a little before, and measures memory when the connections of the attacker are gone. @default false */
  measured?: boolean
}

export function inProcess(child: Child): Victim {
  return {
    start: options => child.ask('start', options) as Promise<Id>,
    add: torrent => child.ask('add', torrent),
    befriend: friend => child.ask('befriend', friend),
    echo: question => child.ask('echo', question),
    used: async () => ((await child.ask('look')) as { used: number }).used,
    stages: async () => stagesOf(await child.ask('stats')),
    memory: () => child.ask('memory') as Promise<Memory>,
    faults: async () =>
      [
        child.errors,
        ...child.all('lost'),
        ...child.all('client-error'),
        ...(child.ended === undefined ? [] : [child.ended]),
      ].filter(fault => fault !== ''),
  }
}

export function inPage(page: PageClient): Victim {
  return {
    start: options => page.ask('start', options) as Promise<Id>,
    add: torrent => page.ask('add', torrent),
    befriend: friend => page.ask('befriend', friend),
    echo: question => page.ask('echo', question),
    used: async () => ((await page.ask('look')) as { used: number }).used,
    stages: async () => stagesOf(await page.ask('stats')),
    memory: async () => ({ heap: await page.heap() }),
    faults: async () => (await Promise.all(['uncaught', 'lost', 'client-error'].map(event => page.all(event)))).flat(),
  }
}

export const startMember = (processes: Processes) => processes.start('member-process', { nodeOptions: ['--expose-gc'] })

const stagesOf = (stats: unknown) => (stats as { torrents: Array<{ stages: unknown }> }).torrents[0]?.stages

/** Attacks a victim over WebRTC connections, with cases of every kind. */
export async function attackPeer(
  processes: Processes,
  victim: Victim,
  { cases, measured = false, ...options }: Attack & { wrtc?: string },
): Promise<Outcome> {
  const [{ url }, honest, ...attackers] = await Promise.all([
    processes.tracker({ interval: 5_000 }),
    startMember(processes),
    ...Object.keys(SHARES).map(() => processes.start('attacker')),
  ])
  const honestId = (await honest.ask('start', { trackers: [url] })) as Id
  const torrent = (await honest.ask('seed')) as Torrent
  const victimId = await victim.start({ trackers: [url], ...options })
  await victim.add(torrent)
  await meet(victim, honest, { victimId, honestId })

  const target = { trackers: [url], ...torrent, victim: victimId.peerId, peers: [honestId.announceId], ...DESCRIPTIONS }
  const round = async (share: number, seed: number) => {
    const attacks = Object.entries(SHARES).map(async ([kind, percent], i) => {
      const attack = { ...target, kind, seed, cases: Math.ceil((share * cases * percent) / 100) }
      await named(`${attack.cases} cases of ${kind}, seed ${seed}`, async () => {
        await attackers[i]?.ask('attack', attack, 'it', ATTACK_TIMEOUT)
        expect(await victim.faults()).toEqual([])
      })
    })
    await Promise.all(attacks)
  }
  const memory = await inRounds(victim, measured, round)
  await named(`${cases} cases, seed ${SEED}`, () =>
    expectUnharmed(processes, { victim, honest, victimId, honestId, torrent, url }),
  )
  const counts = (await Promise.all(attackers.map(attacker => attacker.ask('counts')))) as Counts[]
  return { ...total(counts), ...memory, stages: await victim.stages() }
}

function total(all: Counts[]): Counts {
  const sum = (name: 'cases' | 'bytes' | 'sessions') => all.reduce((before, counts) => before + counts[name], 0)
  const byLabel = Object.assign({}, ...all.map(counts => counts.byLabel)) as Counts['byLabel'] // each attacker has a kind of its own
  return { cases: sum('cases'), bytes: sum('bytes'), sessions: sum('sessions'), byLabel }
}

/** One round, or a short and a long one with the memory after each. */
async function inRounds(
  victim: Victim,
  measured: boolean,
  round: (share: number, seed: number) => Promise<void>,
): Promise<Pick<Outcome, 'before' | 'after'>> {
  if (!measured) {
    await round(1, SEED)
    return {}
  }
  const idle = await victim.used()
  const rest = async () => {
    await eventually(async () => (await victim.used()) <= idle, 'the connections of the attacker to be gone')
    return await victim.memory()
  }
  await round(WARM_UP, SEED + 1_000)
  const before = await rest()
  await round(1, SEED)
  const after = await rest()
  expect(after.heap, `the heap had ${before.heap} bytes`).toBeLessThan(before.heap + GROWTH.heap)
  expect(after.rss ?? 0, `the process had ${before.rss ?? 0} bytes`).toBeLessThan((before.rss ?? 0) + GROWTH.rss)
  return { before, after }
}

/** Attacks two members that meet over a bus, as a stranger who publishes on it. */
export async function attackBus(
  processes: Processes,
  nats: string,
  { cases, measured = false }: Attack,
): Promise<Outcome & { bus: unknown }> {
  const [child, honest, attacker] = await Promise.all([
    startMember(processes),
    startMember(processes),
    processes.start('attacker'),
  ])
  await attacker.ask('listen', { nats })
  const victim = inProcess(child)
  const honestId = (await honest.ask('start', { nats })) as Id
  const torrent = (await honest.ask('seed')) as Torrent
  const victimId = await victim.start({ nats })
  await victim.add(torrent)
  await meet(victim, honest, { victimId, honestId })

  const target = {
    infoHash: torrent.infoHash,
    peers: [victimId.announceId, honestId.announceId],
    ...DESCRIPTIONS,
    corpus: texts([...hostileToDriver(), ...hostileFrames(torrent.infoHash)].map(({ text }) => text)),
  }
  const memory = await inRounds(victim, measured, async (share, seed) => {
    const attack = { ...target, cases: Math.ceil(share * cases), seed }
    await named(`${attack.cases} bus messages, seed ${seed}`, async () => {
      await attacker.ask('publish', attack, 'it', ATTACK_TIMEOUT)
      expect([await victim.faults(), await inProcess(honest).faults()]).toEqual([[], []])
    })
  })
  await named(`${cases} cases, seed ${SEED}`, async () => {
    await expectUnharmed(processes, { victim, honest, victimId, honestId, torrent, nats })
    for (const member of [child, honest]) expect(await member.ask('bus')).toMatchObject({ state: 'open', reconnects: 0 })
  })
  return {
    ...total([(await attacker.ask('counts')) as Counts]),
    ...memory,
    stages: await victim.stages(),
    bus: await child.ask('bus'),
  }
}

/** The honest member and the victim are connected, and know that they are to stay so. */
async function meet(victim: Victim, honest: Child, { victimId, honestId }: { victimId: Id; honestId: Id }): Promise<void> {
  await eventually(async () => (await victim.echo({ peerId: honestId.peerId, text: 'before' })) === 'before', 'a first message')
  await victim.befriend(honestId)
  await honest.ask('befriend', victimId)
}

interface Members {
  victim: Victim
  honest: Child
  victimId: Id
  honestId: Id
  torrent: Torrent
  url?: string
  nats?: string
}

/** Messages go both ways on the connection from before the attack, and a newcomer gets the data and a connection to the victim. */
async function expectUnharmed(processes: Processes, members: Members): Promise<void> {
  const { victim, honest, victimId, honestId, torrent, url, nats } = members
  expect(await victim.echo({ peerId: honestId.peerId, text: 'there' })).toBe('there')
  expect(await honest.ask('echo', { peerId: victimId.peerId, text: 'back' })).toBe('back')
  const newcomer = await startMember(processes)
  const newcomerId = (await newcomer.ask('start', nats === undefined ? { trackers: [url] } : { nats })) as Id
  await newcomer.ask('add', torrent)
  await newcomer.next('done', () => true, PATIENCE)
  const greeting = { peerId: newcomerId.peerId, text: 'welcome' }
  await eventually(async () => (await victim.echo(greeting)) === 'welcome', 'a message to a newcomer')
  expect([await victim.faults(), await inProcess(honest).faults(), await inProcess(newcomer).faults()]).toEqual([[], [], []])
}

/** Adds what was going on to whatever fails. */
async function named(what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

async function eventually(look: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; !(await look()); await new Promise(resolve => setTimeout(resolve, 50)))
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE / 1_000} s for ${what}`)
}
