// @ts-check
/**
 * `npm run simulate -- [options]`: a thousand clients in virtual time. A fifth leaves every minute, and the tracker is down for ten
 * minutes. Prints each minute on stderr and a table at the end, and fails when a member was left alone or the swarm fell apart.
 * `npm run simulate -- mesh [options]`: the mesh core, see `mesh/command.js`.
 */
import { table } from '../bench/table.js'
import { readArguments, refuse } from '../bench/usage.js'
import { loadBundle } from './load-bundle.js'
import { simulateMesh } from './mesh/command.js'

/** @typedef {import('./simulation.js').SimulationOptions} Options */
/** @typedef {import('./simulation.js').Minute} Minute */

const COMMAND = 'npm run simulate -- [options]'
const USAGE = `Usage: ${COMMAND}

  --clients N   clients in the swarm (1000)
  --peers N     the most peers of each (10)
  --churn N     the share of all clients that goes in a minute, as many come (0.2)
  --before N    minutes with the tracker (3)
  --outage N    minutes without it (10)
  --after N     minutes with it again (2)
  --seed N      another run of chance (1)
  --stages      print what happened to peers in each minute

npm run simulate -- mesh --help: the mesh core with thousands of nodes`

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
  forwarded,
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
    each(forwarded, opened),
    each(more.messages, clients),
    `${more.introduced} / ${more.introduced + more.turnedDown}`,
    seconds(more.took),
  ]
}

const COLUMNS = [
  'minute',
  'clients',
  'connections',
  'partitions',
  'without a first peer',
  'alone (longest)',
  'new connections',
  'announcements / connection',
  'offers / connection',
  'forwarded / connection',
  'messages / client',
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
  /** @type {typeof import('./simulation.js')} */
  const { Simulation } = await loadBundle('simulation.ts')
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
    `${spells.filter(({ orphan }) => orphan).length} of them the only member that they knew, before it could introduce them.`,
  )
  for (const failure of failures) console.log(`Failed: ${failure}`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

const [first, ...others] = process.argv.slice(2)
if (first === 'mesh') await simulateMesh(others)
else await main()
