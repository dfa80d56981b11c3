// @ts-check
/**
 * `npm run bench -- [names…]`: measures swarmlink beside other systems and prints the figures, with the goal beside each. A missed goal does
 * not fail the run.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { comparison, readSaved, readSeries } from './compare.js'
import { profileTo } from './harness.js'
import { pictures } from './pictures.js'
import { progress } from './processes.js'
import { htmlReport } from './report.js'
import * as broadcast from './scenarios/broadcast.js'
import * as burst from './scenarios/burst.js'
import * as callsBitrate from './scenarios/calls-bitrate.js'
import * as callsCpu from './scenarios/calls-cpu.js'
import * as callsDelay from './scenarios/calls-delay.js'
import * as callsFirstFrame from './scenarios/calls-first-frame.js'
import * as callsJoins from './scenarios/calls-joins.js'
import * as callsMessages from './scenarios/calls-messages.js'
import * as callsMute from './scenarios/calls-mute.js'
import * as callsRejoin from './scenarios/calls-rejoin.js'
import * as callsSwitch from './scenarios/calls-switch.js'
import * as economy from './scenarios/economy.js'
import * as fairness from './scenarios/fairness.js'
import * as firstWire from './scenarios/first-wire.js'
import * as idle from './scenarios/idle.js'
import * as joining from './scenarios/join.js'
import * as mesh from './scenarios/mesh.js'
import * as meshSimulated from './scenarios/mesh-simulated.js'
import * as messages from './scenarios/messages.js'
import * as pageFirstWire from './scenarios/page-first-wire.js'
import * as pageMesh from './scenarios/page-mesh.js'
import * as outlive from './scenarios/outlive.js'
import * as peers from './scenarios/peers.js'
import * as reconnect from './scenarios/reconnect.js'
import * as shared from './scenarios/shared.js'
import * as size from './scenarios/size.js'
import * as smallFiles from './scenarios/small-files.js'
import * as start from './scenarios/start.js'
import * as throughput from './scenarios/throughput.js'
import * as topics from './scenarios/topics.js'
import { engines, isThere, systems } from './systems.js'
import { table } from './table.js'
import { readArguments, refuse } from './usage.js'

/** @typedef {import('./types.js').Machine} Machine */
/** @typedef {import('./types.js').Options} Options */
/** @typedef {import('./types.js').Result} Result */
/** @typedef {import('./types.js').Scenario} Scenario */

/** @type {Record<string, Scenario>} */
const scenarios = {
  'first-wire': firstWire,
  'page-first-wire': pageFirstWire,
  mesh,
  'page-mesh': pageMesh,
  join: joining,
  throughput,
  'small-files': smallFiles,
  messages,
  fairness,
  idle,
  topics,
  peers,
  start,
  size,
  reconnect,
  economy,
  shared,
  outlive,
  broadcast,
  burst,
  'mesh-simulated': meshSimulated,
  'calls-first-frame': callsFirstFrame,
  'calls-delay': callsDelay,
  'calls-rejoin': callsRejoin,
  'calls-switch': callsSwitch,
  'calls-mute': callsMute,
  'calls-bitrate': callsBitrate,
  'calls-cpu': callsCpu,
  'calls-messages': callsMessages,
  'calls-joins': callsJoins,
}

const COMMAND = 'npm run bench -- [names…] [options]'
const USAGE = `Usage: ${COMMAND}

Benchmarks: ${Object.keys(scenarios).join(', ')} (all without a name)
            calls: all that begin with calls-

  --quick             few runs, and without the systems that take ten seconds to meet
  --runs N            runs of a fast system (20), of a call (30)
  --slow-runs N       runs of a slow system, of a mesh, and of what takes long (5)
  --systems a,b       of ${systems.map(({ name }) => name).join(', ')} (all that are installed)
  --peers a,b         sizes of the mesh (8,30)
  --seconds N         length of the idle window (60)
  --settle N          seconds from the start to the idle window of many topics (10)
  --megabytes N       size of the torrent that is moved (200)
  --engines a,b       of ${Object.keys(engines).join(', ')}, for the messages (all that are installed)
  --turns N           turns of the messages and of the fairness (7)
  --mebibytes N       size of the one large message (64)
  --messages N        how many small messages (200000)
  --limit N           seconds after which what is waited for is given up (60)
  --json FILE         write every single figure to a file as well
  --html FILE         write a page with plots
  --pictures FOLDER   write the pictures of the documents
  --from a,b          take the figures from files that --json wrote, and measure nothing
  --compare FILE      show the ratio to a run that was saved with --json
  --profile FOLDER    write a CPU profile and a heap profile of each client
`

const { values, positionals } = readArguments(
  {
    allowPositionals: true,
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      'slow-runs': { type: 'string' },
      systems: { type: 'string' },
      peers: { type: 'string' },
      seconds: { type: 'string' },
      settle: { type: 'string' },
      megabytes: { type: 'string' },
      engines: { type: 'string' },
      turns: { type: 'string' },
      mebibytes: { type: 'string' },
      messages: { type: 'string' },
      limit: { type: 'string' },
      json: { type: 'string' },
      html: { type: 'string' },
      pictures: { type: 'string' },
      from: { type: 'string' },
      compare: { type: 'string' },
      profile: { type: 'string' },
    },
  },
  COMMAND,
)

if (values.help) process.stdout.write(USAGE)
else await main()

async function main() {
  const options = readOptions()
  const all = Object.keys(scenarios)
  const names =
    positionals.length > 0
      ? positionals.flatMap(name => (name === 'calls' ? all.filter(other => other.startsWith('calls-')) : name))
      : all
  const unknown = names.find(name => !Object.hasOwn(scenarios, name))
  if (unknown !== undefined) refuse(`there is no benchmark "${unknown}"`, COMMAND)

  const saved = values.compare === undefined ? undefined : read('compare', () => readSeries(values.compare ?? ''))
  if (values.from !== undefined) {
    const files = values.from.split(',')
    const { machine, figures } = read('from', () => readSaved(files))
    const results = figures.map(figure => ({ ...figure, columns: [], rows: [], notes: [], data: undefined }))
    write(machine, results, saved)
    return
  }
  if (values.profile !== undefined) profileTo(values.profile)
  const machine = describeMachine()

  /** @type {Result[]} */
  const results = []
  for (const [name, scenario] of Object.entries(scenarios)) {
    if (!names.includes(name)) continue
    const startedAt = performance.now()
    const found = [await scenario.run(options)].flat()
    progress(`${name}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s`)
    for (const { title, columns, rows, notes } of found)
      process.stdout.write(`\n### ${title}\n\n${table(columns, rows)}\n\n${notes.join('\n')}\n`)
    results.push(...found)
  }
  write(machine, results, saved)
}

/** @returns {Machine} */
function describeMachine() {
  const [load = 0] = loadavg()
  const cores = availableParallelism()
  const cpu = (cpus()[0]?.model ?? 'unknown').trim()
  const busy = load > cores / 2 ? ' It is busy: the figures look worse than on an idle one.' : ''
  progress(`Node ${process.version}, ${cores} × ${cpu}, load ${load.toFixed(1)}.${busy}`)
  const { version: node, platform, arch } = process
  return { node, platform, arch, cores, cpu, load, at: new Date().toISOString() }
}

/** Writes the files that the options name. @param {Machine} machine @param {Result[]} results @param {ReturnType<typeof readSeries> | undefined} saved */
function write(machine, results, saved) {
  if (values.json !== undefined) {
    const figures = results.map(({ name, title, data, series }) => ({ name, title, data, series }))
    writeFileSync(values.json, `${JSON.stringify({ machine, figures }, undefined, 2)}\n`)
  }
  if (values.html !== undefined) writeFileSync(values.html, htmlReport(machine, results))
  if (values.pictures !== undefined) {
    mkdirSync(values.pictures, { recursive: true })
    for (const [name, svg] of pictures({ machine, figures: results })) writeFileSync(join(values.pictures, name), svg)
  }
  if (saved !== undefined) process.stdout.write(`\n### Beside ${values.compare}\n\n${comparison(results, saved)}\n`)
}

/** @template T @param {string} option @param {() => T} reader */
function read(option, reader) {
  try {
    return reader()
  } catch (error) {
    return refuse(`--${option} cannot be read: ${error instanceof Error ? error.message : String(error)}`, COMMAND)
  }
}

/** @returns {Options} */
function readOptions() {
  const { quick } = values
  return {
    systems: chooseSystems(),
    runs: count('runs', quick ? 5 : 20),
    callRuns: count('runs', quick ? 5 : 30),
    slowRuns: count('slow-runs', quick ? 2 : 5),
    peers: (values.peers ?? (quick ? '8' : '8,30')).split(',').map(text => whole(text, 'peers')),
    seconds: count('seconds', quick ? 10 : 60),
    settle: count('settle', 10),
    megabytes: count('megabytes', quick ? 50 : 200),
    engines: chooseEngines(),
    turns: count('turns', quick ? 3 : 7),
    messageSize: count('mebibytes', 64) * 2 ** 20,
    messages: count('messages', quick ? 50_000 : 200_000),
    limit: count('limit', 60) * 1000,
  }
}

function chooseSystems() {
  const names = values.systems?.split(',')
  const unknown = names?.find(name => !systems.some(system => system.name === name))
  if (unknown !== undefined) refuse(`there is no system "${unknown}"`, COMMAND)
  const wanted = systems.filter(system => (names ? names.includes(system.name) : !(values.quick && system.slow)))
  for (const { label, needs } of wanted.filter(system => !isThere(system))) {
    progress(`${label} is left out: ${needs === 'swarmlink' ? 'run `npm run build` first' : `${needs} is not installed`}`)
  }
  const there = wanted.filter(isThere)
  return there.length > 0 ? there : refuse('none of the systems is there', COMMAND)
}

function chooseEngines() {
  const all = /** @type {(keyof typeof engines)[]} */ (Object.keys(engines))
  const names = values.engines?.split(',')
  const unknown = names?.find(name => !Object.hasOwn(engines, name))
  if (unknown !== undefined) refuse(`there is no engine "${unknown}"`, COMMAND)
  const there = all.filter(name => (names ?? all).includes(name) && isThere({ needs: engines[name] }))
  return there.length > 0 ? there : refuse('none of the engines is installed', COMMAND)
}

/** @param {'runs' | 'slow-runs' | 'seconds' | 'settle' | 'megabytes' | 'turns' | 'mebibytes' | 'messages' | 'limit'} name @param {number} otherwise */
function count(name, otherwise) {
  const text = values[name]
  return text === undefined ? otherwise : whole(text, name)
}

/** @param {string} text @param {string} name */
function whole(text, name) {
  const number = Number(text)
  return Number.isInteger(number) && number > 0 ? number : refuse(`--${name} takes whole numbers above zero`, COMMAND)
}
