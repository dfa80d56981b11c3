// @ts-check
/** How long a full mesh takes, and what it costs the tracker. */
import { setTimeout as sleep } from 'node:timers/promises'
import { acceptDefeat, progress, untilAny, withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { beside, median, ms, number, sum, worst } from '../stats.js'
import { labelled } from '../systems.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {{ first: number, full: number, links: number, offers: number, framesIn: number, framesOut: number, bytes: number }} Run */

/** Peers to seconds. */
const GOALS = new Map([
  [8, 1.5],
  [30, 10],
])
/** Above this only swarmlink is measured: the others do not complete a mesh of eight. */
const MOST_RIVALS = 8
/** What follows the full mesh, such as closing duplicates, belongs to the costs. */
const SETTLE = 2_000

export const title = 'Full mesh, all join at once'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, peers, runs, limit }) {
  const rows = []
  const data = []
  for (const count of peers) {
    for (const system of systems) {
      const isSwarmlink = system.name === 'swarmlink'
      if (!isSwarmlink && count > MOST_RIVALS) continue
      const label = labelled(system)
      /** @type {Run[]} */
      const results = []
      for (let turn = 1, turns = isSwarmlink ? repeats(count, runs) : 1; turn <= turns; turn++) {
        const result = await meshOnce(system, count, limit)
        results.push(result)
        const links = `${result.links} of ${count * (count - 1)} connections`
        progress(`mesh: ${label}, ${count} peers, ${turn}/${turns}: ${ms(result.full)}, ${links}`)
      }
      rows.push(row(label, count, results, limit, isSwarmlink ? GOALS.get(count) : undefined))
      data.push({ system: label, peers: count, results })
    }
  }
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
      `Systems other than swarmlink run once, with up to ${MOST_RIVALS} peers.`,
    ],
    data,
    series: data.map(({ system, peers: count, results }) => ({
      group: `full mesh of ${count}`,
      label: system,
      unit: 'ms',
      values: results.map(({ full }) => full),
    })),
  }
}

/** A large mesh is expensive to start, and its figure is steadier. @param {number} count @param {number} runs */
function repeats(count, runs) {
  return Math.max(1, Math.ceil(runs / (count > MOST_RIVALS ? 8 : 4)))
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
