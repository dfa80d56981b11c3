/** Meshes whose nodes die, join, freeze or lose each other. */
import type { FollowedPost } from '../deliveries.js'
import type { MeshWorld } from '../mesh-world.js'
import type { SwarmlinkNode } from '../swarmlink-node.js'
import { settledWorld, spread, spreadingBytes, type Figures, type ScenarioOptions } from './settled-world.js'

/** Nodes die and join all the time while one sender posts once a second. */
export function churn(options: ScenarioOptions, perMinute: number, seconds = 40): Figures {
  const world = settledWorld(options)
  const sender = world.nodes[0]!
  const joinedAt = new Map<number, number>()
  const gap = 60_000 / (options.nodes * perMinute)
  const posts: FollowedPost[] = []
  for (let at = 0; at < seconds * 1_000; at += gap)
    world.network.at(world.network.now + at, () => {
      const leaver = world.nodes[1 + world.chance.below(world.nodes.length - 1)]!
      if (world.network.isUp(leaver.index)) {
        if (world.chance.next() < 0.5) world.kill(leaver)
        else world.leave(leaver)
      }
      joinedAt.set(world.join().index, world.network.now)
    })
  world.post(sender, 100)
  for (let second = 1; second <= seconds; second++) {
    world.run(1_000)
    if (second > 5) posts.push(world.post(sender, 100))
  }
  world.run(10_000)
  let [expected, late, missed] = [0, 0, 0]
  for (const post of posts) {
    for (const { index } of world.up) {
      // A member: it joined at least 5 s before the post, so that it has had time to get its edges.
      if (index === sender.index || (joinedAt.get(index) ?? 0) > post.at - 5_000) continue
      expected++
      const time = (post.arrivals[index] ?? Number.NaN) - post.at
      if (!(time <= 10_000)) missed++
      else if (time > 2_000) late++
    }
  }
  return { expected, missedIn10: missed, in2: 1 - (late + missed) / expected }
}

/** A share of the nodes dies at once. The survivors that a path joins are one residual piece each. */
export function killed(options: ScenarioOptions, share: number, trackerIsUp: boolean, seconds = 40): Figures {
  const world = settledWorld(options)
  const warm = world.nodes[world.chance.below(options.nodes)]!
  for (let i = 0; i < 3; i++) {
    world.post(warm, 100)
    world.run(1_000)
  }
  world.tracker.isUp = trackerIsUp
  const others = world.nodes.filter(node => node !== warm)
  for (const node of world.chance.sample(others, Math.floor(options.nodes * share))) world.kill(node)
  const piece = pieceOf(world, warm)
  const post = world.post(warm, 100)
  world.run(seconds * 1_000)
  const inPiece = spread(
    post,
    world.up.filter(({ index }) => piece.has(index)),
    warm,
  )
  const all = spread(post, world.up, warm)
  return {
    residual: piece.size / world.up.length,
    pieceMissed: inPiece.missed,
    pieceLast: inPiece.last,
    missed: all.missed,
    last: all.last,
    pieces: world.pieces().length,
  }
}

/** The nodes that are connected to this one over living nodes. */
function pieceOf(world: MeshWorld, node: SwarmlinkNode): Set<number> {
  const seen = new Set([node.index])
  for (const index of seen)
    for (const peer of world.network.connections[index]!.keys()) if (world.network.isUp(peer)) seen.add(peer)
  return seen
}

/** Two halves lose each other for ten minutes, refill their edges, and post on. */
export function split(options: ScenarioOptions, postsPerSide: number): Figures {
  const world = settledWorld(options)
  const { network, tracker, nodes } = world
  const sideOf = (index: number) => index % 2
  for (const { index } of nodes)
    for (const peer of [...network.connections[index]!.keys()]) if (sideOf(peer) !== sideOf(index)) network.sever(index, peer)
  tracker.groupOf = sideOf
  network.mayConnect = (a, b) => sideOf(a) === sideOf(b)
  world.run(500_000)
  world.deliveries.checksOrder = true
  const senders = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(i => nodes[i]!)
  const posts: Array<{ post: FollowedPost; sender: SwarmlinkNode }> = []
  for (let i = 0; i < postsPerSide / 5; i++) {
    for (const sender of senders) posts.push({ sender, post: world.post(sender, 100) })
    world.run(100_000 / (postsPerSide / 5))
  }
  const roots = new Set(nodes.map(({ core }) => core.island.root))
  tracker.groupOf = () => 0
  network.mayConnect = () => true
  const before = network.opened
  let contactAt: number | undefined
  let mergedAt: number | undefined
  let completeAt: number | undefined
  const start = network.now
  world.traffic.reset()
  for (let tenth = 0; tenth < 1_200 && (completeAt === undefined || mergedAt === undefined); tenth++) {
    world.run(100)
    contactAt ??= network.bridges(sideOf) ? network.now : undefined
    if (contactAt === undefined) continue
    if (mergedAt === undefined && new Set(nodes.map(({ core }) => core.island.root)).size === 1) mergedAt = network.now
    if (posts.every(({ post }) => post.count >= nodes.length - 1)) completeAt ??= network.now
  }
  const missing = posts.reduce((sum, { post }) => sum + nodes.length - 1 - post.count, 0)
  return {
    rootsBefore: roots.size,
    contact: ((contactAt ?? Number.NaN) - start) / 1_000,
    merged: ((mergedAt ?? Number.NaN) - (contactAt ?? Number.NaN)) / 1_000,
    complete: ((completeAt ?? Number.NaN) - (contactAt ?? Number.NaN)) / 1_000,
    missing,
    outOfOrder: world.deliveries.outOfOrder,
    bytes: spreadingBytes(world) / ((100 * postsPerSide * 2 * nodes.length) / 2),
    opened: network.opened - before,
  }
}

/** A tenth of the nodes stops for a minute with open channels. */
export function frozen(options: ScenarioOptions): Figures {
  const world = settledWorld(options)
  const sender = world.nodes[0]!
  world.post(sender, 100)
  world.run(3_000)
  const cold = world.chance.sample(world.nodes.slice(1), Math.floor(options.nodes / 10))
  const thaw = world.network.now + 60_000
  for (const { index } of cold) world.network.freeze(index, thaw)
  const isCold = new Set(cold.map(({ index }) => index))
  const posts: FollowedPost[] = []
  for (let second = 0; second < 58; second++) {
    posts.push(world.post(sender, 100))
    world.run(1_000)
  }
  world.run(2_000)
  const missedBefore = missedBy(posts, world, sender, index => !isCold.has(index))
  world.run(30_000)
  let [caughtUp, missedByCold, slowest] = [0, 0, 0]
  for (const post of posts) {
    for (const { index } of world.up) {
      if (index === sender.index) continue
      const at = post.arrivals[index]!
      if (!isCold.has(index)) slowest = Math.max(slowest, at - post.at)
      else if (Number.isNaN(at)) missedByCold++
      else caughtUp = Math.max(caughtUp, at - thaw)
    }
  }
  return { missedByOthers: missedBefore, slowestOther: slowest, missedByFrozen: missedByCold, caughtUp }
}

function missedBy(
  posts: readonly FollowedPost[],
  world: MeshWorld,
  sender: SwarmlinkNode,
  counts: (index: number) => boolean,
): number {
  let missed = 0
  for (const post of posts)
    for (const { index } of world.up) if (index !== sender.index && counts(index) && Number.isNaN(post.arrivals[index]!)) missed++
  return missed
}
