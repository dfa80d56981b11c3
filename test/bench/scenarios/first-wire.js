// @ts-check
/** How long the first peer takes: two clients, one tracker. */
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, percentile, worst } from '../stats.js'
import { labelled } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */

/** Milliseconds to a far tracker, each way. */
const FAR = 40
const LIMIT = 30_000

/** @typedef {{ name: string, text: string, measure: (system: System) => Promise<number>, goals: { median: number, worst: number }, only?: string }} Mode */
/** @type {Mode[]} */
const modes = [
  { name: 'join', text: 'seeder is announced, leecher joins', measure: joinOne, goals: { median: 60, worst: 150 } },
  { name: 'both', text: 'both join at once', measure: joinBoth, goals: { median: 60, worst: 150 } },
  {
    name: 'far',
    text: `tracker ${FAR} ms away, leecher joins`,
    measure: system => joinOne(system, { distance: FAR }),
    goals: { median: 210, worst: 400 },
  },
  {
    name: 'far-cold',
    text: 'the same, not dialled before (`warm: false`)',
    measure: system => joinOne(system, { distance: FAR, cold: true }),
    goals: { median: 360, worst: 600 },
    only: 'swarmlink',
  },
]

export const title = 'First wire, two clients'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, runs, slowRuns }) {
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${LIMIT / 1000} s` : ms(time))
  const lines = modes.flatMap(mode =>
    systems
      .filter(({ name }) => mode.only === undefined || mode.only === name)
      .map(system => ({ mode, system, turns: system.slow ? slowRuns : runs, times: /** @type {number[]} */ ([]) })),
  )
  await takeTurns(lines, async ({ mode, system, turns, times }, turn) => {
    const time = await mode.measure(system)
    times.push(time)
    progress(`first-wire: ${system.label}, ${mode.text}, ${turn}/${turns}: ${text(time)}`)
  })
  const rows = lines.map(({ mode: { text: what, goals }, system, times }) => {
    const isSwarmlink = system.name === 'swarmlink'
    const [middle, most] = [median(times), worst(times)]
    return [
      labelled(system),
      what,
      String(times.length),
      isSwarmlink ? beside(text(middle), middle, '≤', goals.median, `${goals.median} ms`) : text(middle),
      text(percentile(times, 0.95)),
      isSwarmlink ? beside(text(most), most, '≤', goals.worst, `${goals.worst} ms`) : text(most),
    ]
  })
  const data = lines.map(({ mode, system, times }) => ({ system: labelled(system), mode: mode.name, text: mode.text, times }))
  return {
    name: 'first-wire',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'case', align: 'left' },
      { title: 'runs' },
      { title: 'median' },
      { title: 'p95' },
      { title: 'worst' },
    ],
    rows,
    notes: [
      'From `client.add` (or the call that joins) to the first wire after its handshake. When both join at once, to the later of the two.',
      'simple-peer and the bare engine have no discovery: a tracker client by hand, which is connected before, carries their offers.',
    ],
    data,
    series: data.map(({ system, text: group, times: values }) => ({ group, label: system, unit: 'ms', values })),
  }
}

/** @param {System} system @param {{ distance?: number, cold?: boolean }} [options] */
function joinOne(system, options) {
  return timed(async lab => {
    const { leecher } = await lab.pair(system, freshTopic(), LIMIT, options)
    leecher.start()
    return (await leecher.linked(LIMIT)) - leecher.startedAt
  })
}

/**
 * No client seeds here, which is the rivals' best case: WebTorrent's seeder reports itself complete at once, so that later the two offers
 * cross, each side drops the connection that the other keeps, and mostly none is left.
 * @param {System} system
 */
function joinBoth(system) {
  return timed(async lab => {
    const { url: trackerUrl } = await lab.tracker()
    const topic = freshTopic()
    const clients = await lab.clients(system, 2, { trackerUrl, topic })
    for (const client of clients) client.start()
    const linkedAt = await untilAny(
      clients,
      () => {
        const times = clients.flatMap(client => client.firstLinkAt ?? [])
        return times.length === clients.length ? Math.max(...times) : undefined
      },
      LIMIT,
      'both wires',
    )
    return linkedAt - Math.min(...clients.map(client => client.startedAt))
  })
}

/** A run that takes too long counts as infinite, so that it shows in the worst case. @param {Parameters<typeof withLab<number>>[0]} work */
async function timed(work) {
  try {
    return await withLab(work)
  } catch (error) {
    acceptDefeat(error)
    return Infinity
  }
}
