// @ts-check
/** The cost of the torrents that two clients share: connections, time, CPU, memory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, number, sum, worst } from '../stats.js'
import { able, labelled, rowsOfOthers } from '../systems.js'

/** @typedef {import('../types.js').ClientSample} ClientSample */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {Omit<ClientSample, 'at' | 'begun'> & { grown: number }} End one process's final state and consumption */
/** @typedef {{ first: number, all: number, wires: number, ends: End[] }} Run */
/** @typedef {{ system: System, torrents: number, runs: Run[] }} Line */

/** One torrent is the baseline of the rest. */
const TORRENTS = [1, 20]
/** The time of all wires, as a multiple of the time of a single torrent's wire. */
const GOAL = 3
/** Duplicates are closed, and offers for more peers are gathered, after the last wire. */
const SETTLE = 3_000

export const title = 'Torrents that two clients share'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, limit }) {
  const contenders = able(systems, 'shared')
  /** @type {Line[]} */
  const lines = TORRENTS.flatMap(torrents => contenders.map(system => ({ system, torrents, runs: [] })))
  // Interleaved, so that other load on the machine affects all of them.
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
      { title: 'CPU ms per process' },
      { title: 'MB per process' },
      { title: 'MB grown' },
    ],
    rows: [...lines.map(line => row(line, lines, limit)), ...rowsOfOthers(systems, 'shared', 12)],
    notes: [
      `Medians over the runs, from the start of both. Everything else: ${SETTLE / 1000} s after the last wire, or after ${limit / 1000} s where one is missing.`,
      'Connections are those of one process: connected at the worse end, made as the mean of both. Further sockets belong to idle offers.',
      'CPU since the start, memory in total and its growth since the start, as the mean of both processes, WebTorrent and Node included.',
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
    const after = await Promise.all(clients.map(client => client.lastSample()))
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
  const isSwarmlink = system.name === 'swarmlink' && torrents > 1
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
    isSwarmlink ? beside(text(all), all, '≤', goal, `${GOAL} × one`) : text(all),
    number(median(runs.map(each => each.wires))),
    isSwarmlink ? beside(number(connected), connected, '≤', 1, '1') : number(connected),
    number(typical('made'), 1),
    number(typical('sockets'), 1),
    number(typical('cpu')),
    number(typical('memory') / 1e6),
    number(typical('grown') / 1e6),
  ]
}
