// @ts-check
/** Twenty wires and a small message on one connection: how long the message waits, what it costs the wires, and whether they get the same. */
import { setTimeout as sleep } from 'node:timers/promises'
import { withLab } from '../harness.js'
import { freshTopic } from '../payload.js'
import { acceptDefeat, progress } from '../processes.js'
import { median, ms, number, percentile, sum } from '../stats.js'
import { rowsOfOthers } from '../systems.js'

/** @typedef {import('../types.js').FairnessCount} FairnessCount */
/** @typedef {import('../types.js').FairnessTask} FairnessTask */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {FairnessCount & { cpu: number }} Found with the sender's CPU in microseconds */
/** @typedef {{ label: string, busy: number, gap: number, inTurns: boolean, found: Found[] }} Line */

const MEGA = 1_000_000
const BUSY = 20
/** Milliseconds between two small messages. */
const GAP = 20
const WARM_UP = 1_000
const WINDOW = 4_000
const LIMIT = 30_000

export const title = 'Many channels on one connection'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ turns, systems }) {
  /** @type {Line[]} */
  const lines = [
    { label: 'first come, first served', busy: BUSY, gap: GAP, inTurns: false, found: [] },
    { label: 'in turns', busy: BUSY, gap: GAP, inTurns: true, found: [] },
    { label: 'one channel alone, without turns', busy: 1, gap: 0, inTurns: false, found: [] },
    { label: 'one channel alone, with turns', busy: 1, gap: 0, inTurns: true, found: [] },
    { label: 'one beside small messages, without turns', busy: 1, gap: GAP, inTurns: false, found: [] },
    { label: 'one beside small messages, with turns', busy: 1, gap: GAP, inTurns: true, found: [] },
  ]
  for (let turn = 1; turn <= turns; turn++) {
    for (const line of lines) {
      const found = await measureOnce(line)
      if (found !== undefined) line.found.push(found)
      progress(`fairness: ${line.label}, ${turn}/${turns}: ${found ? `${number(rate(found), 1)} MB/s` : 'did not get there'}`)
    }
  }
  return {
    name: 'fairness',
    title: `${title}, node-datachannel`,
    columns: [
      { title: 'channels', align: 'left' },
      { title: 'busy ones' },
      { title: 'MB/s together' },
      { title: 'CPU per MB, sender' },
      { title: 'Jain index' },
      { title: 'small message, median' },
      { title: '99 %' },
      { title: 'worst' },
    ],
    rows: [
      ...lines.map(({ label, busy, found }) => {
        const times = found.flatMap(each => each.times)
        return [
          label,
          String(busy),
          number(median(found.map(rate)), 1),
          ms(median(found.map(({ cpu, bytes }) => cpu / 1000 / (sum(bytes) / MEGA)))),
          number(median(found.map(each => jain(each.bytes, busy))), 3),
          ms(median(times)),
          ms(percentile(times, 0.99)),
          ms(percentile(times, 1)),
        ]
      }),
      ...rowsOfOthers(systems, 'fairness', 8),
    ],
    notes: [
      `Medians of ${turns} fresh connections of ${WINDOW / 1000} s each between two processes; pieces of 64 KiB, 1 MiB queued by each busy channel; the small message has 100 bytes and is sent every ${GAP} ms.`,
      'Jain index: 1 when all get the same, 0.05 when one of twenty gets everything.',
    ],
    data: lines,
  }
}

/** @param {FairnessCount} count */
function rate(count) {
  return sum(count.bytes) / MEGA / (count.ms / 1000)
}

/** @param {number[]} shares of those that got anything @param {number} count */
function jain(shares, count) {
  return sum(shares) ** 2 / (count * sum(shares.map(share => share ** 2)))
}

/** @param {Line} line @returns {Promise<Found | undefined>} */
function measureOnce({ busy, gap, inTurns }) {
  return withLab(async lab => {
    const options = { trackerUrl: '', topic: freshTopic(), seeder: false }
    const [sender, receiver] = await Promise.all([
      lab.process('clients/fairness.js', options),
      lab.process('clients/fairness.js', options),
    ])
    try {
      const offer = await order(sender, { name: 'offer', busy, inTurns })
      const answer = await order(receiver, { name: 'answer', sdp: String(offer) })
      await order(sender, { name: 'accept', sdp: String(answer) })
      await Promise.all([sender.linked(LIMIT), receiver.linked(LIMIT)])
      await order(sender, { name: 'send', gap })
      await sleep(WARM_UP)
      await order(receiver, { name: 'count' })
      const before = await sender.sample()
      await sleep(WINDOW)
      const count = /** @type {FairnessCount} */ (await order(receiver, { name: 'count' }))
      return { ...count, cpu: (await sender.sample()).cpu - before.cpu }
    } catch (error) {
      acceptDefeat(error)
      return undefined
    }
  })
}

/** @param {import('../processes.js').ClientProcess} client @param {FairnessTask} task */
function order(client, task) {
  return client.ask(task, LIMIT)
}
