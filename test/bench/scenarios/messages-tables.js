// @ts-check
/** Formats the message measurements as tables, each figure beside its goal. Measures nothing. */
import { beside, median, number, percentile, worst } from '../stats.js'
import { fine, nameOf, neighbourOf, outcomes, shareOf, values } from './messages-figures.js'

/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').Work} Work */
/** @typedef {import('./messages-figures.js').Contender} Contender */
/** @typedef {import('./messages-figures.js').Measured} Measured */
/** @typedef {import('./messages-figures.js').Turn} Turn */

const MIB = 2 ** 20

const GOAL_THROUGHPUT = 0.9
const GOAL_MEMORY = 16
const GOAL_RATE = 0.5
const GOAL_OTHERS = 3
const GOAL_ROUND_TRIP = 3
const GOAL_LATE = 50

/** @param {Measured[]} lines @param {number} size @returns {Result} */
export function largeTable(lines, size) {
  const rows = lines.map(line => {
    const rates = values(line)
    const share = shareOf(line, neighbourOf(lines, line, 'bare'))
    const judged = line.contender === 'swarmlink' && line.work.kind === 'large'
    /** @param {'sender' | 'receiver'} side */
    const cpu = side => number(median(outcomes(line, side, outcome => outcome.cpu)) / (size / MIB), 2)
    return [
      line.label,
      line.engine,
      String(rates.length),
      number(median(rates), 1),
      number(percentile(rates, 0), 1),
      number(worst(rates), 1),
      judged ? beside(number(share, 2), share, '≥', GOAL_THROUGHPUT, `${GOAL_THROUGHPUT}`) : number(share, 2),
      cpu('sender'),
      cpu('receiver'),
    ]
  })
  return {
    name: 'messages-large',
    title: `One message of ${size / MIB} MiB`,
    columns: [
      { title: 'way', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: 'turns' },
      { title: 'median MiB/s' },
      { title: 'least' },
      { title: 'most' },
      { title: 'of bare, 64 KiB' },
      { title: 'sender, CPU ms/MiB' },
      { title: 'receiver, CPU ms/MiB' },
    ],
    rows,
    notes: [
      'From the call that sends to the whole message at the other end, each end in a process of its own. The share is the median of the turns, each against its neighbour.',
    ],
    data: lines,
  }
}

/** @param {Measured[]} lines @param {number} size @returns {Result} */
export function memoryTable(lines, size) {
  const rows = lines.map(line => {
    const swarmlink = line.contender === 'swarmlink'
    /** @param {'sender' | 'receiver'} side */
    const cells = side => {
      const above = line.turns.flatMap(turn => (turn === undefined ? [] : [aboveMessage(line.work, turn, side)]))
      const [middle, most] = [median(above), worst(above)]
      return [number(middle, 1), swarmlink ? beside(number(most, 1), most, '≤', GOAL_MEMORY, `${GOAL_MEMORY}`) : number(most, 1)]
    }
    return [line.label, line.engine, String(values(line).length), ...cells('sender'), ...cells('receiver')]
  })
  return {
    name: 'messages-memory',
    title: `Memory that ${size / MIB} MiB take, above what is sent`,
    columns: [
      { title: 'way', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: 'turns' },
      { title: 'sender, median MiB' },
      { title: 'worst' },
      { title: 'receiver, median MiB' },
      { title: 'worst' },
    ],
    rows,
    notes: [
      'The peak of the resident set above what it was before, without the message itself (the sender has it before, the receiver after), in fresh processes. Neither side holds any of a stream.',
    ],
    data: lines,
  }
}

/** @param {Turn} turn */
export function memoryOf({ sender, receiver }) {
  return `sender ${number(sender.memory / MIB, 1)} MiB, receiver ${number(receiver.memory / MIB, 1)} MiB, the message included`
}

/** @param {Work} work @param {Turn} turn @param {'sender' | 'receiver'} side */
function aboveMessage(work, turn, side) {
  const own = side === 'receiver' && work.kind === 'large' ? work.size : 0
  return (turn[side].memory - own) / MIB
}

/** @param {Measured[]} lines @returns {Result} */
export function smallTable(lines) {
  const rows = lines.map(line => {
    const rates = values(line)
    const count = line.work.kind === 'small' ? line.work.count : NaN
    /** @param {'sender' | 'receiver'} side */
    const cpu = side => number((median(outcomes(line, side, outcome => outcome.cpu)) / count) * 1000, 1)
    return [
      nameOf(line),
      line.engine,
      String(rates.length),
      number(median(rates)),
      number(percentile(rates, 0)),
      number(worst(rates)),
      comparison(lines, line, GOAL_RATE),
      cpu('sender'),
      cpu('receiver'),
    ]
  })
  return {
    name: 'messages-small',
    title: 'Small JSON messages, about 100 bytes',
    columns: [
      { title: 'system', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: 'turns' },
      { title: 'median per second' },
      { title: 'least' },
      { title: 'most' },
      { title: 'compared', align: 'left' },
      { title: 'sender, CPU µs each' },
      { title: 'receiver, CPU µs each' },
    ],
    rows,
    notes: ['From the first call to the last message parsed at the other end. Each sender waits when its system says so.'],
    data: lines,
  }
}

/** Compares swarmlink with the bare channel, and each other system with swarmlink. @param {Measured[]} lines @param {Measured} line @param {number} [goal] */
function comparison(lines, line, goal) {
  if (line.contender === 'bare') return ''
  if (line.contender === 'swarmlink') {
    const share = shareOf(line, neighbourOf(lines, line, 'bare'))
    const text = `${number(share, 2)} of bare`
    return goal === undefined ? text : beside(text, share, '≥', goal, `${goal}`)
  }
  const swarmlink = neighbourOf(lines, line, 'swarmlink')
  const times = swarmlink === undefined ? NaN : shareOf(swarmlink, line)
  const text = `swarmlink: ${number(times, 1)} ×`
  return goal === undefined ? text : beside(text, times, '≥', GOAL_OTHERS, `${GOAL_OTHERS} ×`)
}

/** @param {Measured[]} lines @returns {Result} */
export function requestTable(lines) {
  const rows = lines.map(line => {
    const times = line.turns.flatMap(turn => turn?.sender.times ?? [])
    const share = shareOf(line, neighbourOf(lines, line, 'bare'))
    const text = `${number(share, 2)} ×`
    return [
      line.label,
      line.engine,
      String(times.length),
      fine(median(times)),
      fine(percentile(times, 0.95)),
      fine(percentile(times, 0.99)),
      line.contender === 'swarmlink' ? beside(text, share, '≤', GOAL_ROUND_TRIP, `${GOAL_ROUND_TRIP} ×`) : '',
    ]
  })
  return {
    name: 'messages-request',
    title: 'Request and answer, one after the other',
    columns: [
      { title: 'way', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: 'requests' },
      { title: 'median' },
      { title: 'p95' },
      { title: 'p99' },
      { title: 'of bare' },
    ],
    rows,
    notes: ['100 bytes each way. The bare channel sends back the text that it got and parses nothing.'],
    data: lines,
  }
}

/** @param {Measured[]} lines @param {number} size @returns {Result} */
export function mixedTable(lines, size) {
  const rows = lines.map(line => {
    const times = line.turns.flatMap(turn => turn?.receiver.times ?? [])
    const late = percentile(times, 0.99)
    const rates = line.turns.flatMap(turn => (turn === undefined ? [] : [size / MIB / (turn.ms / 1000)]))
    return [
      line.label,
      line.engine,
      String(times.length),
      fine(median(times)),
      line.contender === 'swarmlink' ? beside(fine(late), late, '≤', GOAL_LATE, `${GOAL_LATE} ms`) : fine(late),
      fine(worst(times)),
      number(median(rates), 1),
    ]
  })
  return {
    name: 'messages-mixed',
    title: `Small messages while one of ${size / MIB} MiB is in transit`,
    columns: [
      { title: 'way', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: 'messages' },
      { title: 'median' },
      { title: 'p99' },
      { title: 'worst' },
      { title: 'median MiB/s of the large one' },
    ],
    rows,
    notes: [
      'One way, from the call to the listener, all turns together, one message every few milliseconds. On the bare channel each waits for the bytes queued before it, at most 1 MiB.',
    ],
    data: lines,
  }
}

/** @param {Measured[]} lines @returns {Result} */
export function mediumTable(lines) {
  const rows = lines.map(line => {
    const rates = values(line)
    return [
      nameOf(line),
      line.engine,
      String(rates.length),
      number(median(rates), 1),
      number(percentile(rates, 0), 1),
      number(worst(rates), 1),
      comparison(lines, line),
    ]
  })
  return {
    name: 'messages-medium',
    title: 'Messages of 1 MiB, one after the other',
    columns: [
      { title: 'system', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: 'turns' },
      { title: 'median MiB/s' },
      { title: 'least' },
      { title: 'most' },
      { title: 'compared', align: 'left' },
    ],
    rows,
    notes: ['P2PT carries text, and gets a text of a million characters; the others get bytes.'],
    data: lines,
  }
}
