// @ts-check
/** How soon clients announce to a tracker that is back after an outage. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, worst } from '../stats.js'
import { able, labelled, rowsOfOthers } from '../systems.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */

const GOAL = 3_000
const AWAY = 5_000
const LIMIT = 60_000
const LINK_LIMIT = 30_000
const CLIENTS = 2

export const title = 'Tracker down for 5 s'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, runs, slowRuns }) {
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${LIMIT / 1000} s` : ms(time))
  const rows = []
  const data = []
  for (const system of able(systems, 'reconnect')) {
    const label = labelled(system)
    const count = system.slow ? 1 : Math.max(slowRuns, Math.ceil(runs / 4))
    /** @type {number[]} */
    const times = []
    for (let turn = 1; turn <= count; turn++) {
      const delays = await reconnectOnce(system)
      times.push(...delays)
      progress(`reconnect: ${label}, ${turn}/${count}: ${delays.map(text).join(', ')}`)
    }
    const [middle, most] = [median(times), worst(times)]
    rows.push([
      label,
      String(times.length),
      text(middle),
      system.name === 'swarmlink' ? beside(text(most), most, '≤', GOAL, `${GOAL / 1000} s`) : text(most),
    ])
    data.push({ system: label, times })
  }
  return {
    name: 'reconnect',
    title,
    columns: [{ title: 'system', align: 'left' }, { title: 'clients' }, { title: 'median' }, { title: 'worst' }],
    rows: [...rows, ...rowsOfOthers(systems, 'reconnect', 4)],
    notes: [`From the moment the tracker listens again to the announce of each of ${CLIENTS} connected clients.`],
    data,
    series: data.map(({ system, times: values }) => ({ group: 'all clients are back', label: system, unit: 'ms', values })),
  }
}

/** @param {System} system */
function reconnectOnce(system) {
  return withLab(async lab => {
    const first = await lab.tracker()
    const topic = freshTopic()
    const clients = await lab.clients(system, CLIENTS, { trackerUrl: first.url, topic })
    for (const client of clients) client.start()
    const linked = () => (clients.every(client => client.firstLinkAt !== undefined) ? true : undefined)
    try {
      await untilAny(clients, linked, LINK_LIMIT, 'the clients to meet')
    } catch (error) {
      acceptDefeat(error)
    }

    await first.kill()
    await sleep(AWAY)
    const second = await lab.tracker(first.port)
    const { readyAt } = second
    const all = () => (second.announced.size >= CLIENTS ? true : undefined)
    try {
      await untilAny([second, ...clients], all, LIMIT, 'the announces')
    } catch (error) {
      acceptDefeat(error)
    }
    const delays = [...second.announced.values()].map(at => at - readyAt)
    return Array.from({ length: CLIENTS }, (_, index) => delays[index] ?? Infinity)
  })
}
