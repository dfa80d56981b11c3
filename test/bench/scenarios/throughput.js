// @ts-check
/** How fast a torrent moves through swarmlink's wire and through WebTorrent's own WebRTC wire, in turns with the same bytes over a bare channel. */
import { createHash } from 'node:crypto'
import { withLab } from '../harness.js'
import { measureOnce, meet } from '../message-pairs.js'
import { dataOf, freshTopic, PIECE_LENGTH } from '../payload.js'
import { acceptDefeat, progress } from '../processes.js'
import { median, number, percentile, worst } from '../stats.js'
import { labelled, rowsOfOthers } from '../systems.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {import('../types.js').Topic} Topic */

const MEGA = 1_000_000
const LINK_LIMIT = 30_000
const PIECE = 64 * 1024
const DOWNLOAD_LIMIT = 180_000

export const title = 'Throughput of one wire'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, megabytes }) {
  const contenders = systems.filter(({ name, torrents }) => torrents || name === 'bare')
  const topic = freshTopic(megabytes * MEGA)
  /** @type {Map<string, number[]>} */
  const rates = new Map(contenders.map(({ name }) => [name, []]))
  /** @type {Map<string, Set<string>>} */
  const kinds = new Map(contenders.map(({ name }) => [name, new Set()]))

  // Interleaved, so that other load on the machine affects both.
  for (let turn = 1; turn <= slowRuns; turn++) {
    for (const system of contenders) {
      const result = system.name === 'bare' ? await bareOnce(topic.size) : await downloadOnce(system, topic)
      if (result.rate !== undefined) rates.get(system.name)?.push(result.rate)
      for (const kind of result.kinds) kinds.get(system.name)?.add(kind)
      progress(
        `throughput: ${system.label}, ${turn}/${slowRuns}: ${number(result.rate ?? NaN, 1)} MB/s over ${[...result.kinds].join(', ')}`,
      )
    }
  }

  const hashing = hashingTime(topic)
  const webtorrent = median(rates.get('webtorrent') ?? [])
  const bare = median(rates.get('bare') ?? [])
  const rows = contenders.map(system => {
    const values = rates.get(system.name) ?? []
    const rate = median(values)
    const unhashed = system.name === 'bare' ? rate : topic.size / MEGA / (topic.size / MEGA / rate - hashing)
    const goal = `${number(rate, 1)} (${rate >= webtorrent ? 'met' : 'missed'}: ≥ WebTorrent)`
    return [
      labelled(system),
      [...(kinds.get(system.name) ?? [])].join(', '),
      values.length === slowRuns ? String(slowRuns) : `${values.length} of ${slowRuns}`,
      system.name === 'swarmlink' && Number.isFinite(webtorrent) ? goal : number(rate, 1),
      number(percentile(values, 0), 1),
      number(worst(values), 1),
      number(unhashed, 1),
      number(unhashed / bare, 2),
    ]
  })
  return {
    name: 'throughput',
    title: `${title}, ${megabytes} MB`,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'wire', align: 'left' },
      { title: 'runs' },
      { title: 'median MB/s' },
      { title: 'least' },
      { title: 'most' },
      { title: 'without hashing' },
      { title: 'of the bare channel' },
    ],
    rows: [
      ...rows,
      ...rowsOfOthers(
        systems.filter(({ name }) => name !== 'bare'),
        'throughput',
        8,
      ),
    ],
    notes: [
      'From the first wire to `done`: pieces are hashed on arrival and kept in memory. Runs without a connection are left out.',
      `Without hashing: the median less the ${number(1_000 * hashing)} ms that SHA-1 of all pieces takes alone; WebTorrent hashes on the thread that receives.`,
      'Over the bare channel: pieces of 64 KiB, kept and not hashed. Its other end is a process of its own, too.',
    ],
    data: Object.fromEntries(rates),
    series: contenders.map(system => ({
      group: `${megabytes} MB over one wire`,
      label: labelled(system),
      unit: 'MB/s',
      values: rates.get(system.name) ?? [],
    })),
  }
}

/** The seconds that the hashes of all pieces take, the least of three times. @param {Topic} topic */
function hashingTime({ name, size }) {
  const data = dataOf(name, size)
  const times = [1, 2, 3].map(() => {
    const from = performance.now()
    for (let at = 0; at < size; at += PIECE_LENGTH)
      createHash('sha1')
        .update(data.subarray(at, at + PIECE_LENGTH))
        .digest('hex')
    return performance.now() - from
  })
  return Math.min(...times) / 1_000
}

/** @param {number} size */
function bareOnce(size) {
  return withLab(async lab => {
    const pair = (await meet(lab, ['bare'], 'node-datachannel')).get('bare')
    const turn = pair && (await measureOnce(pair, { kind: 'large', size, count: 1, piece: PIECE }))
    return { rate: turn && size / MEGA / (turn.ms / 1000), kinds: new Set(['bare channel']) }
  })
}

/** @param {System} system @param {Topic} topic */
function downloadOnce(system, topic) {
  return withLab(async lab => {
    const { leecher } = await lab.pair(system, topic, LINK_LIMIT)
    leecher.start()
    try {
      const linkedAt = await leecher.linked(LINK_LIMIT)
      const finishedAt = await leecher.finished(DOWNLOAD_LIMIT)
      return { rate: topic.size / MEGA / ((finishedAt - linkedAt) / 1000), kinds: leecher.kinds }
    } catch (error) {
      acceptDefeat(error)
      return { rate: undefined, kinds: leecher.kinds }
    }
  })
}
