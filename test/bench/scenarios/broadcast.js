// @ts-check
/** A mesh of real processes: how soon it is joined, how soon a broadcast reaches all, what half of it does after the other half was killed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../child.js'
import { withLab } from '../harness.js'
import { GAP, looksOf, MAX_PEERS, MEMBERS, startMembers, moment, pieceOf, polled, post } from '../mesh-lab.js'
import { progress } from '../processes.js'
import { beside, median, ms, number, worst } from '../stats.js'
import { rowsOfOthers } from '../systems.js'

/** @typedef {import('../processes.js').ClientProcess} ClientProcess */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {{ joined: number, whole: number, spread: number[], hops: number[], piece: number, inPiece: number, afterKill: number, edges: number }} Run */

const POSTS = 10

export const title = 'A mesh of 50 processes'

/** @param {Options} options @returns {Promise<Result | Result[]>} */
export async function run({ systems, slowRuns, limit }) {
  if (!systems.some(({ name }) => name === 'swarmlink')) return []
  /** @type {Run[]} */
  const runs = []
  for (let turn = 1; turn <= slowRuns; turn++) {
    runs.push(await once(limit))
    const { joined, whole, spread, piece, inPiece, afterKill, edges } = /** @type {Run} */ (runs.at(-1)) // just added
    progress(
      `broadcast ${turn}/${slowRuns}: joined ${ms(joined)}, counted ${ms(whole)}, spread ${ms(median(spread))}, after the kill ${ms(inPiece)} and ${ms(afterKill)} (piece of ${piece}), edges ${ms(edges)}`,
    )
  }
  const spread = runs.flatMap(one => one.spread)
  /** @param {string} what @param {number[]} times @param {number} goal @param {string} text */
  const row = (what, times, goal, text) => [what, beside(ms(median(times)), median(times), '≤', goal, text), ms(worst(times))]
  return {
    name: 'broadcast',
    title,
    columns: [{ title: 'what', align: 'left' }, { title: 'median' }, { title: 'worst' }],
    rows: [
      row(
        'all have a neighbour',
        runs.map(one => one.joined),
        5_000,
        '5 s',
      ),
      row(
        'all are counted: one mesh',
        runs.map(one => one.whole),
        20_000,
        '20 s',
      ),
      row('a broadcast reaches the last', spread, 100, '100 ms'),
      row(
        'half killed at once: a broadcast reaches all in the piece of its sender',
        runs.map(one => one.inPiece),
        2_000,
        '2 s',
      ),
      row(
        'and the last survivor',
        runs.map(one => one.afterKill),
        10_000,
        '10 s',
      ),
      row(
        'half killed at once: all edges are back',
        runs.map(one => one.edges),
        20_000,
        '20 s',
      ),
      ...rowsOfOthers(systems, 'broadcast', 3),
    ],
    notes: [
      `${MEMBERS} members in processes of their own, at most ${MAX_PEERS} neighbours each, one tracker; ${runs.length} runs, ${POSTS} broadcasts each.`,
      `Survivors in that piece: ${runs.map(one => one.piece).join(', ')} of ${MEMBERS / 2}.`,
      `Hops to the last member: ${number(median(runs.flatMap(one => one.hops)))} (worst ${number(worst(runs.flatMap(one => one.hops)))}).`,
    ],
    data: { runs },
  }
}

/** @param {number} limit @returns {Promise<Run>} */
function once(limit) {
  return withLab(async lab => {
    const members = await startMembers(lab)
    const startedAt = now()
    for (const member of members) member.start()
    const joined = await moment(members, () => members.every(({ links }) => links.size > 0), limit)
    const whole = await polled(members, ({ size }) => size === MEMBERS, limit)
    await sleep(5_000)

    /** @type {number[]} */
    const spread = []
    /** @type {number[]} */
    const hops = []
    for (let i = 0; i < POSTS; i++) {
      const sender = /** @type {ClientProcess} */ (members[(i * 7) % MEMBERS]) // there are so many
      const arrived = await post(sender, members, `post ${i}`, limit)
      spread.push(arrived.last)
      hops.push(arrived.hops)
      await sleep(GAP)
    }

    const survivors = members.slice(MEMBERS / 2)
    const [speaker] = survivors
    if (speaker === undefined) throw new Error('there is no survivor')
    const looks = await looksOf(survivors)
    const alive = new Set(looks.map(({ id }) => id))
    const piece = pieceOf(looks)
    await Promise.all(members.slice(0, MEMBERS / 2).map(member => member.kill()))
    const killedAt = now()
    const afterKill = await post(speaker, survivors, 'after the kill', limit)
    const edges = await polled(survivors, ({ peers }) => peers.filter(peer => alive.has(peer)).length >= MAX_PEERS - 1, limit)
    const inPiece = Math.max(0, ...afterKill.times.filter((_time, i) => piece.has(looks[i + 1]?.id ?? '')))
    return {
      joined: joined - startedAt,
      whole: whole - startedAt,
      spread,
      hops,
      piece: piece.size,
      inPiece,
      afterKill: afterKill.last,
      edges: edges - killedAt,
    }
  })
}
