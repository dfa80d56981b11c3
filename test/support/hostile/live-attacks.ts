/** Attacks on a live member, with any engine, while an honest one is connected to it, and the invariants of both. */
import { expect } from 'vitest'
import { hostileFrames } from './hostile-frames.js'
import { hostileDescriptions } from './hostile-sdp.js'
import { hostileToDriver } from './hostile-signal-frames.js'
import type { PageClient } from '../browsers/page-client.js'
import type { Child, Processes } from '../processes.js'
import { answerSdp, offerSdp } from '../sdp-samples.js'

/** `ATTACK_SEED=7 npx vitest run test/slow/attacks.test.ts` generates other cases. */
const SEED = Number(process.env['ATTACK_SEED'] ?? 1)
/** Per hundred cases over a connection. All kinds run at the same time, each from an attacker of its own. */
const SHARES = { control: 30, exchange: 20, messages: 30, wire: 10, channels: 10 }
/** Memory is compared after one whole round and after the next: what the second round adds is a leak. */
const WARM_UP = 1
/**
 * The share by which memory may grow in 10 000 cases and 800 connections, and the bytes of resident memory. Measured beside busy programs: 2 %
 * of the heap in a page, 6 % with `@roamhq/wrtc`, 2 % on a bus; 88 MB of resident memory with `@roamhq/wrtc`.
 */
const GROWTH = { heap: 0.1, rss: 128 * 2 ** 20 }
/** Connections of the victim to honest members. Its offers that found no peer come back after 5 s. */
const HONEST = 1
const PATIENCE = 60_000
/** For a NATS server: its default limit of 1 MB is less than some hostile messages have. */
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
  /** Resident memory, of a process only. */
  rss?: number
}

/** The attacked member, in a page or a process. */
export interface Victim {
  start(options: object): Promise<Id>
  add(torrent: Torrent): Promise<unknown>
  befriend(friend: Id): Promise<unknown>
  echo(question: { peerId: string; text: string }): Promise<unknown>
  /** `used`: connections of the client. Its own offers are among them: `made` ever, `idle` of them ready to be sent. */
  look(): Promise<{ used: number; made: number; idle: number }>
  memory(): Promise<Memory>
  stats(): Promise<Stats>
  /** Uncaught errors, its standard error output, and honest connections that it lost. */
  faults(): Promise<unknown[]>
}

/** The part of `getStats()` that is used here. */
interface Stats {
  connections: unknown
  offers: unknown
  trackers: unknown
  torrents: Array<{ peerCount: number; stages: unknown }>
}

interface Torrent {
  magnet: string
  infoHash: string
}

interface Counts {
  /** Cases that the victim has read, with those of the warm-up. */
  cases: number
  bytes: number
  /** Connections needed to send them. */
  sessions: number
  byLabel: Record<string, number>
}

export interface Outcome extends Counts {
  /** Stages of the victim's peers. */
  stages: unknown
  /** The victim's memory, where it is measured. */
  before?: Memory
  after?: Memory
}

export interface Attack {
  cases: number
  /** Runs a short attack first, and measures memory when the attacker's connections are gone. @default false */
  measured?: boolean
}

export function inProcess(child: Child): Victim {
  return {
    start: options => child.ask('start', options) as Promise<Id>,
    add: torrent => child.ask('add', torrent),
    befriend: friend => child.ask('befriend', friend),
    echo: question => child.ask('echo', question),
    look: () => child.ask('look') as ReturnType<Victim['look']>,
    stats: () => child.ask('stats') as Promise<Stats>,
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
    look: () => page.ask('look') as ReturnType<Victim['look']>,
    stats: () => page.ask('stats') as Promise<Stats>,
    memory: async () => ({ heap: await page.heap() }),
    faults: async () => (await Promise.all(['uncaught', 'lost', 'client-error'].map(event => page.all(event)))).flat(),
  }
}

export const startMember = (processes: Processes) => processes.start('member-process', { nodeOptions: ['--expose-gc'] })

const stagesOf = async (victim: Victim) => (await victim.stats()).torrents[0]?.stages

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

  const target = {
    trackers: [url],
    ...torrent,
    victim: victimId.peerId,
    peers: [honestId.announceId],
    // `RTCDataChannel::Send` of @roamhq/wrtc 0.10.0 crashes if the remote closes the connection meanwhile: see src/engine/roamhq.ts.
    gently: options.wrtc === 'roamhq',
    ...DESCRIPTIONS,
  }
  const round = async (share: number, seed: number) => {
    const attacks = Object.entries(SHARES).map(async ([kind, percent], i) => {
      const attack = { ...target, kind, seed, cases: Math.ceil((share * cases * percent) / 100) }
      await named(`${attack.cases} cases of ${kind}, seed ${seed}`, victim, async () => {
        await attackers[i]?.ask('attack', attack, 'it', ATTACK_TIMEOUT)
        expect(await victim.faults()).toEqual([])
      })
    })
    await Promise.all(attacks)
  }
  const memory = await inRounds(victim, measured, round, async () => {
    const { used, idle } = await victim.look()
    return used - idle <= HONEST
  })
  await named(`${cases} cases, seed ${SEED}`, victim, () =>
    expectUnharmed(processes, { victim, honest, victimId, honestId, torrent, url }),
  )
  const counts = (await Promise.all(attackers.map(attacker => attacker.ask('counts')))) as Counts[]
  return { ...total(counts), ...memory, stages: await stagesOf(victim) }
}

function total(all: Counts[]): Counts {
  const sum = (name: 'cases' | 'bytes' | 'sessions') => all.reduce((before, counts) => before + counts[name], 0)
  const byLabel = Object.assign({}, ...all.map(counts => counts.byLabel)) as Counts['byLabel'] // each attacker has a kind of its own
  return { cases: sum('cases'), bytes: sum('bytes'), sessions: sum('sessions'), byLabel }
}

/** One round, or two with the memory after each. `rests`: whether the connections of the attacker are gone. */
async function inRounds(
  victim: Victim,
  measured: boolean,
  round: (share: number, seed: number) => Promise<void>,
  rests: () => Promise<boolean>,
): Promise<Pick<Outcome, 'before' | 'after'>> {
  if (!measured) {
    await round(1, SEED)
    return {}
  }
  const measure = async (share: number, seed: number) => {
    await round(share, seed)
    await eventually(rests, 'the connections of the attacker to be gone')
    return await victim.memory()
  }
  const before = await measure(WARM_UP, SEED + 1_000)
  const after = await measure(1, SEED)
  expect(after.heap, `the heap had ${before.heap} bytes`).toBeLessThan(before.heap * (1 + GROWTH.heap))
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
  const round = async (share: number, seed: number) => {
    const attack = { ...target, cases: Math.ceil(share * cases), seed }
    await named(`${attack.cases} bus messages, seed ${seed}`, victim, async () => {
      await attacker.ask('publish', attack, 'it', ATTACK_TIMEOUT)
      for (const member of [child, honest]) await member.ask('drain', {}, 'it', PATIENCE) // a busy member is a second behind
      expect([await victim.faults(), await inProcess(honest).faults()]).toEqual([[], []])
    })
  }
  const memory = await inRounds(victim, measured, round, async () => {
    const { used, made } = await victim.look()
    return used - made <= HONEST // it goes on dialling invented members
  })
  await named(`${cases} cases, seed ${SEED}`, victim, async () => {
    await expectUnharmed(processes, { victim, honest, victimId, honestId, torrent, nats })
    for (const member of [child, honest]) expect(await member.ask('bus')).toMatchObject({ state: 'open', reconnects: 0 })
  })
  return {
    ...total([(await attacker.ask('counts')) as Counts]),
    ...memory,
    stages: await stagesOf(victim),
    bus: await child.ask('bus'),
  }
}

/** Waits until the honest member and the victim are connected, and counts later losses. */
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

/** Checks that messages pass both ways on the old connection, and that a newcomer gets the data and a connection to the victim. */
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

/** Adds the current step and the victim's state to a failure. */
async function named(what: string, victim: Victim, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (cause) {
    const state = await victim.stats().then(summaryOf, String) // a dead victim has no state
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}\nthe victim: ${state}`, { cause })
  }
}

function summaryOf({ connections, offers, trackers, torrents }: Stats): string {
  return JSON.stringify({
    connections,
    offers,
    trackers,
    torrents: torrents.map(({ peerCount, stages }) => ({ peerCount, stages })),
  })
}

async function eventually(look: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + PATIENCE; !(await look()); await new Promise(resolve => setTimeout(resolve, 50)))
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE / 1_000} s for ${what}`)
}
