// @ts-check
/**
 * `npm run simulate -- [options]`: a thousand clients in virtual time, of whom a fifth goes every minute, and whose tracker is gone for
 * ten. Prints each minute on stderr and a table at the end, and fails when somebody was left alone or the swarm fell apart.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { table } from '../bench/table.js'
import { readArguments, refuse } from '../bench/usage.js'

/** @typedef {import('./simulation.js').SimulationOptions} Options */
/** @typedef {import('./simulation.js').Minute} Minute */

const COMMAND = 'npm run simulate -- [options]'
const USAGE = `Usage: ${COMMAND}

  --clients N   in the swarm at a time (1000)
  --peers N     the most peers of each (10)
  --churn N     the share of all clients that goes in a minute, as many come (0.2)
  --before N    minutes with the tracker (3)
  --outage N    minutes without it (10)
  --after N     minutes with it again (2)
  --seed N      another run of chance (1)
  --stages      print what happened to peers in each minute`

const root = fileURLToPath(new URL('../..', import.meta.url))
const source = (/** @type {string} */ path) => join(root, 'src', path)

/** The sources in one file, as Node runs them: a test runner's way to load each of them apart makes all of it slower. */
async function load() {
  const outDir = await mkdtemp(join(tmpdir(), 'swarmlink-simulate-'))
  try {
    await build({
      configFile: false,
      root,
      logLevel: 'error',
      resolve: {
        alias: {
          '#dial': source('core/dial-node.ts'),
          '#engines': source('engine/engines-node.ts'),
          '#file-store': source('identity/file-store.ts'),
          '#report': source('core/report-node.ts'),
        },
      },
      ssr: { noExternal: true },
      build: {
        ssr: join(root, 'test/simulate/simulation.ts'),
        outDir,
        emptyOutDir: false,
        target: 'node20',
        rolldownOptions: { output: { entryFileNames: 'simulation.mjs' } },
      },
    })
    // A cast, because what was built just now has no types of its own.
    return /** @type {typeof import('./simulation.js')} */ (await import(pathToFileURL(join(outDir, 'simulation.mjs')).href))
  } finally {
    await rm(outDir, { recursive: true, force: true })
  }
}

const seconds = (/** @type {number} */ ms) => (ms / 1_000).toFixed(1)
const each = (/** @type {number} */ count, /** @type {number} */ links) => (count / Math.max(1, links)).toFixed(2)

/** @param {Minute} minute */
function row({
  minute,
  tracker,
  clients,
  links,
  pieces,
  strangers,
  lonely,
  longest,
  opened,
  announcements,
  offers,
  letters,
  ...more
}) {
  const [largest = 0, ...others] = pieces
  return [
    `${minute}${tracker ? '' : ' (no tracker)'}`,
    String(clients),
    String(links),
    `${largest}${others.length === 0 ? '' : ` +${others.slice(0, 4).join(' +')}${others.length > 4 ? ' …' : ''}`}`,
    String(strangers),
    `${lonely}${lonely === 0 ? '' : ` (${seconds(longest)} s)`}`,
    String(opened),
    each(announcements, opened),
    each(offers, opened),
    each(letters, opened),
    each(more.messages, clients),
    `${more.introduced} / ${more.introduced + more.turnedDown}`,
    seconds(more.took),
  ]
}

const COLUMNS = [
  'minute',
  'clients',
  'links',
  'pieces',
  'not met anybody',
  'alone (longest)',
  'new links',
  'announcements a link',
  'offers a link',
  'letters a link',
  'messages a client',
  'introduced / tried',
  'real s',
].map(title => ({ title }))

/** @returns {{ options: Partial<Options>, stages: boolean } | undefined} */
function read() {
  const text = { type: /** @type {const} */ ('string') }
  const flag = { type: /** @type {const} */ ('boolean') }
  const numeric = { clients: text, peers: text, churn: text, before: text, outage: text, after: text, seed: text }
  const { values } = readArguments({ options: { ...numeric, stages: flag, help: flag } }, COMMAND)
  const { stages = false, help = false, ...numbers } = values
  if (help) return undefined
  const given = Object.entries(numbers).map(([name, value]) => {
    const number = value === '' ? Number.NaN : Number(value)
    if (!(number >= 0)) refuse(`--${name} takes a number from 0 on, not ${JSON.stringify(value)}`, COMMAND)
    return /** @type {const} */ ([name, number])
  })
  return { options: Object.fromEntries(given), stages }
}

async function main() {
  const asked = read()
  if (asked === undefined) return console.log(USAGE)
  const { Simulation } = await load()
  const { minutes, spells, failures } = await new Simulation(asked.options).run(minute => {
    console.error(
      row(minute)
        .map((cell, index) => `${COLUMNS[index]?.title} ${cell}`)
        .join(', '),
    )
    if (asked.stages) console.error(minute.stages)
  })
  console.log(table(COLUMNS, minutes.map(row)))
  const longest = Math.max(0, ...spells.map(({ alone }) => alone))
  console.log(`\n${spells.length} lost their last peer after the tracker had gone, for ${seconds(longest)} s at the longest;`)
  console.log(
    `${spells.filter(({ orphan }) => orphan).length} of them the only member that they knew, before it could introduce them to anybody.`,
  )
  for (const failure of failures) console.log(`Failed: ${failure}`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

await main()
