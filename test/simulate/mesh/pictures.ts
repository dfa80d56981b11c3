/** The pictures of docs/mesh-report.md: one post in the shipped core and in the other protocols, and how the figures grow with the mesh. */
import { barChart, lineChart, type Series } from './chart.js'
import type { FollowedPost } from './deliveries.js'
import { RIVALS, settledRival, type RivalName } from './rivals/run-rival.js'
import { settledWorld, spreadingBytes, type ScenarioOptions } from './scenarios/settled-world.js'
import { steady } from './scenarios/spreading.js'

const PAYLOAD = 1_024
const SIZES = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]
const SHORT_NAMES: Record<RivalName, string> = {
  flooding: 'flooding',
  document: 'document’s rule',
  gossipsub: 'gossipsub 1.1',
  'HyParView + Plumtree': 'HyParView+Plumtree',
}

/** One post of a sender whose tree stands. */
interface Spread {
  name: string
  /** In ms, sorted. */
  times: number[]
  hops: number[]
  duplicates: number
  /** Bytes of all messages that spread posts against the payload at each node. */
  bytes: number
}

function spreadOf(name: string, post: FollowedPost, copies: number, bytes: number): Spread {
  const arrived = [...post.arrivals.keys()].filter(index => post.hops[index]! > 0)
  return {
    name,
    times: arrived.map(index => post.arrivals[index]! - post.at).toSorted((a, b) => a - b),
    hops: arrived.map(index => post.hops[index]!),
    duplicates: copies / post.count - 1,
    bytes: bytes / (PAYLOAD * post.count),
  }
}

function ours(options: ScenarioOptions): Spread {
  const world = settledWorld(options)
  const sender = world.nodes[world.chance.below(options.nodes)]!
  for (let i = 0; i < 4; i++) {
    world.post(sender, PAYLOAD)
    world.run(3_000)
  }
  world.traffic.reset()
  const post = world.post(sender, PAYLOAD)
  world.run(5_000)
  return spreadOf('swarmlink', post, world.traffic.messages('gossip'), spreadingBytes(world))
}

function theirs(name: RivalName, options: ScenarioOptions): Spread {
  const { world, sender } = settledRival(name, options)
  const post = world.post(sender)
  world.network.run(world.network.now + 5_000)
  return spreadOf(SHORT_NAMES[name], post, world.traffic.messages('post'), world.traffic.bytes())
}

function coverage({ name, times }: Spread, nodes: number): Series {
  const step = Math.max(1, Math.floor(times.length / 200))
  const points = times.map((time, i) => [time, (100 * (i + 1)) / (nodes - 1)] as const)
  return { name, points: [[0, 0], ...points.filter((_, i) => i % step === 0 || i === points.length - 1)] }
}

function hopShares({ name, hops }: Spread, most: number): Series {
  const counts = Array.from({ length: most + 1 }, () => 0)
  for (const hop of hops) counts[hop]!++
  return { name, points: counts.map((count, hop) => [hop, (100 * count) / hops.length] as const) }
}

const upTo = (most: number, step: number) => Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step)
const percent = { title: '% of the nodes', max: 100, ticks: upTo(100, 25) }

/** SVG texts by file name. `largest`: nodes of the largest mesh in the picture of growth. */
export function pictures(options: ScenarioOptions, largest: number, report: (line: string) => void): Map<string, string> {
  const names = Object.keys(RIVALS) as RivalName[] // the keys of RIVALS
  const spreads = [ours(options), ...names.map(name => theirs(name, options))]
  for (const { name, times, duplicates, bytes } of spreads) report(`${name}: ${times.at(-1)} ms, ${duplicates}, ${bytes}`)
  const { nodes } = options
  const mesh = `${nodes.toLocaleString('en-GB').replaceAll(',', ' ')} nodes`
  const last = 100 * Math.ceil(Math.max(...spreads.map(({ times }) => times.at(-1) ?? 0)) / 100)
  const most = Math.max(...spreads.map(({ hops }) => Math.max(...new Set(hops))))
  const grown = SIZES.filter(size => size <= largest).map(size => {
    const figures = steady({ ...options, nodes: size })
    report(`${size} nodes: ${JSON.stringify(figures)}`)
    return { size, hops: figures['hops']!, time: figures['last']! }
  })
  const sizes = { title: 'nodes', min: 100, max: largest, ticks: SIZES.filter(size => size <= largest), isLogarithmic: true }
  const growth = (title: string, unit: string, figure: 'hops' | 'time', step: number) => {
    const max = step * Math.ceil(Math.max(...grown.map(one => one[figure])) / step)
    const series = [{ name: 'swarmlink', points: grown.map(one => [one.size, one[figure]] as const) }]
    return lineChart({ title, x: sizes, y: { title: unit, max, ticks: upTo(max, step) }, series })
  }
  return new Map([
    [
      'mesh-coverage.svg',
      lineChart({
        title: `Who has the post after which time, ${mesh}, links of 10–50 ms`,
        x: { title: 'ms', max: last, ticks: upTo(last, 100) },
        y: percent,
        series: spreads.map(spread => coverage(spread, nodes)),
      }),
    ],
    [
      'mesh-hops.svg',
      lineChart({
        title: `Edges between the sender and a node, ${mesh}`,
        x: { title: 'edges', max: most, ticks: upTo(most, 1) },
        y: { ...percent, max: 40, ticks: upTo(40, 10) },
        series: spreads.map(spread => hopShares(spread, most)),
      }),
    ],
    [
      'mesh-duplicates.svg',
      barChart({
        title: `Copies that a node gets and does not need, ${mesh}`,
        unit: '',
        bars: spreads.map(({ name, duplicates }) => ({ name, value: duplicates })),
      }),
    ],
    [
      'mesh-bytes.svg',
      barChart({
        title: `Bytes that spread a post of 1 KiB, against the ideal, ${mesh}`,
        unit: '×',
        bars: spreads.map(({ name, bytes }) => ({ name, value: bytes })),
      }),
    ],
    ['mesh-growth-hops.svg', growth('Edges to the last node, as the mesh grows', 'edges', 'hops', 2)],
    ['mesh-growth-time.svg', growth('Time to the last node, as the mesh grows', 'ms', 'time', 50)],
  ])
}
