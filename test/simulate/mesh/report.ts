/** Which figures `npm run simulate -- mesh` prints, with the bar of each, and the runs behind them. */
import type { MeshMechanisms } from '../../../src/mesh/core/effects.js'
import { runRival, type RivalName } from './rivals/run-rival.js'
import { hostile, sybils } from './scenarios/attacks.js'
import { cost, idle, memory } from './scenarios/costs.js'
import { churn, frozen, killed, split } from './scenarios/failures.js'
import { cutLinks, joining, mixed, slowReaders } from './scenarios/networks.js'
import type { Figures, ScenarioOptions } from './scenarios/settled-world.js'
import { unconnectable } from './scenarios/unconnectable.js'
import { confirmed, large, manySenders, steady } from './scenarios/spreading.js'

export { pictures } from './pictures.js'
export { RIVALS } from './rivals/run-rival.js'
export { ALL_MECHANISMS } from '../../../src/mesh/core/effects.js'

interface Measure {
  title: string
  figure: string
  /** The worst that is allowed; a figure without a bar is only printed. */
  atMost?: number
  atLeast?: number
  unit?: string
}

interface Group {
  name: string
  /** Nodes, when not as many as the run has. */
  nodes?: number
  /** Seeds, when a run takes too long for all. */
  seeds?: number
  run(options: ScenarioOptions): Figures
  measures: Measure[]
}

const ms = 'ms'

export const GROUPS: readonly Group[] = [
  {
    name: 'steady',
    run: options => steady({ ...options, maxPeers: 8 }),
    measures: [
      { title: 'hops to the last node, maxPeers 8', figure: 'hops', atMost: 10 },
      { title: 'duplicates a node, one sender', figure: 'duplicates', atMost: 0.1 },
      { title: 'time to 100 %, links of 10–50 ms', figure: 'last', atMost: 350, unit: ms },
      { title: 'the first post of a sender: time to 100 %', figure: 'firstLast', unit: ms },
      { title: 'the first post of a sender: hops', figure: 'firstHops' },
      { title: 'bytes against the ideal, 1 KiB', figure: 'bytes1024', atMost: 1.2 },
      { title: 'bytes against the ideal, 100 B', figure: 'bytes100', atMost: 2.5 },
      { title: 'nodes that a post missed', figure: 'missed', atMost: 0 },
    ],
  },
  {
    name: 'steady5',
    run: options => steady({ ...options, maxPeers: 5 }),
    measures: [
      { title: 'hops to the last node, maxPeers 5', figure: 'hops', atMost: 13 },
      { title: 'time to 100 %, links of 10–50 ms, maxPeers 5', figure: 'last', unit: ms },
      { title: 'duplicates a node, maxPeers 5', figure: 'duplicates', atMost: 0.1 },
      { title: 'nodes that a post missed, maxPeers 5', figure: 'missed', atMost: 0 },
    ],
  },
  {
    name: 'world',
    run: options => steady(options, 'world'),
    measures: [
      { title: 'time at p99, world matrix of 75 ms', figure: 'p99', atMost: 1_000, unit: ms },
      { title: 'time to 100 %, world matrix', figure: 'last', unit: ms },
    ],
  },
  {
    name: 'many',
    nodes: 2_000,
    seeds: 4,
    run: options => manySenders(options, 1_000),
    measures: [
      { title: 'duplicates a node, 1 000 senders at once', figure: 'duplicates', atMost: 0.3 },
      { title: 'the first post of each of them', figure: 'firstDuplicates' },
      { title: 'time to 100 %, 1 000 senders', figure: 'last', unit: ms },
      { title: 'posts that nodes missed, 1 000 senders', figure: 'missed', atMost: 0 },
    ],
  },
  {
    name: 'churn',
    run: options => churn(options, 0.1),
    measures: [
      { title: 'churn of 10 % a minute: missed after 10 s', figure: 'missedIn10', atMost: 0 },
      { title: 'churn of 10 % a minute: share reached in 2 s', figure: 'in2', atLeast: 0.999 },
    ],
  },
  {
    name: 'kill50alone',
    run: options => killed(options, 0.5, false, 5),
    measures: [
      { title: '50 % killed, no tracker: last of the residual piece', figure: 'pieceLast', atMost: 2_000, unit: ms },
      { title: '50 % killed, no tracker: missed in the piece', figure: 'pieceMissed', atMost: 0 },
      { title: 'share of the survivors in that piece', figure: 'residual' },
    ],
  },
  ...[
    [50, 10_000],
    [80, 15_000],
    [90, 30_000],
  ].map(([share = 0, atMost = 0]) => ({
    name: `kill${share}`,
    run: (options: ScenarioOptions) => killed(options, share / 100, true, 35),
    measures: [
      { title: `${share} % killed, tracker alive: last of all survivors`, figure: 'last', atMost, unit: ms },
      { title: `${share} % killed: survivors without the post`, figure: 'missed', atMost: 0 },
      { title: `${share} % killed: pieces at the end`, figure: 'pieces' },
    ],
  })),
  {
    name: 'split',
    nodes: 1_000,
    seeds: 4,
    run: options => split(options, 1_000),
    measures: [
      { title: 'split of 10 min: one island after contact', figure: 'merged', atMost: 10, unit: 's' },
      { title: 'split: all posts at all nodes after contact', figure: 'complete', atMost: 10, unit: 's' },
      { title: 'split: posts missing', figure: 'missing', atMost: 0 },
      { title: 'split: posts out of order or twice', figure: 'outOfOrder', atMost: 0 },
      { title: 'split: bytes against the missing ones, 100 B', figure: 'bytes' },
    ],
  },
  {
    name: 'frozen',
    run: frozen,
    measures: [
      { title: '10 % frozen for 60 s: missed by the others', figure: 'missedByOthers', atMost: 0 },
      { title: 'slowest delivery to the others', figure: 'slowestOther', unit: ms },
      { title: 'missed by the frozen ones', figure: 'missedByFrozen', atMost: 0 },
      { title: 'the frozen ones catch up in', figure: 'caughtUp', atMost: 5_000, unit: ms },
    ],
  },
  {
    name: 'sybils',
    run: sybils,
    measures: [
      { title: '20 % sybils that drop: honest nodes missed', figure: 'missed', atMost: 0 },
      { title: '20 % sybils that drop: last honest node', figure: 'last', atMost: 3_000, unit: ms },
      { title: 'honest nodes with sybils as their only neighbours', figure: 'eclipsed' },
      { title: 'posts that they missed for good', figure: 'eclipsedMissed', atMost: 0 },
      { title: 'the last of them has a post after', figure: 'eclipsedLast', unit: ms },
    ],
  },
  {
    name: 'cut',
    run: cutLinks,
    measures: [
      { title: 'links cut for 0.5–30 s: posts missed', figure: 'missed', atMost: 0 },
      { title: 'links cut: slowest delivery', figure: 'last', unit: ms },
    ],
  },
  {
    name: 'slow',
    nodes: 1_000,
    seeds: 4,
    run: slowReaders,
    measures: [
      { title: '10 % slow readers: slowest delivery to the others', figure: 'last', unit: ms },
      { title: '10 % slow readers: missed by the others', figure: 'missed', atMost: 0 },
      { title: '10 % slow readers: missed after two minutes', figure: 'missedBySlow', atMost: 0 },
    ],
  },
  {
    name: 'mixed',
    nodes: 2_000,
    run: mixed,
    measures: [
      { title: 'maxPeers 3/5/8/50, 15 % unconnectable, joined: missed', figure: 'missed', atMost: 0 },
      { title: 'the same: time to 100 %', figure: 'last', unit: ms },
      { title: 'the same: ring neighbours that can connect and did', figure: 'ring' },
      { title: 'the same: nodes above maxPeers + 2', figure: 'aboveLimit' },
    ],
  },
  {
    name: 'unconnectable',
    nodes: 2_000,
    run: options => {
      const { last, missedAfterKill, greedy } = unconnectable(options, 0)
      return { ...unconnectable(options), lastOfAll: last ?? 0, missedOfAll: missedAfterKill ?? 0, greedyOfAll: greedy ?? 0 }
    },
    measures: [
      { title: '15 % of the pairs unconnectable, joined: posts missed', figure: 'missed', atMost: 0 },
      { title: 'the same: time to 100 %', figure: 'last', unit: ms },
      { title: 'the same without such pairs', figure: 'lastOfAll', unit: ms },
      { title: 'the same, 50 % killed, no tracker: missed after 60 s', figure: 'missedAfterKill' },
      { title: 'the same without such pairs', figure: 'missedOfAll' },
      { title: 'ring neighbours that cannot connect', figure: 'ringApart' },
      { title: 'of these have a neighbour in common', figure: 'ringInTwo' },
      { title: 'greedy routes that arrive', figure: 'greedy', atLeast: 0 },
      { title: 'the same without such pairs', figure: 'greedyOfAll', atLeast: 0 },
      { title: 'routes with ways round that arrive', figure: 'routed', atLeast: 0.999 },
      { title: 'edges of a route, p99', figure: 'routeP99' },
    ],
  },
  {
    name: 'hostile',
    nodes: 100,
    seeds: 1,
    run: options => hostile(options),
    measures: [
      { title: 'replays after 10 min that were delivered', figure: 'replayed', atMost: 0 },
      { title: 'a million invented senders: heap a node', figure: 'grownBytes', unit: 'B' },
      { title: 'edges that the attacker keeps', figure: 'edgesLeft' },
      { title: 'honest nodes that the next post missed', figure: 'missedAfter', atMost: 1 },
    ],
  },
  {
    name: 'large',
    nodes: 1_000,
    seeds: 4,
    run: options => {
      const [ours, whole] = [true, false].map(earlyChunks => large({ ...options, mechanisms: { earlyChunks } }))
      return { ...ours, share: (ours?.['last'] ?? 0) / (whole?.['last'] ?? 1) }
    },
    measures: [
      { title: '1 MiB at 10 Mbit/s up: against store-and-forward', figure: 'share', atMost: 0.45 },
      { title: '1 MiB: last node', figure: 'last', unit: ms },
      { title: '1 MiB: copies', figure: 'copies', atMost: 1.1 },
      { title: '1 MiB: nodes missed', figure: 'missed', atMost: 0 },
    ],
  },
  {
    name: 'confirmed',
    seeds: 4,
    run: options => {
      const figures = confirmed(options)
      return { ...figures, uncounted: (figures['of'] ?? 0) - (figures['reached'] ?? 0) }
    },
    measures: [
      { title: 'receipt: members not counted', figure: 'uncounted', atMost: 0 },
      { title: 'receipt: settled after', figure: 'settled', unit: ms },
    ],
  },
  {
    name: 'idle',
    seeds: 4,
    run: idle,
    measures: [
      { title: 'idle cost a node', figure: 'bytesPerSecond', atMost: 60, unit: 'B/s' },
      { title: 'idle messages a node', figure: 'messagesPerSecond', unit: '/s' },
    ],
  },
  {
    name: 'memory',
    seeds: 1,
    run: memory,
    measures: [{ title: 'memory a node', figure: 'bytesPerNode', atMost: 25_000, unit: 'B' }],
  },
  {
    name: 'cost',
    nodes: 1_000,
    seeds: 1,
    run: cost,
    measures: [
      { title: 'CPU a message, with the simulator', figure: 'perEvent', atMost: 20, unit: 'µs' },
      { title: 'CPU a post and node, with the simulator', figure: 'perPostAndNode', unit: 'µs' },
    ],
  },
]

export interface MeasuredRow {
  title: string
  bar: string
  worst: string
  median: string
  runs: string
  verdict: string
}

export interface MeasureOptions extends ScenarioOptions {
  seeds: number
  /** Also what a group limits to fewer nodes or seeds. */
  isUnlimited: boolean
}

/** Runs a group with several seeds, and reports the worst of each measure. */
export function measure(
  group: Group,
  { seeds, isUnlimited, ...options }: MeasureOptions,
  report: (line: string) => void,
): MeasuredRow[] {
  const nodes = isUnlimited ? options.nodes : Math.min(group.nodes ?? options.nodes, options.nodes)
  const count = isUnlimited ? seeds : Math.min(group.seeds ?? seeds, seeds)
  const runs: Figures[] = []
  for (let i = 0; i < count; i++) {
    const from = process.cpuUsage().user
    runs.push(group.run({ ...options, nodes, seed: options.seed + i }))
    report(
      `${group.name} seed ${options.seed + i}: ${JSON.stringify(runs.at(-1))} ${((process.cpuUsage().user - from) / 1e6).toFixed(1)} s`,
    )
  }
  return group.measures.map(({ title, figure, atMost, atLeast, unit = '' }) => {
    // A figure that is not a number stands for "never".
    const values = runs
      .map(run => run[figure] ?? Number.NaN)
      .toSorted((a, b) => (Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b))
    const worst = (atLeast === undefined ? values.at(-1) : values[0]) ?? Number.NaN
    const isMet = atMost === undefined ? atLeast === undefined || worst >= atLeast : worst <= atMost
    const bar = atMost === undefined ? (atLeast === undefined ? '' : `≥ ${atLeast}`) : `≤ ${atMost}`
    return {
      title,
      bar: bar === '' ? '' : `${bar} ${unit}`.trim(),
      worst: `${shown(worst)} ${unit}`.trim(),
      median: shown(values[Math.floor(values.length / 2)] ?? Number.NaN),
      runs: `${count} × ${nodes}`,
      verdict: bar === '' ? '' : isMet ? 'met' : 'missed',
    }
  })
}

function shown(value: number): string {
  if (Number.isNaN(value)) return 'never'
  return String(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 1_000) / 1_000)
}

/** In the ablation, of a mesh that grows and of one that carries a large payload. */
const JOINING = 300

/** Each mechanism switched off once, in the scenarios that it is for. */
export function ablation(mechanism: keyof MeshMechanisms | undefined, { nodes, seed }: ScenarioOptions): Figures {
  const options = { nodes, seed, ...(mechanism !== undefined && { mechanisms: { [mechanism]: false } }) }
  const spreading = steady(options)
  const alone = killed(options, 0.5, false, 10)
  const all = killed(options, 0.8, true, 35)
  const churned = churn(options, 0.1, 20)
  const joined = joining({ ...options, nodes: Math.min(nodes, JOINING) })
  const mebibyte = large({ ...options, nodes: Math.min(nodes, JOINING) })
  return {
    hops: spreading['hops'] ?? 0,
    last: spreading['last'] ?? 0,
    duplicates: spreading['duplicates'] ?? 0,
    bytes100: spreading['bytes100'] ?? 0,
    pieceLast: alone['pieceLast'] ?? 0,
    pieceMissed: alone['pieceMissed'] ?? 0,
    killed80: all['last'] ?? 0,
    killed80Missed: all['missed'] ?? 0,
    churnMissed: churned['missedIn10'] ?? 0,
    churnIn2: churned['in2'] ?? 0,
    joinedOpened: joined['opened'] ?? 0,
    joinedFewestEdges: joined['fewestEdges'] ?? 0,
    joinedMissed: joined['missed'] ?? 0,
    largeLast: mebibyte['last'] ?? 0,
  }
}

export function rival(name: RivalName, options: ScenarioOptions): Figures {
  return runRival(name, options)
}
