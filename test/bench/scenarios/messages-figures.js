// @ts-check
/** The figures of message measurements: values of turns, shares of a neighbour. Measures nothing. */
import { median, ms, number, percentile } from '../stats.js'
import { isThere, labelled, systems } from '../systems.js'

/** @typedef {import('../types.js').EngineName} EngineName */
/** @typedef {import('../types.js').Outcome} Outcome */
/** @typedef {import('../types.js').Work} Work */

/** @typedef {'bare' | 'swarmlink' | 'simple-peer' | 'p2pt' | 'trystero'} Contender */
/** @typedef {{ ms: number, sender: Outcome, receiver: Outcome }} Turn */
/** One line of a table, before it is measured. @typedef {{ label: string, contender: Contender, work: Work }} Line */
/** Its results, one per turn, undefined where it failed. @typedef {Line & { engine: EngineName, turns: (Turn | undefined)[] }} Measured */

const MIB = 2 ** 20

/** The value of a turn, in the unit of its table. @param {Work} work @param {Turn} turn */
function valueOf(work, { ms: time, sender, receiver }) {
  switch (work.kind) {
    case 'large':
      return (work.size * work.count) / MIB / (time / 1000)
    case 'stream':
      return work.size / MIB / (time / 1000)
    case 'small':
      return work.count / (time / 1000)
    case 'request':
      return median(sender.times ?? [])
    case 'mixed':
      return percentile(receiver.times ?? [], 0.99)
  }
}

/** @param {Work} work @param {Turn} turn */
export function figureOf(work, turn) {
  const value = valueOf(work, turn)
  if (work.kind === 'request' || work.kind === 'mixed') return fine(value)
  return work.kind === 'small' ? `${number(value)}/s` : `${number(value, 1)} MiB/s`
}

/** @param {Measured} line */
export function values({ work, turns }) {
  return turns.flatMap(turn => (turn === undefined ? [] : [valueOf(work, turn)]))
}

/** Turn by turn, because other load on the machine affects both. @param {Measured} line @param {Measured | undefined} other */
export function shareOf(line, other) {
  const shares = line.turns.flatMap((turn, at) => {
    const neighbour = other?.turns[at]
    return turn === undefined || neighbour === undefined || other === undefined
      ? []
      : [valueOf(line.work, turn) / valueOf(other.work, neighbour)]
  })
  return median(shares)
}

/** @param {Measured[]} lines @param {Measured} line @param {Contender} contender */
export function neighbourOf(lines, line, contender) {
  // The closest one before it.
  return lines.findLast(other => other.contender === contender && other.engine === line.engine)
}

/** @param {Measured} line @param {'sender' | 'receiver'} side @param {(outcome: Outcome) => number} figure */
export function outcomes({ turns }, side, figure) {
  return turns.flatMap(turn => (turn === undefined ? [] : [figure(turn[side])]))
}

/** Milliseconds with fractions. @param {number} value */
export function fine(value) {
  return value < 10 ? `${number(value, 2)} ms` : ms(value)
}

/** @param {Measured} line */
export function nameOf({ label, contender }) {
  const system = systems.find(({ name }) => name === contender)
  return system !== undefined && system.name !== 'swarmlink' && system.name !== 'bare' && isThere(system)
    ? labelled(system)
    : label
}
