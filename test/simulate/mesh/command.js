// @ts-check
/**
 * `npm run simulate -- mesh [options]`: the mesh core with thousands of nodes in virtual time. Prints each measure with its bar, and on request
 * other protocols on the same network and each mechanism switched off once.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { table } from '../../bench/table.js'
import { readArguments, refuse } from '../../bench/usage.js'
import { loadBundle } from '../load-bundle.js'

const COMMAND = 'npm run simulate -- mesh [options]'
const USAGE = `Usage: ${COMMAND}

  --nodes N      nodes of the mesh (1000)
  --seeds N      runs of each measure; the worst is printed (4)
  --seed N       the first seed (1)
  --only NAMES   measures by the name of their group, with commas between
  --unlimited    all nodes and seeds, also for measures that have fewer because they take long
  --joined       let the mesh grow over a tracker; otherwise it starts grown
  --rivals       flooding, p2pmesh's rule, gossipsub, HyParView + Plumtree
  --ablation     each mechanism of the core switched off once
  --out FOLDER   write the pictures of docs/mesh-report.md there, and nothing else
  --growth N     nodes of the largest mesh in the picture of growth (10000); 100000 need NODE_OPTIONS=--max-old-space-size=10000
  --verbose      print each run on stderr`

/** @param {string[]} args */
export async function simulateMesh(args) {
  const text = { type: /** @type {const} */ ('string') }
  const flag = { type: /** @type {const} */ ('boolean') }
  const options = {
    nodes: text,
    seeds: text,
    seed: text,
    only: text,
    out: text,
    growth: text,
    joined: flag,
    unlimited: flag,
    rivals: flag,
    ablation: flag,
    verbose: flag,
    help: flag,
  }
  const { values } = readArguments({ args, options }, COMMAND)
  if (values.help) return console.log(USAGE)
  const [nodes, seeds, seed] = [values.nodes ?? '1000', values.seeds ?? '4', values.seed ?? '1'].map(Number)
  if (!nodes || !seeds || !Number.isSafeInteger(seed))
    return refuse('--nodes, --seeds and --seed take numbers from 1 on', COMMAND)
  const given = { nodes, seed: seed ?? 1, isJoined: values.joined ?? false }
  const report = (/** @type {string} */ line) => (values.verbose ? console.error(line) : undefined)
  /** @type {typeof import('./report.js')} */
  const { GROUPS, RIVALS, ALL_MECHANISMS, measure, ablation, rival, pictures } = await loadBundle('mesh/report.ts')
  const only = values.only?.split(',')
  for (const name of only ?? [])
    if (!GROUPS.some(group => group.name === name)) return refuse(`no measure is named ${name}`, COMMAND)
  if (values.out !== undefined) {
    await mkdir(values.out, { recursive: true })
    for (const [name, svg] of pictures(given, Number(values.growth ?? '10000'), report))
      await writeFile(join(values.out, name), svg)
    return
  }
  if (!values.rivals && !values.ablation) {
    const rows = GROUPS.filter(({ name }) => only?.includes(name) ?? true).flatMap(group =>
      measure(group, { ...given, seeds, isUnlimited: values.unlimited ?? false }, report),
    )
    const columns = ['measure', 'bar', 'worst', 'median', 'seeds × nodes', ''].map(title => ({ title }))
    console.log(
      table(
        columns,
        rows.map(row => [row.title, row.bar, row.worst, row.median, row.runs, row.verdict]),
      ),
    )
    if (rows.some(({ verdict }) => verdict === 'missed')) process.exitCode = 1
  }
  if (values.rivals) {
    const names = /** @type {Array<keyof typeof RIVALS>} */ (Object.keys(RIVALS))
    print(names.map(name => [name, rival(name, given)]))
  }
  if (values.ablation) {
    const names = /** @type {Array<keyof typeof ALL_MECHANISMS>} */ (Object.keys(ALL_MECHANISMS))
    print([
      ['all', ablation(undefined, given)],
      ...names.map(name => /** @type {const} */ ([`without ${name}`, ablation(name, given)])),
    ])
  }
}

/** @param {ReadonlyArray<readonly [string, Record<string, number>]>} rows */
function print(rows) {
  const figures = Object.keys(rows[0]?.[1] ?? {})
  const columns = ['', ...figures].map(title => ({ title }))
  console.log(
    table(
      columns,
      rows.map(([name, row]) => [name, ...figures.map(figure => String(Math.round((row[figure] ?? 0) * 1_000) / 1_000))]),
    ),
  )
}
