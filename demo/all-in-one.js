// @ts-check
/** `npm run demo`: a tracker, a seeder and a leecher on this machine. A file and a few messages go from one to the other. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { PEER_OPTIONS, readArguments } from './support/arguments.js'
import { Member } from './support/crew.js'
import { duration, megabytes, shortId, statsTable } from './support/format.js'
import { Failure, runProgram, unlessAborted, UsageError } from './support/program.js'
import { sha256Of, writeRandomFile } from './support/random-file.js'
import { Terminal } from './support/terminal.js'
import { startTracker } from './support/tracker.js'

const COMMAND = {
  usage: 'npm run demo [-- options]',
  about: 'Moves a file from a seeder to a leecher, two processes that meet at a local tracker. Nothing leaves this machine.',
  options: {
    size: { value: 'MB', help: 'the size of the file (100)' },
    wrtc: PEER_OPTIONS.wrtc,
  },
}

/** @typedef {Member<import('./support/member.js').Told>} PeerProcess */

const GREETINGS = { seeder: 'help yourself', leecher: 'anything good in there?' }
/** The demo fails after this time without a report from either process. */
const SILENCE = 20_000

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { size = '100', ...options } = line.values
  const bytes = Number(size) * 1_000_000
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new UsageError(`--size takes a number of megabytes, not ${size}`)

  const terminal = new Terminal()
  const folder = await mkdtemp(join(tmpdir(), 'swarmlink-demo-'))
  const tracker = await startTracker()
  /** @type {PeerProcess[]} */
  const crew = []
  try {
    await unlessAborted(signal, show({ terminal, folder, trackers: [tracker.url], bytes, options, crew }))
  } finally {
    terminal.close()
    await Promise.all(crew.map(member => member.kill()))
    await tracker.close()
    await rm(folder, { recursive: true })
  }
})

/** @param {{ terminal: Terminal, folder: string, trackers: string[], bytes: number, options: { wrtc?: string }, crew: PeerProcess[] }} stage */
async function show({ terminal, folder, trackers, bytes, options, crew }) {
  const path = join(folder, 'random.bin')
  const hash = await writeRandomFile(path, bytes)
  terminal.line(`A file of ${megabytes(bytes)}, a tracker at ${trackers.join()}, a seeder and a leecher:\n`)

  /** @type {PeerProcess} */
  const seeder = new Member('seeder', 'member.js', { role: 'seeder', path, trackers, ...options })
  crew.push(seeder)
  const { magnet } = await seeder.hear('seeding')
  const received = join(folder, 'received')
  /** @type {PeerProcess} */
  const leecher = new Member('leecher', 'member.js', { role: 'leecher', magnet, folder: received, trackers, ...options })
  crew.push(leecher)

  follow(seeder, leecher, terminal, bytes)
  const said = Promise.all([seeder.hear('heard'), leecher.hear('heard')])
  const [wired, complete] = await Promise.race([
    Promise.all([leecher.hear('wired'), leecher.hear('complete'), said]),
    silence(crew),
  ])
  terminal.endBars()

  if ((await sha256Of(join(received, basename(path)))) !== hash)
    throw new Failure('the file that arrived is not the one that was sent')
  const [{ stats: seeded }, { stats: leeched }] = await Promise.all([seeder.stop(), leecher.stop()])
  terminal.line(`
First wire   ${duration(wired.ms)} after the leecher got the magnet link
Throughput   ${megabytes(bytes)} in ${duration(complete.ms)}, ${megabytes((bytes / complete.ms) * 1_000)}/s
SHA-256      the same on both sides: ${shortId(hash)}…

${statsTable({ seeder: seeded, leecher: leeched })}`)
}

/**
 * Shows their reports, and lets each greet the peers that join it.
 *
 * @param {PeerProcess} seeder
 * @param {PeerProcess} leecher
 * @param {Terminal} terminal
 * @param {number} bytes
 */
function follow(seeder, leecher, terminal, bytes) {
  for (const member of [seeder, leecher]) {
    const { name } = member
    const other = member === seeder ? leecher : seeder
    member.on('warned', ({ text }) => terminal.warn(`${name}: ${text}`))
    member.on('joined', ({ peerId, verified }) => {
      terminal.line(`  ${name}: met ${shortId(peerId)}${verified ? ', a verified identity' : ''}`)
      member.order({ say: member === seeder ? GREETINGS.seeder : GREETINGS.leecher })
    })
    member.on('heard', ({ text }) => terminal.line(`  ${other.name} says: ${text}`))
  }
  const bars = [
    { member: seeder, bar: terminal.bar('sent    ', bytes) },
    { member: leecher, bar: terminal.bar('received', bytes) },
  ]
  for (const { member, bar } of bars) member.on('progress', told => bar.update(told.bytes, told.rate))
}

/** Rejects after a long time without a report. @param {PeerProcess[]} crew @returns {Promise<never>} */
function silence(crew) {
  return new Promise((_resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Failure(`neither the seeder nor the leecher made progress in ${SILENCE / 1_000} s`)),
      SILENCE,
    ).unref()
    for (const member of crew) {
      for (const type of /** @type {const} */ (['joined', 'wired', 'progress', 'heard'])) member.on(type, () => timer.refresh())
    }
  })
}
