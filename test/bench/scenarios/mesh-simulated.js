// @ts-check
/** A mesh of real processes beside what the simulator says of it: time to the last member, duplicates and bytes of a broadcast. */
import { setTimeout as sleep } from 'node:timers/promises'
import { loadBundle } from '../../simulate/load-bundle.js'
import { now } from '../child.js'
import { withLab } from '../harness.js'
import { GAP, looksOf, MAX_PEERS, MEMBERS, startMembers, moment, polled, post } from '../mesh-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, number, worst } from '../stats.js'

/** @typedef {import('../processes.js').ClientProcess} ClientProcess */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../../simulate/mesh/compare.js').PredictedMesh} Figures */
/** @typedef {{ gap: number, latencies: number[] }} Conditions */

const FIRST = 5
const POSTS = 20
const SEEDS = [1, 2, 3, 4, 5]
/** The payload of a post in `mesh-member.js`: JSON with its quotes, and the byte of its form. */
const PAYLOAD = 'post 10'.length + 3
/** By how much the simulation may be off. */
const GOAL = 0.2

export const title = 'A mesh of 50 processes beside the simulator'

/** @param {Options} options @returns {Promise<Result | Result[]>} */
export async function run({ systems, slowRuns, limit }) {
  if (!systems.some(({ name }) => name === 'swarmlink')) return []
  /** @type {typeof import('../../simulate/mesh/compare.js')} */
  const { predict } = await loadBundle('mesh/compare.ts')
  /** @type {Array<{ real: Figures, simulated: Figures[] }>} */
  const runs = []
  for (let turn = 1; turn <= slowRuns; turn++) {
    const { gap, latencies, ...real } = await measured(limit)
    const mesh = { nodes: MEMBERS, maxPeers: MAX_PEERS, latencies, first: FIRST, posts: POSTS, gap, bytes: PAYLOAD }
    const simulated = SEEDS.map(seed => predict({ ...mesh, seed }))
    runs.push({ real, simulated })
    progress(
      `mesh-simulated ${turn}/${slowRuns}: ${ms(median(real.times))}, simulated ${simulated.map(({ times }) => ms(median(times))).join(', ')}`,
    )
  }
  /** @param {string} what @param {(figures: Figures) => number} figure @param {(value: number) => string} show */
  const row = (what, figure, show) => {
    const real = median(runs.map(one => figure(one.real)))
    const simulated = median(runs.flatMap(one => one.simulated.map(one2 => figure(one2))))
    const off = Math.abs(real / simulated - 1)
    return [what, show(real), show(simulated), beside((real / simulated).toFixed(2), off, '≤', GOAL, '20 %')]
  }
  return {
    name: 'mesh-simulated',
    title,
    columns: [{ title: 'what', align: 'left' }, { title: 'real' }, { title: 'simulated' }, { title: 'ratio' }],
    rows: [
      row('a broadcast reaches the last', ({ times }) => median(times), ms),
      row(
        'duplicates of a member and broadcast',
        ({ duplicates }) => duplicates,
        value => value.toFixed(3),
      ),
      row('bytes that a member sends for each broadcast', ({ bytes }) => bytes, number),
    ],
    notes: [
      `${MEMBERS} members, at most ${MAX_PEERS} neighbours each, ${POSTS} broadcasts of one of them; ${runs.length} runs, ${SEEDS.length} simulations of each.`,
      `The simulated links have the latencies that the members measured; all that the mesh sends meanwhile counts, also when it is idle.`,
      `Slowest broadcast: ${ms(worst(runs.flatMap(({ real }) => real.times)))}, simulated ${ms(worst(runs.flatMap(({ simulated }) => simulated.flatMap(({ times }) => times))))}.`,
    ],
    data: { runs },
  }
}

/** @param {number} limit @returns {Promise<Figures & Conditions>} */
function measured(limit) {
  return withLab(async lab => {
    const members = await startMembers(lab)
    for (const member of members) member.start()
    await moment(members, () => members.every(({ links }) => links.size > 0), limit)
    await polled(members, ({ size }) => size === MEMBERS, limit)
    await sleep(5_000)
    const sender = /** @type {ClientProcess} */ (members[0]) // there are so many
    /** @type {number[]} */
    const times = []
    let before = await looksOf(members)
    let startedAt = now()
    for (let i = 0; i < FIRST + POSTS; i++) {
      if (i === FIRST) [before, startedAt] = [await looksOf(members), now()]
      const { last } = await post(sender, members, `post ${i + 10}`, limit)
      if (i >= FIRST) times.push(last)
      await sleep(GAP)
    }
    const gap = (now() - startedAt) / POSTS
    const after = await looksOf(members)
    /** @param {(stats: import('swarmlink/mesh').MeshStats) => number} figure */
    const rise = figure => sum(after.map(({ stats }) => figure(stats))) - sum(before.map(({ stats }) => figure(stats)))
    return {
      times,
      duplicates: rise(({ counts }) => counts.duplicates) / (MEMBERS * POSTS),
      bytes: rise(({ sent }) => sent.bytes) / (MEMBERS * POSTS),
      gap,
      latencies: after.flatMap(({ stats }) => stats.neighbours.map(({ roundTripTime }) => roundTripTime / 2)),
    }
  })
}

/** @param {number[]} values */
function sum(values) {
  return values.reduce((all, value) => all + value, 0)
}
