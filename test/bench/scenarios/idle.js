// @ts-check
/** The cost of a client that has all its peers and nothing to do. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, number, sum, worst } from '../stats.js'
import { labelled } from '../systems.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */

/** Peers of the observed client. */
const PEERS = 8
const GOAL = 1
/** Systems that never complete their mesh are measured with the peers that they have by then. */
const MESH_LIMIT = 20_000
/** Excludes the work of connecting. */
const SETTLE = 3_000

export const title = 'Idle, one torrent'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, seconds }) {
  const rows = []
  const data = []
  for (const system of systems) {
    const label = labelled(system)
    progress(`idle: ${label}, ${PEERS} peers, ${seconds} s`)
    const result = await idleOnce(system, seconds)
    const cpu = median(result.cpu)
    rows.push([
      label,
      number(result.links, 1),
      system.name === 'swarmlink' ? beside(`${number(cpu, 2)} %`, cpu, '≤', GOAL, `${GOAL} %`) : `${number(cpu, 2)} %`,
      `${number(worst(result.cpu), 2)} %`,
      number(result.begun),
      number(result.offers),
      number(result.frames),
      number(result.memory / 1e6),
    ])
    data.push({ system: label, ...result })
  }
  return {
    name: 'idle',
    title: `${title}, ${PEERS} peers, ${seconds} s`,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'connected peers' },
      { title: 'CPU of a core, median' },
      { title: 'worst' },
      { title: 'offers created' },
      { title: 'offers sent' },
      { title: 'tracker frames' },
      { title: 'MB per process' },
    ],
    rows,
    notes: [
      `Over the ${PEERS + 1} processes of one run, WebTorrent and Node included; offers and frames are those of all of them together.`,
    ],
    data,
  }
}

/** @param {System} system @param {number} seconds */
function idleOnce(system, seconds) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const clients = await lab.clients(system, PEERS + 1, { trackerUrl: tracker.url, topic: freshTopic() })
    for (const client of clients) client.start()
    const full = () => (clients.every(client => client.links.size === PEERS) ? true : undefined)
    try {
      await untilAny(clients, full, MESH_LIMIT, 'the full mesh')
    } catch (error) {
      acceptDefeat(error)
    }
    await sleep(SETTLE)

    const before = await Promise.all(clients.map(client => client.sample()))
    const trackerBefore = await tracker.sample()
    await sleep(seconds * 1000)
    const after = await Promise.all(clients.map(client => client.lastSample()))
    const trackerAfter = await tracker.sample()

    const pairs = before.flatMap((first, index) => {
      const last = after[index]
      return last ? [{ first, last }] : []
    })
    return {
      links: median(clients.map(client => client.links.size)),
      cpu: pairs.map(({ first, last }) => ((last.cpu - first.cpu) / 1000 / (last.at - first.at)) * 100),
      begun: sum(pairs.map(({ first, last }) => last.begun - first.begun)),
      offers: trackerAfter.offers - trackerBefore.offers,
      frames: trackerAfter.framesIn + trackerAfter.framesOut - trackerBefore.framesIn - trackerBefore.framesOut,
      memory: median(after.map(sample => sample.memory)),
    }
  })
}
