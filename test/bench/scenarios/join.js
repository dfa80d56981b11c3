// @ts-check
/** How long one client needs to get its peers when it joins a large swarm. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { median, ms, number, worst } from '../stats.js'
import { labelled } from '../systems.js'
import { takeTurns } from '../turns.js'

/** @typedef {import('../harness.js').Lab} Lab */
/** @typedef {import('../processes.js').Tracker} Tracker */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {import('../types.js').Topic} Topic */
/** @typedef {{ first: number, few: number, all: number, links: number, frames: number }} Run milliseconds, connections, frames at the tracker */

const MEMBERS = 30
/** Connections that are enough for a download. */
const FEW = 5
/** The swarm is large enough by then, also of systems that never complete it. */
const SWARM_LIMIT = 30_000
const SETTLE = 5_000
/** Each system has two swarms, at different times, so that other load on the machine affects all of them. */
const SWARMS = 2

export const title = `One client joins a swarm of ${MEMBERS}`

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, slowRuns, limit }) {
  const joins = Math.ceil(slowRuns / SWARMS)
  const lines = systems.map(system => ({
    system,
    turns: SWARMS,
    members: /** @type {number[]} */ ([]),
    runs: /** @type {Run[]} */ ([]),
  }))
  await takeTurns(lines, async ({ system, members, runs }, turn) => {
    const swarm = await joinSwarm(system, joins, limit)
    members.push(swarm.links)
    runs.push(...swarm.runs)
    for (const { first, few, all, links } of swarm.runs)
      progress(
        `join: ${system.label}, swarm ${turn}/${SWARMS}: first ${ms(first)}, ${FEW} ${ms(few)}, all ${ms(all)}, ${links} connections`,
      )
  })
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${limit / 1000} s` : ms(time))
  return {
    name: 'join',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'runs' },
      { title: 'first connection' },
      { title: 'worst' },
      { title: `${FEW} connections` },
      { title: 'worst' },
      { title: `all ${MEMBERS}` },
      { title: 'worst' },
      { title: 'connections in the end' },
      { title: 'tracker frames' },
      { title: 'connections of a member before' },
    ],
    rows: lines.map(({ system, members, runs }) => {
      /** @param {keyof Run} key */
      const values = key => runs.map(each => each[key])
      return [
        labelled(system),
        String(runs.length),
        ...[values('first'), values('few'), values('all')].flatMap(times => [text(median(times)), text(worst(times))]),
        number(median(values('links'))),
        number(median(values('frames'))),
        number(median(members)),
      ]
    }),
    notes: [
      `From \`client.add\` (or the call that joins). Each of ${SWARMS} swarms is joined ${joins} times; a joiner leaves ${SETTLE / 1000} s before the next comes.`,
      'Frames are those of the whole swarm, both ways, while the joiner connects. A client by hand knows the number of members.',
    ],
    data: lines.map(({ system, members, runs }) => ({ system: labelled(system), members, runs })),
    series: [
      { key: /** @type {const} */ ('first'), group: 'first connection' },
      { key: /** @type {const} */ ('few'), group: `${FEW} connections` },
      { key: /** @type {const} */ ('all'), group: `all ${MEMBERS} connections` },
    ].flatMap(({ key, group }) =>
      lines.map(({ system, runs }) => ({ group, label: labelled(system), unit: 'ms', values: runs.map(each => each[key]) })),
    ),
  }
}

/** @param {System} system @param {number} joins @param {number} limit */
function joinSwarm(system, joins, limit) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const topic = freshTopic()
    const clients = await lab.clients(system, MEMBERS, { trackerUrl: tracker.url, topic })
    for (const client of clients) client.start()
    const full = () => (clients.every(client => client.links.size === MEMBERS - 1) ? true : undefined)
    try {
      await untilAny(clients, full, SWARM_LIMIT, 'the swarm')
    } catch (error) {
      acceptDefeat(error)
    }
    await sleep(SETTLE)
    const links = median(clients.map(client => client.links.size))
    /** @type {Run[]} */
    const runs = []
    for (let join = 1; join <= joins; join++) {
      runs.push(await joinOnce(lab, system, tracker, topic, limit))
      await sleep(SETTLE)
    }
    return { links, runs }
  })
}

/** @param {Lab} lab @param {System} system @param {Tracker} tracker @param {Topic} topic @param {number} limit @returns {Promise<Run>} */
async function joinOnce(lab, system, tracker, topic, limit) {
  const joiner = await lab.client(system, { trackerUrl: tracker.url, topic, seeder: false, others: MEMBERS })
  const before = await tracker.sample()
  joiner.start()
  /** @param {number} count */
  const reached = async count => {
    try {
      return await joiner.until(
        message => (message?.type === 'linked' && joiner.links.size >= count ? message.at : undefined),
        limit,
        `${count} connections`,
      )
    } catch (error) {
      acceptDefeat(error)
      return Infinity
    }
  }
  const [first = NaN, few = NaN, all = NaN] = await Promise.all([1, FEW, MEMBERS].map(reached))
  const after = await tracker.sample()
  const links = joiner.links.size
  await joiner.stop()
  const at = joiner.startedAt
  return {
    first: first - at,
    few: few - at,
    all: all - at,
    links,
    frames: after.framesIn + after.framesOut - before.framesIn - before.framesOut,
  }
}
