// @ts-check
/** Whether a swarm grows and heals when its only tracker died after the first two had met. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../child.js'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress, untilAny } from '../processes.js'
import { beside, median, ms, number, sum, worst } from '../stats.js'
import { labelled, rowsOfOthers } from '../systems.js'

/** @typedef {import('../processes.js').ClientProcess} ClientProcess */
/** @typedef {import('../types.js').HandTask} HandTask */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {Map<ClientProcess, string>} Crowd each with its id for the others */
/** @typedef {{ done?: string, refused?: string }} Told the result of a request as text, or the reason for its refusal */
/** @typedef {{ full: number, links: number, forgotten: number, refusals: string[] }} Phase */

const CLIENTS = 20
/** They are killed, and as many join. */
const LOST = 10
/** Milliseconds until the mesh is full again. */
const GOAL = 30_000
const MEET_LIMIT = 30_000
/** The time to carry one signal, there and back. */
const CARRY_LIMIT = 15_000
/** A torrent that was just added accepts no request yet. */
const ATTEMPTS = 5
const AGAIN = 200

export const title = 'A swarm whose tracker died'

/** @param {Options} options @returns {Promise<Result | Result[]>} */
export async function run({ systems, slowRuns, limit }) {
  const swarmlink = systems.find(({ name }) => name === 'swarmlink')
  if (swarmlink === undefined) return [] // the rivals need their tracker
  const turns = Math.ceil(slowRuns / 3)
  /** @type {Phase[]} */
  const grown = []
  /** @type {Phase[]} */
  const healed = []
  for (let turn = 1; turn <= turns; turn++) {
    const result = await outliveOnce(limit)
    grown.push(result.grown)
    healed.push(result.healed)
    for (const [name, { full, links }] of Object.entries(result))
      progress(`outlive: ${name}, ${turn}/${turns}: ${ms(full)}, ${links} connections`)
  }
  const refusals = new Set([...grown, ...healed].flatMap(phase => phase.refusals))
  return {
    name: 'outlive',
    title,
    columns: [
      { title: 'what happens', align: 'left' },
      { title: 'runs' },
      { title: 'full mesh' },
      { title: 'worst' },
      { title: 'connections kept' },
      { title: 'dead peers forgotten' },
      { title: 'signals refused' },
    ],
    rows: [
      row(`${CLIENTS - 2} join two by hand`, grown, limit),
      row(`${LOST} are killed, ${LOST} join one each`, healed, limit, GOAL),
      ...rowsOfOthers(systems, 'outlive', 7),
    ],
    notes: [
      `${CLIENTS} clients of ${labelled(swarmlink)}. The tracker is killed when the first two are connected, and never comes back.`,
      'Each newcomer gets one invitation from one member, and returns one answer. From the first invitation to the last connection.',
      ...[...refusals].map(reason => `Refused: ${reason}.`),
    ],
    data: { grown, healed },
  }
}

/** @param {number} limit */
function outliveOnce(limit) {
  return withLab(async lab => {
    const tracker = await lab.tracker()
    const options = { trackerUrl: tracker.url, topic: freshTopic(), seeder: false }
    // Starting a process takes longer than everything that is measured here.
    const all = await Promise.all(Array.from({ length: CLIENTS + LOST }, () => lab.process('clients/by-hand.js', options)))
    /** @type {Crowd} */
    const ids = new Map()
    for (const client of all) ids.set(client, String((await ask(client, { name: 'who' })).done))
    /** @param {ClientProcess[]} clients @returns {Crowd} */
    const crowd = clients => new Map([...ids].filter(([client]) => clients.includes(client)))

    const [pair, joining, late] = [all.slice(0, 2), all.slice(2, CLIENTS), all.slice(CLIENTS)]
    for (const client of pair) client.start()
    await Promise.all(pair.map(client => client.linked(MEET_LIMIT)))
    await tracker.kill()
    const grown = await joinAll(joining, pair, crowd(all.slice(0, CLIENTS)), limit)

    // Includes the two through which all others joined.
    await Promise.all(all.slice(0, LOST).map(client => client.kill()))
    const survivors = all.slice(LOST, CLIENTS)
    const healed = await joinAll(late, survivors, crowd([...survivors, ...late]), limit)
    return { grown, healed }
  })
}

/** Joins all newcomers at once. Returns the state of the swarm. @param {ClientProcess[]} newcomers @param {ClientProcess[]} members @param {Crowd} crowd @param {number} limit @returns {Promise<Phase>} */
async function joinAll(newcomers, members, crowd, limit) {
  const clients = [...crowd.keys()]
  /** @type {string[]} */
  const refusals = []
  /** @param {ClientProcess} client */
  const knowsAll = client => [...crowd].every(([other, id]) => other === client || client.links.has(id))
  const startedAt = now()
  for (const client of newcomers) client.start()
  const joins = newcomers.map((newcomer, index) => join(newcomer, members[index % members.length] ?? newcomer, refusals))

  const [full, forgotten] = await Promise.all([
    moment(clients, () => clients.every(knowsAll), limit),
    moment(clients, () => clients.every(client => knowsAll(client) && client.links.size === clients.length - 1), limit),
    ...joins,
  ])
  const links = sum(clients.map(client => [...crowd.values()].filter(id => client.links.has(id)).length)) / 2
  return { full: full - startedAt, forgotten: forgotten - startedAt, links, refusals }
}

/** The harness carries the signals, like a chat, a mail or a QR code. @param {ClientProcess} newcomer @param {ClientProcess} member @param {string[]} refusals */
async function join(newcomer, member, refusals) {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const invitation = await ask(member, { name: 'invite' })
    const answer = await carry(invitation, newcomer)
    const { refused } = await carry(answer, member)
    // Another member may have been faster. Then the newcomer has joined.
    if (refused === undefined || newcomer.links.size > 0) return
    refusals.push(refused)
    await sleep(AGAIN)
  }
}

/** Carries a signal to its receiver. Does not carry a refusal. @param {Told} told @param {ClientProcess} to @returns {Promise<Told>} */
async function carry(told, to) {
  return told.done === undefined ? told : await ask(to, { name: 'connect', signal: told.done })
}

/** @param {ClientProcess} client @param {HandTask} task @returns {Promise<Told>} */
async function ask(client, task) {
  try {
    return /** @type {Told} */ (await client.ask(task, CARRY_LIMIT))
  } catch (error) {
    acceptDefeat(error)
    return { refused: String(error) }
  }
}

/** The time at which the condition held, or Infinity. @param {ClientProcess[]} clients @param {() => boolean} isSo @param {number} limit */
async function moment(clients, isSo, limit) {
  try {
    return await untilAny(clients, () => (isSo() ? now() : undefined), limit, 'the mesh')
  } catch (error) {
    acceptDefeat(error)
    return Infinity
  }
}

/** @param {string} name @param {Phase[]} phases @param {number} limit @param {number} [goal] */
function row(name, phases, limit, goal) {
  const full = phases.map(phase => phase.full)
  const middle = median(full)
  /** @param {number} time */
  const text = time => (time === Infinity ? `not in ${limit / 1000} s` : ms(time))
  return [
    name,
    String(phases.length),
    goal === undefined ? text(middle) : beside(text(middle), middle, '≤', goal, `${goal / 1000} s`),
    text(worst(full)),
    `${number(median(phases.map(phase => phase.links)))} of ${(CLIENTS * (CLIENTS - 1)) / 2}`,
    text(median(phases.map(phase => phase.forgotten))),
    number(sum(phases.map(phase => phase.refusals.length))),
  ]
}
