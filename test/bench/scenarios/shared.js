// @ts-check
/** What two clients pay for the torrents that they have in common: connections, time, CPU, memory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { acceptDefeat, progress, untilAny, withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { beside, median, ms, number, sum, worst } from '../stats.js'
import { labelled } from '../systems.js'

/** @typedef {import('../types.js').ClientSample} ClientSample */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {Omit<ClientSample, 'at' | 'begun'> & { grown: number }} End what one process has and has used in the end */
/** @typedef {{ first: number, all: number, wires: number, ends: End[] }} Run */
/** @typedef {{ system: System, torrents: number, runs: Run[] }} Line */

/** What it takes for one torrent is the measure of the rest. */
const TORRENTS = [1, 20]
/** All wires, as a multiple of the time that the wire of a single torrent takes. */
const GOAL = 3
/** Duplicates are closed, and offers for more peers are gathered, after the last wire. */
const SETTLE = 3_000

export const title = 'Torrents that two clients share'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, limit }) {
  const contenders = systems.filter(system => system.torrents)
  /** @type {Line[]} */
  const lines = TORRENTS.flatMap(torrents => contenders.map(system => ({ system, torrents, runs: [] })))
  // In turns, so that whatever else the machine does meets all of them.
  for (let turn = 1; turn <= slowRuns; turn++) {
    for (const { system, torrents, runs } of lines) {
      const result = await shareOnce(system, torrents, limit)
      runs.push(result)
      progress(
        `shared: ${system.label}, ${torrents} torrents, ${turn}/${slowRuns}: ${number(result.wires)} wires in ${ms(result.all)}, ${result.ends.map(end => end.connected).join(' and ')} connections`,
      )
    }
  }
  return {
    name: 'shared',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'torrents' },
      { title: 'runs' },
      { title: 'first wire' },
      { title: 'all wires' },
      { title: 'wires open' },
      { title: 'connected' },
      { title: 'made' },
      { title: 'UDP sockets' },
      { title: 'CPU ms a process' },
      { title: 'MB a process' },
      { title: 'MB grown' },
    ],
    rows: lines.map(line => row(line, lines, limit)),
    notes: [
      `Medians over the runs, from the start of both; everything else ${SETTLE / 1000} s after the last wire, or after ${limit / 1000} s where one is missing.`,
      'Connections are those of one process: connected at the worse end, made as the mean of both. A socket that belongs to no connected one is an offer that waits.',
      'CPU since the start, memory as it is and as it grew since the start, as the mean of both processes, WebTorrent and Node included.',
    ],
    data: lines.map(({ system, torrents, runs }) => ({ system: labelled(system), torrents, runs })),
  }
}

/** @param {System} system @param {number} torrents @param {number} limit @returns {Promise<Run>} */
function shareOnce(system, torrents, limit) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const further = Array.from({ length: torrents - 1 }, () => freshTopic())
    const clients = await lab.clients(system, 2, { trackerUrl: tracker.url, topic: freshTopic(), further })
    const before = await Promise.all(clients.map(client => client.sample()))
    for (const client of clients) client.start()

    /** @param {import('../types.js').FromChild} [message] */
    const allSince = message =>
      message?.type === 'linked' && clients.every(client => client.links.size === torrents) ? message.at : undefined
    let allAt = Infinity
    try {
      allAt = await untilAny(clients, allSince, limit, 'all wires')
      await sleep(SETTLE)
    } catch (error) {
      acceptDefeat(error)
    }

    const startedAt = Math.min(...clients.map(client => client.startedAt))
    const after = await Promise.all(clients.map(client => client.sample()))
    return {
      first: Math.max(...clients.map(client => client.firstLinkAt ?? Infinity)) - startedAt,
      all: allAt - startedAt,
      wires: sum(clients.map(client => client.links.size)) / 2,
      ends: after.map(({ made, connected, sockets, cpu, memory }, index) => ({
        made,
        connected,
        sockets,
        cpu: (cpu - (before[index]?.cpu ?? NaN)) / 1000,
        memory,
        grown: memory - (before[index]?.memory ?? NaN),
      })),
    }
  })
}

/** @param {Line} line @param {Line[]} lines @param {number} limit */
function row({ system, torrents, runs }, lines, limit) {
  const ours = system.name === 'swarmlink' && torrents > 1
  const single = lines.find(line => line.system === system && line.torrents === 1)
  const all = median(runs.map(each => each.all))
  const goal = GOAL * median((single?.runs ?? []).map(each => each.all))
  /** @param {keyof End} key */
  const typical = key => median(runs.map(({ ends }) => sum(ends.map(end => end[key])) / ends.length))
  const connected = median(runs.map(({ ends }) => worst(ends.map(end => end.connected))))
  /** @param {number} value */
  const text = value => (value === Infinity ? `not in ${limit / 1000} s` : ms(value))
  return [
    labelled(system),
    String(torrents),
    String(runs.length),
    text(median(runs.map(each => each.first))),
    ours ? beside(text(all), all, '≤', goal, `${GOAL} × one`) : text(all),
    number(median(runs.map(each => each.wires))),
    ours ? beside(number(connected), connected, '≤', 1, '1') : number(connected),
    number(typical('made'), 1),
    number(typical('sockets'), 1),
    number(typical('cpu')),
    number(typical('memory') / 1e6),
    number(typical('grown') / 1e6),
  ]
}
