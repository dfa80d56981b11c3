import { describe, expect, test } from 'vitest'
import type { Gossip, MeshMessage } from '../../src/mesh/core/wire/messages.js'
import { decodeMessage } from '../../src/mesh/core/wire/decode-message.js'
import { encodeMessage } from '../../src/mesh/core/wire/encode-message.js'
import { MeshWorld, type WorldOptions } from './mesh/mesh-world.js'
import { unconnectable } from './mesh/scenarios/unconnectable.js'
import type { SwarmlinkNode } from './mesh/swarmlink-node.js'

/** A mesh of nodes that joined over a tracker. */
function mesh(count: number, options: Partial<WorldOptions> = {}) {
  const world = new MeshWorld({ seed: 1, ...options })
  world.joinOver(count, 100 * count)
  world.run(100 * count + 30_000)
  const received = new Map<number, Array<{ sequence: number; payload: Uint8Array }>>()
  for (const node of world.nodes) {
    const deliver = node.deliver.bind(node)
    received.set(node.index, [])
    node.deliver = post => {
      received.get(node.index)?.push({ sequence: post.sequence, payload: post.payload })
      deliver(post)
    }
  }
  const at = (index: number) => world.nodes[index]!
  const sequences = (index: number) => received.get(index)!.map(({ sequence }) => sequence)
  return { world, at, received, sequences }
}

/** Messages that the node gets, as they arrive. */
function tap(node: SwarmlinkNode): Gossip[] {
  const heard: Gossip[] = []
  const receive = node.receive.bind(node)
  node.receive = (now, from, message) => {
    const received = message as MeshMessage // what another node sent
    if (received.type === 'gossip') heard.push(received)
    receive(now, from, message)
  }
  return heard
}

describe('a mesh', () => {
  test('of two delivers posts in order, once [C6]', () => {
    const { world, at, sequences } = mesh(2)
    for (let i = 0; i < 20; i++) world.post(at(0), 10)
    world.run(1_000)
    expect(sequences(1)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(sequences(0)).toEqual([])
  })

  test.each([1, 4, 12])('closes its ring, counts its members, and respects maxPeers (seed %i) [C5]', seed => {
    const { world } = mesh(60, { seed, maxPeers: 5 })
    world.run(60_000)
    const ring = world.nodes.map(({ core }) => core.id).toSorted()
    for (const [i, id] of ring.entries())
      expect(world.nodes[world.indexOf(id)]!.core.neighbours.has(ring[(i + 1) % ring.length]!)).toBe(true)
    for (const { core } of world.nodes) {
      expect(core.size).toBe(60)
      expect(core.island.root).toBe(ring[0])
      expect(core.neighbours.size).toBeLessThanOrEqual(5 + 2)
    }
  })

  test.each([0, 3_000])('of 50 that join within %i ms is counted right after 15 s, and from then on [C5]', joining => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const world = new MeshWorld({ seed, maxPeers: 5 })
      world.joinOver(50, joining)
      world.run(15_000)
      for (let second = 0; second < 30; second++) {
        expect(world.nodes.map(({ core }) => core.size)).toEqual(Array(50).fill(50))
        world.run(1_000)
      }
    }
  })

  test('has edges that both ends know', () => {
    const { world } = mesh(40)
    for (const { core } of world.nodes)
      for (const id of core.neighbours.keys()) expect(world.nodes[world.indexOf(id)]!.core.neighbours.has(core.id)).toBe(true)
  })

  test('runs the same with every message encoded and decoded [X7]', () => {
    const outcome = (codes: boolean) => {
      const world = new MeshWorld({ seed: 3 })
      if (codes) {
        const send = world.network.send.bind(world.network)
        world.network.send = (from, to, message, size) => {
          const bytes = encodeMessage(message as MeshMessage) // nodes send nothing else
          expect(bytes.length).toBe(size)
          return send(from, to, decodeMessage(bytes), size)
        }
      }
      world.joinOver(20, 2_000)
      world.run(20_000)
      const post = world.post(world.nodes[3]!, 200)
      world.run(2_000)
      return { events: world.network.events, bytes: world.traffic.bytes(), arrivals: [...post.arrivals] }
    }
    expect(outcome(true)).toEqual(outcome(false))
  })

  test('delivers as posts arrive when a topic is unordered', () => {
    const { world, at, sequences } = mesh(10)
    at(1).core.setUnordered('topic')
    for (let i = 0; i < 5; i++) world.post(at(0), 10)
    world.run(1_000)
    expect(sequences(1).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4])
  })

  test('carries a large payload in chunks, whole [C6]', () => {
    const { world, at, received } = mesh(12)
    const payload = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251)
    world.network.act(at(0), 0, node => node.publish('topic', payload))
    world.run(3_000)
    for (let index = 1; index < 12; index++) {
      const posts = received.get(index) ?? []
      expect(posts.length).toBe(1)
      expect(posts[0]?.payload.every((byte, i) => byte === payload[i])).toBe(true)
      expect(posts[0]?.payload.length).toBe(payload.length)
    }
  })

  test('tells the sender how many members a post reached [C6]', () => {
    const { world, at } = mesh(30)
    world.post(at(0), 10, 'topic', { confirm: true })
    world.run(3_000)
    expect(world.receipts.get('0 topic 0')).toBe(29)
  })

  test('waits for verdicts that take time [C7]', () => {
    const { world, at, sequences } = mesh(12)
    const { network } = world
    for (const node of world.nodes) {
      const later = (action: () => void) => network.at(network.now + 7, () => network.act(node, node.index, action))
      node.verify = (_feed, post) => {
        later(() => node.core.verified(network.now, post, post.sequence !== 2))
        return undefined
      }
    }
    for (let i = 0; i < 4; i++) world.post(at(0), 10)
    world.run(3_000)
    for (let index = 1; index < 12; index++) expect(sequences(index)).toEqual([0, 1]) // 2 counts as forged, and 3 waits for it
  })

  test('reaches all survivors when half of it dies without a word [C5]', () => {
    const { world, at } = mesh(40)
    world.post(at(0), 10)
    world.run(1_000)
    for (const node of world.chance.sample(world.nodes.slice(1), 20)) world.kill(node)
    const post = world.post(at(0), 10)
    world.run(15_000)
    const missed = world.up.filter(({ index }) => index !== 0 && Number.isNaN(post.arrivals[index]!))
    expect(missed).toEqual([])
  })

  test('misses no post, and has a route between any two nodes, when 15 % of the pairs can never connect [C5]', () => {
    const { missed, ringApart, greedy, routed } = unconnectable({ nodes: 200, seed: 1, maxPeers: 8 })
    expect(missed).toBe(0)
    expect(ringApart).toBeGreaterThan(0.1)
    expect(greedy).toBeLessThan(1) // so the pairs that lack their ring edge are among them
    expect(routed).toBe(1)
  })

  test('gives a node that was frozen all that it missed, in order [C6]', () => {
    const { world, at, sequences } = mesh(20)
    world.network.freeze(5, world.network.now + 60_000)
    for (let i = 0; i < 30; i++) {
      world.post(at(0), 10)
      world.run(1_000)
    }
    world.run(35_000)
    expect(sequences(5)).toEqual(Array.from({ length: 30 }, (_, i) => i))
  })

  test('tells its neighbours when it leaves, and they keep the mesh whole [C2]', () => {
    const { world, at } = mesh(20)
    const neighbours = [...at(3).core.neighbours.keys()]
    world.leave(at(3))
    world.run(500)
    for (const id of neighbours) expect(world.nodes[world.indexOf(id)]!.core.neighbours.has(at(3).core.id)).toBe(false)
    world.run(10_000)
    expect(world.pieces()).toEqual([19])
  })
})

describe('a hostile neighbour', () => {
  /** A node of a mesh, one of its neighbours, and how that one sends any message. */
  function attacked() {
    const { world, at, sequences } = mesh(12)
    const heard = tap(at(1))
    world.post(at(0), 10)
    world.run(1_000)
    const target = [...world.network.connections[1]!.keys()].find(index => index !== 0)!
    const say = (message: MeshMessage) => {
      world.network.send(1, target, message, 100)
      world.run(100)
    }
    return { world, at, sequences, heard, target, say }
  }

  test('delivers nothing by a replay, at once or ten minutes later [C7]', () => {
    const { world, sequences, heard, target, say } = attacked()
    const gossip = heard[0]!
    say({ ...gossip, way: 'urgent' })
    world.run(600_000)
    say({ ...gossip, way: 'urgent' })
    expect(sequences(target)).toEqual([0])
  })

  test('is left after two forged posts, which are not forwarded [C7]', () => {
    const { world, at, sequences, heard, target, say } = attacked()
    const gossip = heard[0]!
    const forged = (sequence: number): MeshMessage => ({
      ...gossip,
      post: { ...gossip.post, sequence, signature: new Uint8Array(64) },
    })
    say(forged(1))
    say(forged(2))
    say(forged(3))
    expect(at(target).core.neighbours.has(at(1).core.id)).toBe(false)
    world.run(5_000)
    for (const { index } of world.nodes) expect(sequences(index).filter(sequence => sequence > 0)).toEqual([])
  })

  test('cannot keep a node busy by announcing every possible post [X7]', () => {
    const { world, at, sequences } = mesh(3)
    world.post(at(0), 10)
    world.run(1_000)
    const victim = at(1).core
    const [neighbour] = victim.neighbours.values()
    const alias = neighbour!.feeds.findIndex(feed => feed !== undefined)
    neighbour!.unannounced = [2 ** 40] // an announcement of another feed waits; a loop over all posts would take minutes
    victim.receive(world.network.now, neighbour!.id, { type: 'announce', ranges: [alias, 0, 2 ** 32 - 1] })
    world.post(at(0), 10)
    world.run(10_000)
    expect(sequences(1)).toEqual([0, 1])
  })

  test('cannot block the next post by a jump in sequence [C7]', () => {
    const { world, at, sequences, heard, target, say } = attacked()
    const gossip = heard[0]!
    for (const sequence of [2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) say({ ...gossip, post: { ...gossip.post, sequence } })
    world.post(at(0), 10)
    world.run(20_000)
    expect(sequences(target)).toEqual([0, 1])
  })
})
