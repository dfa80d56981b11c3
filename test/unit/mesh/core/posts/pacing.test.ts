import { describe, expect, test } from 'vitest'
import type { PublishOptions } from '../../../../../src/mesh/core/posts/own-posts.js'
import { idOf, Scene } from '../scene.js'

const [A, B, SENDER] = [idOf(1), idOf(2), idOf(7)]
const PAYLOAD = new Uint8Array(100)

interface StreamOptions {
  options?: PublishOptions
  /** The size of the posts that the sender asks for. */
  bytes?: number
  meanwhile?: () => void
}

/** A node with a room for 1 024 posts ahead, and its neighbours. */
function sender(neighbours = [A, B]) {
  const scene = new Scene(neighbours, 0, { keepPosts: 4_096, keepBytes: 4 * 1024 * 1024 })
  const isAhead = (bytes = 100) => scene.core.isAhead(scene.now, 't', bytes)
  const publish = (count: number, options: PublishOptions = {}) => {
    for (let i = 0; i < count; i++) scene.core.publish(scene.now, scene.core.prepare('t', PAYLOAD), new Uint8Array(64), options)
  }
  const taken = (from: string, next: number, behind = next) => scene.say(from, { type: 'taken', yourAlias: 0, next, behind })
  /** Publishes a post every 10 ms, while the sender may. Returns the number of posts. */
  const stream = (ms: number, { options, bytes, meanwhile }: StreamOptions = {}) => {
    let count = 0
    for (const end = scene.now + ms; scene.now < end; scene.run(10, 0)) {
      meanwhile?.()
      if (isAhead(bytes)) continue
      publish(1, options)
      count++
    }
    return count
  }
  return { scene, isAhead, publish, taken, stream }
}

describe('a sender', () => {
  test('waits when it is 1 024 posts ahead of a member behind a neighbour, until that member has taken some [C6]', () => {
    const { isAhead, publish, taken } = sender()
    publish(1_000)
    taken(A, 1_000)
    taken(B, 1_000, 100)
    expect(isAhead()).toBe(false)
    publish(124)
    expect(isAhead()).toBe(true)
    taken(B, 1_000, 200)
    expect(isAhead()).toBe(false)
  })

  test('waits sooner with large posts, because less of them is kept [C6]', () => {
    const { isAhead, publish, taken } = sender()
    publish(200)
    for (const from of [A, B]) taken(from, 100)
    expect(isAhead(100)).toBe(false)
    expect(isAhead(16_000)).toBe(true)
  })

  test('waits 2 s at most for a neighbour that takes nothing, and 6 s for one that waits for another [C6] [X3]', () => {
    const { scene, isAhead, publish, taken } = sender()
    publish(1_200)
    taken(A, 1_200, 100)
    expect(isAhead()).toBe(true) // B said nothing yet
    scene.run(2_500)
    taken(A, 1_200, 110)
    expect(isAhead()).toBe(true)
    scene.run(4_000)
    expect(isAhead()).toBe(false)
  })

  test('waits for a neighbour that says more than it was sent no longer than for any other [C6] [X3]', () => {
    const { scene, isAhead, publish, taken } = sender([A])
    publish(100)
    taken(A, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
    publish(2_000)
    expect(isAhead()).toBe(false)
    taken(A, 0, 0)
    expect(isAhead()).toBe(true)
    scene.run(2_500)
    expect(isAhead()).toBe(false)
  })

  test('does not wait for a neighbour that took all posts of the tree, when the sender changes to a flood [C6]', () => {
    const { publish, taken, stream } = sender()
    publish(200)
    for (const from of [A, B]) taken(from, 200)
    expect(stream(20_000, { options: { redundancy: 'flood' } })).toBe(2_000)
  })

  test('does not wait for a neighbour that asks for posts which do not exist yet [C6] [X3]', () => {
    const { scene, publish, taken, stream } = sender()
    publish(200)
    scene.say(A, { type: 'prune', yourAlias: 0 }, { type: 'want', yourAlias: 0, first: 200, count: 16, chunk: 0 })
    let next = 200
    expect(stream(20_000, { meanwhile: () => taken(B, next++) })).toBe(2_000)
  })

  test('sends 64 posts in 10 s at least while a neighbour tells one figure after the other [C6] [X3]', () => {
    const { scene, publish, taken, stream } = sender([A])
    publish(1_200)
    const meanwhile = () => taken(A, scene.now % 2_000 < 1_000 ? 970 : 900)
    expect(stream(60_000, { bytes: 16_000, meanwhile })).toBeGreaterThanOrEqual(5 * 64)
  })

  test('does not wait for a neighbour that has left [C6]', () => {
    const { scene, isAhead, publish, taken } = sender()
    publish(1_200)
    taken(A, 1_200)
    scene.say(B, { type: 'bye', reason: 'left' })
    expect(isAhead()).toBe(false)
  })
})

describe('a relay', () => {
  test('tells its parent once in 16 posts how far it is, and how far the nodes behind it are [C6]', () => {
    const scene = new Scene([A, B])
    scene.open(A, 3, SENDER)
    for (let sequence = 0; sequence < 200; sequence++) scene.gossip(A, 3, sequence)
    const told = scene.said(A, 'taken')
    expect(told).toHaveLength(9) // from the 64th post on
    expect(told.at(-1)).toEqual({ type: 'taken', yourAlias: 3, next: 192, behind: 64 })
    scene.say(B, { type: 'taken', yourAlias: 0, next: 150, behind: 120 })
    expect(scene.said(A, 'taken').at(-1)).toEqual({ type: 'taken', yourAlias: 3, next: 200, behind: 120 })
  })
})

describe('a node that catches up', () => {
  test('asks for what comes next as soon as it has what it asked for [C6]', () => {
    const scene = new Scene([A])
    scene.run(6_500)
    scene.open(A, 0, SENDER)
    scene.gossip(A, 0, 0)
    scene.say(A, { type: 'vector', reply: true, entries: [0, 0, 1_000] })
    expect(scene.said(A, 'want')).toMatchObject([{ first: 1, count: 256 }])
    for (let sequence = 1; sequence <= 256; sequence++) scene.gossip(A, 0, sequence, { way: 'repair' })
    const asked: number[] = []
    const send = scene.effects.send.bind(scene.effects)
    scene.effects.send = (to, message) => {
      if (message.type === 'vector') asked.push(scene.now)
      send(to, message)
    }
    const from = scene.now
    scene.run(500)
    expect(asked[0]! - from).toBeLessThan(100)
  })

  test('is waited for by a sender that would be too far ahead of it, 10 s at most [C6]', () => {
    const { scene, isAhead, publish, taken } = sender([A, B])
    publish(3_000)
    taken(A, 3_000)
    taken(B, 3_000)
    for (let second = 0; second < 12; second++) {
      scene.say(A, { type: 'want', yourAlias: 0, first: 100 * second, count: 256, chunk: 0 })
      expect([second, isAhead()]).toEqual([second, second <= 10])
      scene.run(1_000)
    }
  })
})
