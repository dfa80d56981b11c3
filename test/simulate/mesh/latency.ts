/** How long a message takes from one node to another: one number for each pair, the same for the whole run. In ms. */
import { mix } from './chance.js'

export type Latency = (a: number, b: number) => number

function pairChance(seed: number, a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a]
  return mix(mix(seed ^ Math.imul(low, 0x9e3779b1)) ^ Math.imul(high, 0x85ebca6b)) / 2 ** 32
}

/** Each pair has a random latency between the two. */
export function uniformLatency(seed: number, least: number, most: number): Latency {
  return (a, b) => least + (most - least) * pairChance(seed, a, b)
}

/** Latitude and longitude of 17 cloud regions, the places of Streamr's experiment. */
const REGIONS: ReadonlyArray<readonly [number, number]> = [
  [38.9, -77.4],
  [40.0, -83.0],
  [37.4, -121.9],
  [45.8, -119.7],
  [45.5, -73.6],
  [-23.5, -46.6],
  [53.3, -6.3],
  [51.5, -0.1],
  [48.9, 2.4],
  [50.1, 8.7],
  [59.3, 18.1],
  [26.1, 50.5],
  [19.1, 72.9],
  [1.3, 103.8],
  [35.7, 139.7],
  [37.6, 127.0],
  [-33.9, 151.2],
]
/** Light in fibre, in km/ms, over cables that are longer than the great circle, and the way to the home. */
const FIBRE = 200
const DETOUR = 1.6
const LAST_MILE = 4

/** Nodes in 17 regions of the world: 70–75 ms one way on average. */
export function worldLatency(seed: number): Latency {
  const matrix = REGIONS.map(a => REGIONS.map(b => LAST_MILE + (DETOUR * greatCircle(a, b)) / FIBRE))
  const region = (node: number) => mix(seed ^ Math.imul(node + 1, 0x27d4eb2f)) % REGIONS.length
  return (a, b) => matrix[region(a)]![region(b)]! * (0.9 + 0.2 * pairChance(seed, a, b)) + LAST_MILE * pairChance(seed + 1, a, b)
}

/** In km. */
function greatCircle([latA, lonA]: readonly [number, number], [latB, lonB]: readonly [number, number]): number {
  const radians = Math.PI / 180
  const [a, b] = [latA * radians, latB * radians]
  const cosine = Math.sin(a) * Math.sin(b) + Math.cos(a) * Math.cos(b) * Math.cos((lonA - lonB) * radians)
  return 6_371 * Math.acos(Math.min(1, Math.max(-1, cosine)))
}

/** Each pair has one of the latencies that were measured. */
export function sampledLatency(seed: number, samples: readonly number[]): Latency {
  return (a, b) => samples[Math.floor(samples.length * pairChance(seed, a, b))] ?? 0
}
