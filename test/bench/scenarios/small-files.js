// @ts-check
/** A torrent of many small files, from disk to disk, between two processes. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withLab } from '../harness.js'
import { dataOf, topicOfFiles } from '../payload.js'
import { acceptDefeat, progress } from '../processes.js'
import { median, ms, number, worst } from '../stats.js'
import { able, labelled, rowsOfOthers } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {import('../types.js').Topic} Topic */
/** @typedef {{ linked: number, moved: number, cpu: number }} Run milliseconds to the first wire, from there to the end, of CPU at both ends */

const FILES = 2_000
const FILE_SIZE = 16 * 1024
const MEGA = 1_000_000
const LINK_LIMIT = 30_000
const DOWNLOAD_LIMIT = 180_000

export const title = `A torrent of ${FILES} small files`

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns }) {
  const lines = able(systems, 'small-files').map(system => ({ system, turns: slowRuns, runs: /** @type {Run[]} */ ([]) }))
  const topic = topicOfFiles(FILES, FILE_SIZE)
  const folder = await mkdtemp(join(tmpdir(), 'bench-files-'))
  try {
    await writeFiles(folder, topic)
    await takeTurns(lines, async ({ system, runs }, turn) => {
      const result = await downloadOnce(system, topic, folder)
      runs.push(result)
      progress(`small-files: ${system.label}, ${turn}/${slowRuns}: first wire ${ms(result.linked)}, then ${ms(result.moved)}`)
    })
  } finally {
    await rm(folder, { recursive: true })
  }
  return {
    name: 'small-files',
    title: `${title} of ${FILE_SIZE / 1024} KiB`,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'runs' },
      { title: 'first wire' },
      { title: 'from there to the end' },
      { title: 'worst' },
      { title: 'MB/s' },
      { title: 'join to the end' },
      { title: 'CPU s, both ends' },
    ],
    rows: [
      ...lines.map(({ system, runs }) => {
        const [linked, moved] = [runs.map(each => each.linked), runs.map(each => each.moved)]
        return [
          labelled(system),
          String(runs.length),
          ms(median(linked)),
          text(median(moved)),
          text(worst(moved)),
          number(topic.size / MEGA / (median(moved) / 1000), 1),
          text(median(runs.map(each => each.linked + each.moved))),
          number(median(runs.map(each => each.cpu)) / 1000, 1),
        ]
      }),
      ...rowsOfOthers(systems, 'small-files', 8),
    ],
    notes: [
      "WebTorrent's default store at both ends, each in a folder of its own. The seeder does not verify its files. CPU: from the join on.",
    ],
    data: lines.map(({ system, runs }) => ({ system: labelled(system), runs })),
    series: lines.map(({ system, runs }) => ({
      group: 'from the join to the last file',
      label: labelled(system),
      unit: 'ms',
      values: runs.map(each => each.linked + each.moved),
    })),
  }
}

/** @param {number} time */
function text(time) {
  return Number.isFinite(time) ? ms(time) : `not in ${DOWNLOAD_LIMIT / 1000} s`
}

/** @param {string} folder @param {Topic} topic */
async function writeFiles(folder, { name, size }) {
  const data = dataOf(name, size)
  await mkdir(join(folder, name))
  for (let at = 0; at < FILES; at++)
    await writeFile(join(folder, name, String(at)), data.subarray(at * FILE_SIZE, (at + 1) * FILE_SIZE))
}

/** @param {System} system @param {Topic} topic @param {string} folder @returns {Promise<Run>} */
async function downloadOnce(system, topic, folder) {
  const target = await mkdtemp(join(tmpdir(), 'bench-files-'))
  try {
    return await withLab(async lab => {
      const { seeder, leecher } = await lab.pair(system, topic, LINK_LIMIT, { folders: { seeder: folder, leecher: target } })
      const before = await Promise.all([seeder.sample(), leecher.sample()])
      leecher.start()
      try {
        const linkedAt = await leecher.linked(LINK_LIMIT)
        const finishedAt = await leecher.finished(DOWNLOAD_LIMIT)
        const after = await Promise.all([seeder.lastSample(), leecher.lastSample()])
        const cpu = after.reduce((total, { cpu: used }, at) => total + used - (before[at]?.cpu ?? NaN), 0)
        return { linked: linkedAt - leecher.startedAt, moved: finishedAt - linkedAt, cpu: cpu / 1000 }
      } catch (error) {
        acceptDefeat(error)
        return { linked: Infinity, moved: Infinity, cpu: NaN }
      }
    })
  } finally {
    await rm(target, { recursive: true })
  }
}
