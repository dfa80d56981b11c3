// @ts-check
/** What peers cost: memory and CPU of one client with 1 to 200 of them, in one torrent or room. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress } from '../processes.js'
import { median, number, worst } from '../stats.js'
import { able, labelled, rowsOfOthers } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../processes.js').ClientProcess} ClientProcess */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {{ peers: number, links: number, memory: number, cpu: number, connecting: number }} Step RSS in MiB, % of a core, ms of CPU a peer */
/** @typedef {{ system: System, turns: number, runs: Step[][] }} Line */

const SIZES = [1, 10, 50, 100, 200]
/** Clients of one process. Each has a tracker URL of its own. */
const CROWD = 25
/** Above the largest size, because swarmlink keeps a share of its slots for incoming peers. */
const MAX_PEERS = 400
/** Excludes the work of connecting. */
const SETTLE = 5_000
const MIB = 2 ** 20

export const title = 'What peers cost'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, seconds, limit }) {
  const window = Math.ceil(seconds / 6)
  const contenders = able(systems, 'peers')
  const lines = contenders.map(system => ({ system, turns: slowRuns, runs: /** @type {Step[][]} */ ([]) }))
  await takeTurns(lines, async ({ system, runs }, turn) => {
    const steps = await growOnce(system, window, limit)
    runs.push(steps)
    for (const { peers, links, memory, cpu } of steps)
      progress(
        `peers: ${system.label}, ${turn}/${slowRuns}, ${peers}: ${links} connected, ${number(memory)} MiB, ${number(cpu, 2)} %`,
      )
  })
  return {
    name: 'peers',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'peers' },
      { title: 'runs' },
      { title: 'connected' },
      { title: 'RSS MiB' },
      { title: 'worst' },
      { title: 'KiB a further peer' },
      { title: 'idle CPU of a core' },
      { title: 'worst' },
      { title: 'CPU ms to connect one' },
    ],
    rows: [...lines.flatMap(rowsOf), ...rowsOfOthers(systems, 'peers', 10)],
    notes: [
      `One client in a process of its own gets peers of the same system, ${CROWD} in a process. The tracker introduces them to that client only.`,
      `Idle over ${window} s, ${SETTLE / 1000} s after the last connection or ${limit / 1000} s after the start. KiB a further peer: growth since the row above.`,
      `swarmlink differs from its defaults: at most ${MAX_PEERS} peers, and no peer exchange, which would connect all peers to each other.`,
    ],
    data: lines.map(({ system, runs }) => ({ system: labelled(system), runs })),
    series: [
      { key: /** @type {const} */ ('memory'), group: 'memory', unit: 'MiB' },
      { key: /** @type {const} */ ('cpu'), group: 'idle CPU of a core', unit: '%' },
      { key: /** @type {const} */ ('connecting'), group: 'CPU to connect a peer', unit: 'ms' },
    ].flatMap(({ key, group, unit }) =>
      lines.flatMap(({ system, runs }) =>
        SIZES.map(peers => ({
          group,
          label: labelled(system),
          unit,
          at: { value: peers, unit: 'peers' },
          values: stepsOf(runs, peers).map(step => step[key]),
        })),
      ),
    ),
  }
}

/** @param {System} system @param {number} window @param {number} limit @returns {Promise<Step[]>} */
function growOnce(system, window, limit) {
  return withLab(async lab => {
    const { url: trackerUrl } = await lab.tracker(0, 'star-tracker.js')
    const options = { trackerUrl, topic: freshTopic(), maxPeers: MAX_PEERS }
    const hub = await lab.client(system, { ...options, trackerUrl: `${trackerUrl}/hub`, seeder: false, others: 0 })
    hub.start()
    await sleep(SETTLE)
    const empty = await hub.sample()
    /** @type {Step[]} */
    const steps = [{ peers: 0, links: 0, memory: empty.memory / MIB, cpu: 0, connecting: 0 }]
    let crowds = 0
    for (const [at, peers] of SIZES.entries()) {
      const added = peers - (SIZES[at - 1] ?? 0)
      /** @type {ClientProcess[]} */
      const newcomers = []
      for (let left = added; left > 0; left -= CROWD) {
        const crowd = Math.min(left, CROWD)
        const url = `${trackerUrl}/${crowds++}`
        newcomers.push(await lab.client(system, { ...options, trackerUrl: url, crowd, seeder: false, others: 1 }))
      }
      const before = await hub.sample()
      for (const newcomer of newcomers) newcomer.start()
      try {
        await hub.until(() => (hub.links.size >= peers ? true : undefined), limit, `${peers} peers`)
      } catch (error) {
        acceptDefeat(error)
      }
      await sleep(SETTLE)
      const connected = await hub.lastSample()
      const first = await hub.sample()
      await sleep(window * 1000)
      const last = await hub.lastSample()
      steps.push({
        peers,
        links: hub.links.size,
        memory: last.memory / MIB,
        cpu: ((last.cpu - first.cpu) / 1000 / (last.at - first.at)) * 100,
        connecting: (connected.cpu - before.cpu) / 1000 / added,
      })
    }
    return steps
  })
}

/** @param {Step[][]} runs @param {number} peers */
function stepsOf(runs, peers) {
  return runs.flatMap(steps => steps.find(step => step.peers === peers) ?? [])
}

/** @param {Line} line */
function rowsOf({ system, runs }) {
  return SIZES.map(peers => {
    const steps = stepsOf(runs, peers)
    const grown = runs.flatMap(all => {
      const at = all.findIndex(step => step.peers === peers)
      const [before, step] = [all[at - 1], all[at]]
      return before && step && before.links > 0 ? [((step.memory - before.memory) * 1024) / (step.links - before.links)] : []
    })
    /** @param {keyof Step} key */
    const values = key => steps.map(step => step[key])
    return [
      labelled(system),
      String(peers),
      String(steps.length),
      number(median(values('links'))),
      number(median(values('memory'))),
      number(worst(values('memory'))),
      number(median(grown)),
      `${number(median(values('cpu')), 2)} %`,
      `${number(worst(values('cpu')), 2)} %`,
      number(median(values('connecting')), 1),
    ]
  })
}
