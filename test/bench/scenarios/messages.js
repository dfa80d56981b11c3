// @ts-check
/** What messages cost on top of a bare data channel: throughput, memory, rate, round trip, and delays of small messages by large ones. */
import { withLab } from '../harness.js'
import { measureOnce, meet } from '../message-pairs.js'
import { progress } from '../processes.js'
import { figureOf } from './messages-figures.js'
import { largeTable, mediumTable, memoryOf, memoryTable, mixedTable, requestTable, smallTable } from './messages-tables.js'
import { able, rowsOfOthers } from '../systems.js'

/** @typedef {import('../types.js').EngineName} EngineName */
/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').Work} Work */

/** @typedef {import('./messages-figures.js').Contender} Contender */
/** @typedef {import('./messages-figures.js').Line} Line */
/** @typedef {import('./messages-figures.js').Measured} Measured */
/** @typedef {import('../message-pairs.js').Pair} Pair */

const KIB = 2 ** 10
const MIB = 2 ** 20

/** The bare channel is fastest with this. */
const PIECE = 64 * KIB
/** The rivals are far slower: fewer of their messages are enough. */
const SLOW_SHARE = 5
/** `@roamhq/wrtc` is far slower too. */
const SLOW_ENGINE_SHARE = 10
const REQUESTS = 2_000
const GAP = 2
/** Messages of 1 MiB each. */
const MEDIUM = 32

export const title = 'Messages'

/** @param {Options} options @returns {Promise<Result[]>} */
export async function run(options) {
  /** @type {Record<'large' | 'medium' | 'small' | 'request' | 'mixed', Measured[]>} */
  const found = { large: [], medium: [], small: [], request: [], mixed: [] }
  /** @type {Measured[]} */
  const held = []
  for (const engine of options.engines) {
    const turns = engine === 'roamhq' ? options.slowRuns : options.turns
    held.push(...(await inFreshProcesses(engine, heldLines(options), turns)))
    await withLab(async lab => {
      const pairs = await meet(lab, contendersOn(engine, options), engine)
      for (const [name, lines] of Object.entries(linesOn(engine, options)))
        found[/** @type {keyof typeof found} */ (name)].push(...(await inTurns(pairs, name, engine, lines, turns)))
    })
  }
  const tables = [
    largeTable(found.large, options.messageSize),
    memoryTable(held, options.messageSize),
    smallTable(found.small),
    requestTable(found.request),
    mixedTable(found.mixed, options.messageSize),
    mediumTable(found.medium),
  ]
  for (const { name, columns, rows } of tables)
    if (name === 'messages-small' || name === 'messages-medium')
      rows.push(...rowsOfOthers(options.systems, 'messages', columns.length))
  return tables
}

/** The rivals bring their own engine, which is measured once. @param {EngineName} engine @param {Options} options @returns {Contender[]} */
function contendersOn(engine, { systems }) {
  const measured = able(systems, 'messages').filter(({ name }) => name === 'swarmlink' || engine === 'node-datachannel')
  // The bare channel is always there, because the others are compared with it.
  return [...new Set(/** @type {Contender[]} */ (['bare', ...measured.map(({ name }) => name)]))]
}

/** @param {EngineName} engine @param {Options} options @returns {Record<string, Line[]>} */
function linesOn(engine, { messageSize: size, messages }) {
  const slow = engine === 'roamhq'
  const count = slow ? Math.ceil(messages / SLOW_ENGINE_SHARE) : messages
  const few = Math.ceil(messages / SLOW_SHARE)
  /** @param {string} label @param {Contender} contender @param {Work} work @returns {Line} */
  const line = (label, contender, work) => ({ label, contender, work })
  /** @param {number} piece @returns {Work} */
  const whole = piece => ({ kind: 'large', size, count: 1, piece })
  /** @type {Work} */
  const mixed = { kind: 'mixed', size, piece: PIECE, gap: GAP }
  /** @type {Work} */
  const medium = { kind: 'large', size: MIB, count: MEDIUM, piece: PIECE }
  /** @type {Work} */
  const request = { kind: 'request', count: REQUESTS }

  // Neighbours are compared: bare first, then swarmlink, then the rivals.
  return {
    large: [
      line('bare, 16 KiB at a time', 'bare', whole(16 * KIB)),
      line('bare, 256 KiB at a time', 'bare', whole(256 * KIB)),
      line('bare, 64 KiB at a time', 'bare', whole(PIECE)),
      line('swarmlink, `send`', 'swarmlink', whole(PIECE)),
      line('swarmlink, `stream`', 'swarmlink', { kind: 'stream', size }),
    ],
    small: [
      line('bare, JSON by hand', 'bare', { kind: 'small', count }),
      line('swarmlink', 'swarmlink', { kind: 'small', count }),
      line('simple-peer', 'simple-peer', { kind: 'small', count: few }),
      line('p2pt', 'p2pt', { kind: 'small', count: few }),
      line('trystero', 'trystero', { kind: 'small', count: few }),
    ],
    request: [line('bare, an echo', 'bare', request), line('swarmlink', 'swarmlink', request)],
    mixed: [line('bare, 1 MiB queued', 'bare', mixed), line('swarmlink', 'swarmlink', mixed)],
    medium: [
      line('bare, 64 KiB at a time', 'bare', medium),
      line('swarmlink', 'swarmlink', medium),
      line('simple-peer', 'simple-peer', medium),
      line('p2pt', 'p2pt', medium),
      line('trystero', 'trystero', medium),
    ],
  }
}

/** @param {Options} options @returns {Line[]} */
function heldLines({ messageSize: size, systems }) {
  /** @type {Work} */
  const whole = { kind: 'large', size, count: 1, piece: PIECE }
  /** @type {Line[]} */
  const lines = [
    { label: 'bare, every piece kept', contender: 'bare', work: whole },
    { label: 'swarmlink, `send`', contender: 'swarmlink', work: whole },
    { label: 'swarmlink, `stream`', contender: 'swarmlink', work: { kind: 'stream', size } },
  ]
  return systems.some(({ name }) => name === 'swarmlink') ? lines : lines.slice(0, 1)
}

/**
 * Measures each line once, then each again, so that other load on the machine affects all of them.
 * @param {Map<Contender, Pair>} pairs
 * @param {string} name
 * @param {EngineName} engine
 * @param {Line[]} lines
 * @param {number} turns
 */
async function inTurns(pairs, name, engine, lines, turns) {
  /** @type {Measured[]} */
  const measured = lines.filter(({ contender }) => pairs.has(contender)).map(line => ({ ...line, engine, turns: [] }))
  for (let turn = 1; turn <= turns; turn++) {
    for (const line of measured) {
      const pair = pairs.get(line.contender)
      const result = pair && (await measureOnce(pair, line.work))
      if (result === undefined) pairs.delete(line.contender)
      line.turns.push(result)
      const text = result === undefined ? 'did not get there' : figureOf(line.work, result)
      progress(`messages: ${name}, ${line.label}, ${engine}, ${turn}/${turns}: ${text}`)
    }
  }
  return measured
}

/**
 * A process does not return all freed memory, so a second message would seem to need none.
 * @param {EngineName} engine
 * @param {Line[]} lines
 * @param {number} turns
 */
async function inFreshProcesses(engine, lines, turns) {
  /** @type {Measured[]} */
  const measured = lines.map(line => ({ ...line, engine, turns: [] }))
  for (let turn = 1; turn <= turns; turn++) {
    for (const line of measured) {
      const result = await withLab(async lab => {
        const pair = (await meet(lab, [line.contender], engine)).get(line.contender)
        return pair && (await measureOnce(pair, line.work))
      })
      line.turns.push(result)
      progress(`messages: memory, ${line.label}, ${engine}, ${turn}/${turns}: ${result ? memoryOf(result) : 'did not get there'}`)
    }
  }
  return measured
}
