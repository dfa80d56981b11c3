// @ts-check
/** What a client costs that has many topics and no peer. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress } from '../processes.js'
import { beside, median, number, worst } from '../stats.js'
import { isThere, labelled } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../processes.js').ClientProcess} ClientProcess */
/** @typedef {import('../processes.js').Tracker} Tracker */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {{ cpu: number, memory: number, sockets: number, udp: number, frames: number, announced: number }} Run */
/** @typedef {{ file: string, label: string, topics: number, turns: number, runs: Run[] }} Line */

const TOPICS = [1, 10, 100, 1_000]
const GOAL = { cpu: 3, memory: 100, sockets: 1 }
/** A client by hand offers nothing, because the topics have no other member. */
const NO_OTHERS = 0
/** Bytes of a torrent. */
const SIZE = 1_024
const LOOK = 500
const MIB = 2 ** 20

export const title = 'Idle, many topics without a peer'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, seconds, settle, limit }) {
  const contenders = systems.filter(({ name }) => name !== 'simple-peer').flatMap(filesOf)
  const lines = TOPICS.flatMap(topics =>
    contenders.map(contender => ({ ...contender, topics, turns: slowRuns, runs: /** @type {Run[]} */ ([]) })),
  )
  await takeTurns(lines, async ({ file, label, topics, runs }, turn) => {
    const result = await idleOnce(file, topics, { seconds, settle, limit })
    if (result === undefined) return progress(`topics: ${label}, ${topics} topics, ${turn}/${slowRuns}: ended, or gave no sample`)
    runs.push(result)
    const { cpu, memory, sockets, udp } = result
    progress(
      `topics: ${label}, ${topics} topics, ${turn}/${slowRuns}: ${number(cpu, 2)} %, ${number(memory)} MiB, ${sockets} sockets, ${udp} UDP`,
    )
  })
  return {
    name: 'topics',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'topics' },
      { title: 'runs' },
      { title: 'CPU of a core' },
      { title: 'worst' },
      { title: 'RSS MiB' },
      { title: 'worst' },
      { title: 'KiB a topic' },
      { title: 'sockets at the tracker' },
      { title: 'UDP sockets' },
      { title: 'tracker frames a second' },
      { title: 'topics announced' },
    ],
    rows: lines.map(line => row(line, lines)),
    notes: [
      `Over ${seconds} s, ${settle} s (\`--settle\`) after all topics were announced or ${limit / 1000} s after the start. WebTorrent and Node are included where a system uses them.`,
      'KiB a topic: growth of the median from the smallest number of topics. Each UDP socket belongs to an offer that waits.',
      'simple-peer is left out: without a discovery of its own it does nothing for a topic without peers, as the bare engine.',
    ],
    data: lines.map(({ label, topics, runs }) => ({ system: label, topics, runs })),
    series: [
      { key: /** @type {const} */ ('cpu'), group: 'CPU of a core', unit: '%' },
      { key: /** @type {const} */ ('memory'), group: 'memory', unit: 'MiB' },
    ].flatMap(({ key, group, unit }) =>
      lines.map(({ label, topics, runs }) => ({
        group,
        label,
        unit,
        at: { value: topics, unit: 'topics' },
        values: runs.map(each => each[key]),
      })),
    ),
  }
}

/** WebTorrent is measured without discovery as well, and swarmlink without WebTorrent. @param {System} system */
function filesOf(system) {
  const line = { file: `clients/${system.name}.js`, label: labelled(system) }
  if (system.name === 'swarmlink') {
    const rooms = { file: 'clients/rooms.js', label: 'swarmlink, rooms without WebTorrent' }
    return isThere({ needs: 'webtorrent' }) ? [{ ...line, label: 'swarmlink in WebTorrent' }, rooms] : [rooms]
  }
  return system.name === 'webtorrent'
    ? [line, { file: 'clients/torrents-alone.js', label: 'WebTorrent without discovery' }]
    : [line]
}

/** Undefined if the process ended, or gave no sample. @param {string} file @param {number} topics @param {Pick<Options, 'seconds' | 'settle' | 'limit'>} times @returns {Promise<Run | undefined>} */
function idleOnce(file, topics, { seconds, settle, limit }) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const further = Array.from({ length: topics - 1 }, () => freshTopic(SIZE))
    try {
      const client = await lab.process(file, {
        trackerUrl: tracker.url,
        topic: freshTopic(SIZE),
        further,
        seeder: false,
        others: NO_OTHERS,
      })
      client.start()
      if (file !== 'clients/torrents-alone.js') await announced(tracker, topics, limit)
      await sleep(settle * 1000)
      const before = await client.sample()
      const trackerBefore = await tracker.sample()
      await sleep(seconds * 1000)
      const after = await client.lastSample()
      const { sockets, topics: known, framesIn, framesOut } = await tracker.sample()
      return {
        cpu: ((after.cpu - before.cpu) / 1000 / (after.at - before.at)) * 100,
        memory: after.memory / MIB,
        sockets,
        udp: after.sockets,
        frames: (framesIn + framesOut - trackerBefore.framesIn - trackerBefore.framesOut) / seconds,
        announced: known,
      }
    } catch (error) {
      acceptDefeat(error)
      return undefined
    }
  })
}

/** Resolves when the tracker knows all topics, or after the limit. @param {Tracker} tracker @param {number} topics @param {number} limit */
async function announced(tracker, topics, limit) {
  for (const deadline = Date.now() + limit; Date.now() < deadline; await sleep(LOOK))
    if ((await tracker.sample()).topics >= topics) return
}

/** @param {Line} line @param {Line[]} lines */
function row({ label, topics, runs }, lines) {
  const isJudged = label.startsWith('swarmlink') && topics === TOPICS.at(-1)
  /** @param {keyof Run} key @param {Run[]} [list] */
  const typical = (key, list = runs) => median(list.map(each => each[key]))
  const least = lines.find(line => line.label === label)
  const perTopic = ((typical('memory') - typical('memory', least?.runs)) * 1024) / (topics - (least?.topics ?? NaN))
  const [cpu, memory, sockets] = [typical('cpu'), typical('memory'), typical('sockets')]
  return [
    label,
    String(topics),
    String(runs.length),
    isJudged ? beside(`${number(cpu, 2)} %`, cpu, '≤', GOAL.cpu, `${GOAL.cpu} %`) : `${number(cpu, 2)} %`,
    `${number(worst(runs.map(each => each.cpu)), 2)} %`,
    isJudged ? beside(number(memory), memory, '≤', GOAL.memory, String(GOAL.memory)) : number(memory),
    number(worst(runs.map(each => each.memory))),
    number(perTopic, 1),
    isJudged ? beside(number(sockets), sockets, '≤', GOAL.sockets, String(GOAL.sockets)) : number(sockets),
    number(typical('udp')),
    number(typical('frames'), 1),
    number(typical('announced')),
  ]
}
