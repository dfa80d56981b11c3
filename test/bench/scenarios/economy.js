// @ts-check
/** The tracker's traffic for each connection that a mesh keeps. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, number, sum } from '../stats.js'
import { labelled } from '../systems.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {import('../types.js').TrackerSample} TrackerSample */
/** @typedef {{ links: number, messages: number, bytes: number, messagesOut: number, bytesOut: number, offers: number, answers: number }} Costs per connection, except `links` */
/** @typedef {{ full: number, costs: Costs, end: Costs }} Run */
/** @typedef {{ system: System, peers: number, runs: Run[] }} Line */

/** The systems with a goal. */
const RIVALS = /** @type {const} */ (['webtorrent', 'trystero'])
/** swarmlink's maximum costs, as a share of the rival's, in a small mesh and in a large one. */
const GOALS = { small: { webtorrent: 1, trystero: 1 / 3 }, large: { webtorrent: 1 / 2, trystero: 1 / 3 } }
/** From this size on a mesh is large: peer exchange should have replaced the tracker. */
const LARGE = 30
/** What follows the full mesh, such as closing duplicates, belongs to the costs. */
const SETTLE = 2_000

export const title = 'Tracker traffic per connection kept'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems, peers, slowRuns, limit }) {
  const rows = []
  const notes = []
  const data = []
  for (const count of peers) {
    /** @type {Line[]} */
    const lines = systems.map(system => ({ system, peers: count, runs: [] }))
    // Interleaved, so that other load on the machine affects all of them.
    for (let turn = 1; turn <= slowRuns; turn++) {
      for (const { system, runs } of lines) {
        const result = await crowdOnce(system, count, limit)
        runs.push(result)
        const { links, messages, bytes } = result.costs
        progress(
          `economy: ${system.label}, ${count} peers, ${turn}/${slowRuns}: ${number(links)} connections, ${number(messages, 2)} messages and ${kB(bytes)} kB per connection`,
        )
      }
    }
    rows.push(...lines.map(line => row(line, limit)))
    notes.push(...ratios(lines))
    data.push(...lines.map(({ system, runs }) => ({ system: labelled(system), peers: count, runs })))
  }
  return {
    name: 'economy',
    title,
    columns: [
      { title: 'system', align: 'left' },
      { title: 'peers' },
      { title: 'full mesh' },
      { title: 'connections kept' },
      { title: 'offers / answers per connection' },
      { title: 'messages per connection' },
      { title: 'kB per connection' },
      { title: 'from the tracker' },
      { title: `after ${limit / 1000} s` },
    ],
    rows,
    notes: [
      'Medians. A connection is a pair that is connected in the end, a message is a frame that a client sends to the tracker.',
      `Two seconds after the full mesh, or after ${limit / 1000} s where there is none by then; in the last column after ${limit / 1000} s for all systems.`,
      ...notes,
    ],
    data,
  }
}

/** @param {System} system @param {number} count @param {number} limit @returns {Promise<Run>} */
function crowdOnce(system, count, limit) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const clients = await lab.clients(system, count, { trackerUrl: tracker.url, topic: freshTopic() })
    const end = sleep(limit)
    for (const client of clients) client.start()

    const linksNow = () => sum(clients.map(client => client.links.size)) / 2
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
    const costs = costsOf(linksNow(), await tracker.sample())
    await end
    return {
      full: fullAt - Math.min(...clients.map(client => client.startedAt)),
      costs,
      end: fullAt === Infinity ? costs : costsOf(linksNow(), await tracker.sample()),
    }
  })
}

/** @param {number} links @param {TrackerSample} sample @returns {Costs} */
function costsOf(links, { framesIn, bytesIn, framesOut, bytesOut, offers, answers }) {
  return {
    links,
    messages: framesIn / links,
    bytes: bytesIn / links,
    messagesOut: framesOut / links,
    bytesOut: bytesOut / links,
    offers: offers / links,
    answers: answers / links,
  }
}

/** @param {Line} line @param {number} limit */
function row({ system, peers, runs }, limit) {
  const full = median(runs.map(each => each.full))
  /** @param {keyof Costs} key */
  const typical = key => median(runs.map(each => each.costs[key]))
  /** @param {keyof Costs} key */
  const finally_ = key => median(runs.map(each => each.end[key]))
  return [
    labelled(system),
    String(peers),
    full === Infinity ? `not in ${limit / 1000} s` : ms(full),
    `${number(typical('links'))} of ${(peers * (peers - 1)) / 2}`,
    `${number(typical('offers'), 2)} / ${number(typical('answers'), 2)}`,
    number(typical('messages'), 2),
    kB(typical('bytes')),
    `${number(typical('messagesOut'), 2)}, ${kB(typical('bytesOut'))} kB`,
    `${number(finally_('messages'), 2)}, ${kB(finally_('bytes'))} kB`,
  ]
}

/** Compares swarmlink with each rival. @param {Line[]} lines */
function ratios(lines) {
  const swarmlink = lines.find(({ system }) => system.name === 'swarmlink')
  return RIVALS.flatMap(rival => {
    const theirs = lines.find(({ system }) => system.name === rival)
    if (swarmlink === undefined || theirs === undefined) return []
    const goal = GOALS[swarmlink.peers < LARGE ? 'small' : 'large'][rival]
    /** @param {'messages' | 'bytes'} key */
    const share = key => {
      const [mine, other] = [swarmlink, theirs].map(({ runs }) => median(runs.map(each => each.costs[key])))
      const ratio = (mine ?? NaN) / (other ?? NaN)
      return beside(number(ratio, 2), ratio, '≤', goal, number(goal, 2))
    }
    return [`${swarmlink.peers} peers, against ${theirs.system.label}: messages ${share('messages')}, bytes ${share('bytes')}.`]
  })
}

/** @param {number} bytes */
function kB(bytes) {
  return number(bytes / 1000, 2)
}
