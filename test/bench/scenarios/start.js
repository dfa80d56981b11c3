// @ts-check
/** How long a process takes from its start until its client is made, and until a tracker has its first announcement. */
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { median, ms, worst } from '../stats.js'
import { labelled } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {{ ready: number, announced: number }} Run */
/** @typedef {{ file: string, label: string, announces: boolean, turns: number, runs: Run[] }} Line */

const LIMIT = 30_000

export const title = 'Start of a process'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, runs: fast, slowRuns }) {
  /** @param {string} file @param {string} label @param {number} turns @param {boolean} announces @returns {Line} */
  const line = (file, label, turns, announces = true) => ({ file, label, announces, turns, runs: [] })
  const lines = [
    line('clients/nothing.js', `Node ${process.version.slice(1)} alone`, fast, false),
    ...systems.flatMap(system => {
      const own = line(`clients/${system.name}.js`, labelled(system), system.slow ? slowRuns : fast)
      if (system.name !== 'swarmlink') return [own]
      return [line('clients/rooms.js', 'swarmlink, a room', fast), { ...own, label: 'swarmlink in WebTorrent' }]
    }),
  ]
  await takeTurns(lines, async ({ file, label, announces, turns, runs }, turn) => {
    const result = await startOnce(file, announces)
    runs.push(result)
    progress(`start: ${label}, ${turn}/${turns}: ready ${ms(result.ready)}, announced ${ms(result.announced)}`)
  })
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${LIMIT / 1000} s` : ms(time))
  return {
    name: 'start',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'runs' },
      { title: 'ready' },
      { title: 'worst' },
      { title: 'first announcement' },
      { title: 'worst' },
    ],
    rows: lines.map(({ label, announces, runs }) => {
      const [ready, announced] = [runs.map(each => each.ready), runs.map(each => each.announced)]
      const announcement = announces ? [text(median(announced)), text(worst(announced))] : ['', '']
      return [label, String(runs.length), ms(median(ready)), ms(worst(ready)), ...announcement]
    }),
    notes: [
      'From the start of the process. Ready: all is imported and the client is made and says that it is ready, where it says so.',
      'A tracker by hand, with simple-peer and the bare engine, is dialled before they are ready. The other clients dial later.',
    ],
    data: lines.map(({ label, runs }) => ({ system: label, runs })),
    series: lines.flatMap(({ label, announces, runs }) => [
      { group: 'ready', label, unit: 'ms', values: runs.map(each => each.ready) },
      ...(announces ? [{ group: 'first announcement', label, unit: 'ms', values: runs.map(each => each.announced) }] : []),
    ]),
  }
}

/** @param {string} file @param {boolean} announces @returns {Promise<Run>} */
function startOnce(file, announces) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const client = await lab.process(file, { trackerUrl: tracker.url, topic: freshTopic(), seeder: false })
    const ready = client.readyAt - client.forkedAt
    if (!announces) return { ready, announced: NaN }
    client.start()
    try {
      const at = await untilAny([tracker, client], () => tracker.announced.values().next().value, LIMIT, 'an announcement')
      return { ready, announced: at - client.forkedAt }
    } catch (error) {
      acceptDefeat(error)
      return { ready, announced: Infinity }
    }
  })
}
