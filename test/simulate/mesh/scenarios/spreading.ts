/** How posts spread in a mesh to which nothing happens: cost, time and order. */
import { uniformLatency, worldLatency } from '../latency.js'
import { settledWorld, spread, spreadingBytes, type Figures, type ScenarioOptions } from './settled-world.js'

/** 10 Mbit/s, in bytes per ms. */
const UPLINK = 1_250

/** One sender whose tree stands. */
export function steady(options: ScenarioOptions, latency: 'links' | 'world' = 'links'): Figures {
  const { seed, nodes } = options
  const world = settledWorld(options, { latency: latency === 'links' ? uniformLatency(seed, 10, 50) : worldLatency(seed) })
  const sender = world.nodes[world.chance.below(nodes)]!
  const first = world.post(sender, 1_024)
  world.run(3_000)
  const firstSpread = spread(first, world.up, sender)
  for (let i = 0; i < 3; i++) {
    world.post(sender, 1_024)
    world.run(3_000)
  }
  const figures: Figures = { firstHops: firstSpread.hops, firstLast: firstSpread.last, firstMissed: firstSpread.missed }
  for (const bytes of [1_024, 100]) {
    world.traffic.reset()
    const before = world.deliveries.total
    const post = world.post(sender, bytes)
    world.run(3_000)
    const { hops, last, p99, missed } = spread(post, world.up, sender)
    const delivered = world.deliveries.total - before
    figures[`bytes${bytes}`] = spreadingBytes(world) / (bytes * delivered)
    figures[`duplicates`] = (world.traffic.messages('gossip') - delivered) / delivered
    Object.assign(figures, { hops, last, p99, missed })
  }
  return figures
}

/** Many senders at once, after each has posted once. */
export function manySenders(options: ScenarioOptions, senders: number): Figures {
  const world = settledWorld(options)
  const posting = world.chance.sample(world.nodes, senders)
  const round = () => {
    const posts = posting.map((sender, i) => {
      world.run((1_000 * i) / senders - (1_000 * Math.max(0, i - 1)) / senders)
      return { sender, post: world.post(sender, 100) }
    })
    world.run(3_000)
    return posts
  }
  world.traffic.reset()
  round()
  const firstCopies = world.traffic.messages('gossip') / world.deliveries.total - 1
  world.run(8_000)
  world.deliveries.forget()
  world.traffic.reset()
  const before = world.deliveries.total
  const posts = round()
  const delivered = world.deliveries.total - before
  const all = posts.map(({ sender, post }) => spread(post, world.up, sender))
  return {
    duplicates: world.traffic.messages('gossip') / delivered - 1,
    firstDuplicates: firstCopies,
    missed: all.reduce((sum, { missed }) => sum + missed, 0),
    last: Math.max(...all.map(({ last }) => last)),
    hops: Math.max(...all.map(({ hops }) => hops)),
  }
}

/** One mebibyte with a slow upload. Without `earlyChunks` it is a tree that forwards only whole payloads. */
export function large(options: ScenarioOptions, bytes = 1024 * 1024): Figures {
  const world = settledWorld(options, { uplink: UPLINK })
  const sender = world.nodes[world.chance.below(options.nodes)]!
  for (let i = 0; i < 3; i++) {
    world.post(sender, 100)
    world.run(3_000)
  }
  world.traffic.reset()
  const post = world.post(sender, bytes)
  world.run(120_000)
  const { last, missed } = spread(post, world.up, sender)
  return { last, missed, copies: world.traffic.bytes('chunk') / (bytes * post.count) }
}

/** A receipt: how many members got a post, and how soon the sender knows. */
export function confirmed(options: ScenarioOptions): Figures {
  const world = settledWorld(options)
  const sender = world.nodes[world.chance.below(options.nodes)]!
  world.post(sender, 100)
  world.run(3_000)
  const post = world.post(sender, 100, undefined, { confirm: true })
  const key = `${sender.index} topic 1`
  let settledAt = Number.NaN
  for (let tick = 0; tick < 500 && Number.isNaN(settledAt); tick++) {
    world.run(10)
    if (world.receipts.get(key) === options.nodes - 1) settledAt = world.network.now - post.at
  }
  return {
    of: options.nodes - 1,
    reached: world.receipts.get(key) ?? 0,
    settled: settledAt,
    messages: world.traffic.messages('receipt'),
  }
}
