/** Compares the mesh core with stored figures: a change that makes one of them more than 5 % worse fails, or has to store new ones. */
import { expect, test } from 'vitest'
import { killed } from '../mesh/scenarios/failures.js'
import type { Figures } from '../mesh/scenarios/settled-world.js'
import { steady } from '../mesh/scenarios/spreading.js'

const SEEDS = [1, 2, 3, 4]
const NODES = 1_000
/** How much worse a figure may be. */
const TOLERANCE = 1.05
/** Of a figure that is next to nothing, such as duplicates. */
const NEGLIGIBLE = 0.01

/** Compares the means over the seeds with the stored ones; the message of a failure has the new ones. */
function expectNoWorse(runs: readonly Figures[], stored: Figures): void {
  const mean = (figure: string) => runs.reduce((sum, run) => sum + (run[figure] ?? Number.NaN), 0) / runs.length
  const worse = Object.entries(stored).filter(([figure, value]) => !(mean(figure) <= Math.max(value * TOLERANCE, NEGLIGIBLE)))
  const now = Object.fromEntries(Object.keys(stored).map(figure => [figure, mean(figure)]))
  expect(worse, `now: ${JSON.stringify(now)}`).toEqual([])
}

test('the mesh core spreads a post as cheaply and as fast as the stored figures say [X7]', () => {
  const stored = {
    hops: 7,
    last: 186,
    p99: 155,
    firstHops: 8.25,
    firstLast: 177,
    duplicates: 0.002,
    bytes1024: 1.127,
    bytes100: 1.975,
  }
  const runs = SEEDS.map(seed => steady({ nodes: NODES, seed }))
  expect(runs.map(({ missed, firstMissed }) => [missed, firstMissed])).toEqual(SEEDS.map(() => [0, 0]))
  expectNoWorse(runs, stored)
})

test('the mesh core reaches the survivors of a kill of half as soon as the stored figures say [X7]', () => {
  const runs = SEEDS.map(seed => killed({ nodes: NODES, seed }, 0.5, false, 5))
  expect(runs.map(({ pieceMissed }) => pieceMissed)).toEqual(SEEDS.map(() => 0))
  expectNoWorse(runs, { pieceLast: 395 })
})

test('the mesh core brings a post to all survivors of a kill of 80 % within 15 s while a tracker lives [C5] [X7] [X11]', () => {
  const runs = SEEDS.map(seed => killed({ nodes: NODES, seed }, 0.8, true, 15))
  expect(runs.map(({ missed, pieces }) => [missed, pieces])).toEqual(SEEDS.map(() => [0, 1]))
})
