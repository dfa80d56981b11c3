// @ts-check
/** A burst of broadcasts from one of 20 real members: all arrive, in order, in bounded memory. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { progress } from '../processes.js'
import { beside, number, worst } from '../stats.js'
import { rowsOfOthers } from '../systems.js'

/** @typedef {import('../processes.js').ClientProcess} ClientProcess */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {{ next: number, wrong: number, memory: number, lastAt: number }} Heard */

const MEMBERS = 20
const ASK_LIMIT = 20_000
const BURST_LIMIT = 900_000
/** Bytes above what a member has before the burst. */
const GOAL = 64 * 2 ** 20

export const title = 'A burst of broadcasts'

/** @param {Options} options @returns {Promise<Result | Result[]>} */
export async function run({ systems, messages, limit }) {
  if (!systems.some(({ name }) => name === 'swarmlink')) return []
  const count = messages / 2
  return await withLab(async lab => {
    const { url: trackerUrl } = await lab.tracker()
    /** @type {ClientProcess[]} */
    const members = []
    for (let i = 0; i < MEMBERS; i++) members.push(await lab.process('clients/mesh-member.js', { trackerUrl }))
    for (const member of members) member.start()
    for (const deadline = Date.now() + limit; Date.now() < deadline; await sleep(500)) {
      const looks = await Promise.all(members.map(member => member.ask({ name: 'look' }, ASK_LIMIT)))
      if (looks.every(look => /** @type {{ size: number }} */ (look).size === MEMBERS)) break
    }
    const before = await memoryOf(members)
    const [sender, ...others] = members
    if (sender === undefined) throw new Error('there is no member')
    const sent = /** @type {{ at: number, took: number, memory: number }} */ (
      await sender.ask({ name: 'burst', count }, BURST_LIMIT)
    )
    progress(`burst: ${count} sent in ${number(sent.took / 1_000)} s`)
    /** @type {Heard[]} */
    let heard = []
    for (const deadline = Date.now() + limit; Date.now() < deadline; await sleep(500)) {
      heard = /** @type {Heard[]} */ (await Promise.all(others.map(member => member.ask({ name: 'heard' }, ASK_LIMIT))))
      if (heard.every(({ next }) => next === count)) break
    }
    const last = Math.max(...heard.map(({ lastAt }) => lastAt)) - sent.at
    const rise = worst([sent.memory - (before[0] ?? 0), ...heard.map(({ memory }, i) => memory - (before[i + 1] ?? 0))])
    const complete = heard.filter(({ next, wrong }) => next === count && wrong === 0).length
    return {
      name: 'burst',
      title,
      columns: [{ title: 'what', align: 'left' }, { title: 'figure' }],
      rows: [
        ['members that got all in order', `${complete} of ${others.length}`],
        ['time until the last has all', `${number(last / 1_000)} s, ${number(count / (last / 1_000))} messages a second`],
        ['memory above the start, worst member', beside(`${number(rise / 2 ** 20)} MiB`, rise, '≤', GOAL, '64 MiB')],
        ...rowsOfOthers(systems, 'burst', 2),
      ],
      notes: [
        `${count} signed broadcasts of one of ${MEMBERS} members, which awaits each. All processes share the cores of one machine.`,
      ],
      data: { count, sent, heard, before },
    }
  })
}

/** @param {ClientProcess[]} members */
async function memoryOf(members) {
  const samples = await Promise.all(members.map(member => member.takeSample()))
  return samples.map(sample => /** @type {{ memory: number }} */ (sample).memory)
}
