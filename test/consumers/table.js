// @ts-check
/**
 * `npm run compatibility`: writes the rows of the last whole run of `npm run test:consumers` into the README. With `--check` it writes nothing,
 * and fails if the README names other rows; minor versions may differ, because each run takes the newest.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROWS = fileURLToPath(new URL('../../node_modules/.cache/consumers.json', import.meta.url))
const README = fileURLToPath(new URL('../../README.md', import.meta.url))
const BEGIN = '<!-- `npm run compatibility` writes the table from here -->\n'
const END = '<!-- to here -->\n'

const ORDER = ['package managers', 'Node', 'other runtimes', 'TypeScript', 'bundlers']
/** What users of a group have to know, behind its rows. @type {Record<string, string[]>} */
const NOTES = {
  Node: [
    '20.19 or newer, in the main thread: native WebRTC aborts the process when a [worker thread](docs/guides/torrents.md#limits) uses it',
  ],
  'other runtimes': ['WebTorrent there needs the option `utp: false`'],
  bundlers: ['[what each needs](docs/guides/installing.md#bundlers)'],
}

/** @param {Array<import('./lab.js').Row>} rows */
export function tableOf(rows) {
  const lines = ORDER.map(group => {
    /** The ways of each tool. @type {Map<string, Set<string>>} */
    const tools = new Map()
    for (const { tool, version = '', way } of rows.filter(row => row.group === group)) {
      const name = `${tool === group ? '' : tool} ${version}`.trim()
      const ways = tools.get(name) ?? new Set()
      tools.set(name, way === undefined ? ways : ways.add(way))
    }
    const [first = new Set(), ...others] = tools.values()
    const common = [...first].filter(way => others.every(ways => ways.has(way)))
    const cells = [...tools].map(([name, ways]) => {
      const own = [...ways].filter(way => !common.includes(way))
      return own.length === 0 ? name : `${name} (${own.join(', ')})`
    })
    const each = common.length === 0 ? [] : [`each with ${common.join(' and ')}`]
    return `| ${group} | ${[cells.join(', '), ...each, ...(NOTES[group] ?? [])].join('; ')} |\n`
  })
  return `| | |\n|---|---|\n${lines.join('')}`
}

function update() {
  const readme = readFileSync(README, 'utf8')
  const [before, rest = ''] = readme.split(BEGIN)
  const [found = '', after] = rest.split(END)
  const table = tableOf(JSON.parse(readFileSync(ROWS, 'utf8')))
  if (!process.argv.includes('--check')) writeFileSync(README, `${before}${BEGIN}${table}${END}${after}`)
  else if (unversioned(found) !== unversioned(table)) {
    console.error(`error: the last run of the consumers had other rows than the README: run npm run compatibility\n${table}`)
    process.exitCode = 1
  }
}

/** @param {string} table */
const unversioned = table => table.replaceAll(/ \d+\.\d+/g, '')

if (process.argv[1] === fileURLToPath(import.meta.url)) update()
