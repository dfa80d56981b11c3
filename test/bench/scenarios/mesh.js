// @ts-check
/** How long a full mesh takes, and what it costs the tracker. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, number, sum, worst } from '../stats.js'
import { labelled } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {{ first: number, full: number, links: number, offers: number, framesIn: number, framesOut: number, bytes: number }} Run */

/** Peers to seconds. */
const GOALS = new Map([
  [8, 1.5],
  [30, 10],
])
/** Above this a system is left out that does not complete a mesh of eight. */
const MOST_RIVALS = 8
const COMPLETE = new Set(['swarmlink', 'simple-peer', 'bare'])
/** What follows the full mesh, such as closing duplicates, belongs to the costs. */
const SETTLE = 2_000

export const title = 'Full mesh, all join at once'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, peers, slowRuns, limit }) {
  const lines = peers.flatMap(count =>
    systems.map(system => ({
      system,
      count,
      turns: count > MOST_RIVALS && !COMPLETE.has(system.name) ? 0 : slowRuns,
      results: /** @type {Run[]} */ ([]),
    })),
  )
  await takeTurns(lines, async ({ system, count, turns, results }, turn) => {
    const result = await meshOnce(system, count, limit)
    results.push(result)
    const links = `${result.links} of ${count * (count - 1)} connections`
    progress(`mesh: ${system.label}, ${count} peers, ${turn}/${turns}: ${ms(result.full)}, ${links}`)
  })
  const rows = lines.map(({ system, count, results }) =>
    results.length === 0
      ? [labelled(system), String(count), '0', `left out: does not complete a mesh of ${MOST_RIVALS}`, '', '', '', '', '', '']
      : row(labelled(system), count, results, limit, system.name === 'swarmlink' ? GOALS.get(count) : undefined),
  )
  const data = lines.map(({ system, count, results }) => ({ system: labelled(system), peers: count, results }))
  return {
    name: 'mesh',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'peers' },
      { title: 'runs' },
      { title: 'first connection' },
      { title: 'full mesh' },
      { title: 'worst' },
      { title: 'connections kept' },
      { title: 'offers sent' },
      { title: 'frames in / out' },
      { title: 'tracker kB' },
    ],
    rows,
    notes: [
      'Medians over the runs. Connections are counted at both ends; frames and bytes at the tracker, until two seconds after the full mesh.',
      'A client by hand sends an offer for every other member at once, because it knows how many there are.',
    ],
    data,
    series: data
      .filter(({ results }) => results.length > 0)
      .map(({ system, peers: count, results }) => ({
        group: `full mesh of ${count}`,
        label: system,
        unit: 'ms',
        values: results.map(({ full }) => full),
      })),
  }
}

/** @param {System} system @param {number} count @param {number} limit @returns {Promise<Run>} */
function meshOnce(system, count, limit) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const clients = await lab.clients(system, count, { trackerUrl: tracker.url, topic: freshTopic() })
    for (const client of clients) client.start()

    /** @param {import('../types.js').FromChild} [message] */
    const fullSince = message =>
      message?.type === 'linked' && clients.every(client => client.links.size === count - 1) ? message.at : undefined
    let fullAt = Infinity
    try {
      fullAt = await untilAny(clients, fullSince, limit, 'the full mesh')
      await sleep(SETTLE)
    } catch (error) {
      acceptDefeat(error)
    }

    const startedAt = Math.min(...clients.map(client => client.startedAt))
    const { offers, framesIn, framesOut, bytesIn, bytesOut } = await tracker.sample()
    return {
      first: median(clients.map(client => (client.firstLinkAt ?? Infinity) - startedAt)),
      full: fullAt - startedAt,
      links: sum(clients.map(client => client.links.size)),
      offers,
      framesIn,
      framesOut,
      bytes: bytesIn + bytesOut,
    }
  })
}

/** @param {string} label @param {number} count @param {Run[]} results @param {number} limit @param {number} [goal] */
function row(label, count, results, limit, goal) {
  const full = results.map(result => result.full)
  const middle = median(full)
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${limit / 1000} s` : ms(time))
  /** @param {keyof Run} key */
  const typical = key => median(results.map(result => result[key]))
  return [
    label,
    String(count),
    String(results.length),
    ms(typical('first')),
    goal === undefined ? text(middle) : beside(text(middle), middle, '≤', goal * 1000, `${goal} s`),
    text(worst(full)),
    `${number(typical('links'))} of ${count * (count - 1)}`,
    number(typical('offers')),
    `${number(typical('framesIn'))} / ${number(typical('framesOut'))}`,
    number(typical('bytes') / 1000),
  ]
}
