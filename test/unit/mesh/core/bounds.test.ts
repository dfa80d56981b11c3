import { describe, expect, test } from 'vitest'
import { decodeMessage } from '../../../../src/mesh/core/wire/decode-message.js'
import { encodeMessage } from '../../../../src/mesh/core/wire/encode-message.js'
import type { Knock } from '../../../../src/mesh/core/wire/messages.js'
import { MAX_MEMBERS } from '../../../../src/mesh/core/wire/wire-format.js'
import { idOf, KEY, Scene } from './scene.js'

const [A, B, ROOT] = [idOf(1), idOf(2), idOf(0)]

function beacon(number: number, size = 3) {
  return { type: 'beacon', root: ROOT, number, size, key: KEY, signature: new Uint8Array(64), depth: 0 } as const
}

/** A knock of an invented node that says it is alone, or of another island. */
function knock(origin: number, over: string, { edges = 0, target = 'f'.repeat(40) } = {}): Knock {
  const island = { root: idOf(9), beacon: 99 }
  return {
    type: 'knock',
    origin: idOf(origin),
    purpose: 'island',
    edges,
    room: 1,
    island,
    target,
    route: [],
    steps: 0,
    trail: [over],
  }
}

describe('the mesh core bounds what a neighbour can do', () => {
  test('closes an edge whose other end says no hello, so that silent strangers hold no slot [C5] [X3]', () => {
    const scene = new Scene([A])
    for (let i = 10; i < 17; i++) scene.core.opened(0, idOf(i))
    scene.run(7_000)
    expect([...scene.core.neighbours.keys()]).toEqual([A])
  })

  test('gives the place of a neighbour that does not answer to another node, and calls the neighbour silent [C5]', () => {
    const scene = new Scene(Array.from({ length: 8 }, (_, i) => idOf(2 ** 150 * (i + 1))))
    const [frozen = '', from = ''] = scene.core.neighbours.keys()
    scene.frozen.add(frozen)
    scene.run(15_000)
    expect(scene.core.neighbours.get(frozen)?.state).toBe('suspect')
    for (let i = 0; i < 3; i++) {
      scene.say(from, knock(10_000 + i, from))
      scene.core.opened(scene.now, idOf(10_000 + i))
    }
    expect([...scene.reasons]).toEqual([[frozen, 'silent']])
  })

  test('accepts requests of invented nodes without an eviction, and few of them [C5] [X3]', () => {
    const scene = new Scene(Array.from({ length: 8 }, (_, i) => idOf(2 ** 150 * (i + 1))))
    const [from = ''] = scene.core.neighbours.keys()
    let accepted = 0
    for (let i = 0; i < 600; i++) {
      scene.say(from, knock(10_000 + i, from, { edges: i % 2 }))
      accepted += scene.said(from, 'knock-answer').filter(answer => answer.accepted).length
      scene.run(100)
    }
    expect(scene.core.neighbours.size).toBe(8)
    expect(scene.closed).toEqual([])
    expect(accepted).toBeLessThanOrEqual(15) // of 600
  })

  test('agrees to few edges at one time over one neighbour, so that invented nodes do not take the room of others [C5] [Law 6]', () => {
    const scene = new Scene([A, B])
    const accepted = (id: string) => scene.said(id, 'knock-answer').filter(answer => answer.accepted).length
    for (let i = 0; i < 90; i++) scene.say(A, knock(10_000 + i, A))
    expect(accepted(A)).toBe(4)
    scene.say(B, knock(20_000, B))
    expect(accepted(B)).toBe(1)
  })

  test('sends counts that others can read, whatever a neighbour counts [C5] [X3]', () => {
    const scene = new Scene([A, B])
    scene.say(A, beacon(5))
    scene.say(B, { type: 'branch' }, { type: 'beacon-count', number: 5, count: MAX_MEMBERS })
    const [count] = scene.said(A, 'beacon-count')
    expect(count?.count).toBe(MAX_MEMBERS)
    expect(decodeMessage(encodeMessage(count!))).toEqual(count)
    for (const number of [MAX_MEMBERS + 1, Number.MAX_SAFE_INTEGER])
      expect(decodeMessage(encodeMessage({ type: 'beacon-count', number: 5, count: number }))).toBeUndefined()
  })

  test('asks trackers again within hours, however large the root says that the island is [C5] [X11]', () => {
    const scene = new Scene([A, B, idOf(3), idOf(4), idOf(5)])
    const from = scene.rendezvous
    for (let minute = 0; minute < 600; minute++) {
      scene.say(A, beacon(5 + minute, MAX_MEMBERS))
      scene.run(60_000)
    }
    expect(scene.rendezvous - from).toBeGreaterThanOrEqual(2)
  })

  test('lists as many edges in its hello as a neighbour reads [C5]', () => {
    const scene = new Scene([])
    for (let i = 1; i <= 66; i++) scene.core.opened(0, idOf(i))
    const [hello] = scene.said(idOf(66), 'hello')
    expect(decodeMessage(encodeMessage(hello!))).toEqual(hello)
    expect(hello?.neighbours).toContain(idOf(66))
  })
})

describe('a neighbour that is asked for posts', () => {
  /** It says that it has the posts from `oldest` on, up to `next`. */
  function scene() {
    const made = new Scene([A], 1)
    made.run(2_000)
    made.open(A, 0, idOf(1_000))
    made.gossip(A, 0, 0)
    return made
  }

  test('is not blamed when it made room for later posts before it was asked [C6]', () => {
    const made = scene()
    made.say(A, { type: 'vector', reply: true, entries: [0, 1, 5_000] })
    made.say(A, { type: 'vector', reply: true, entries: [0, 900, 6_000] })
    made.run(3_000)
    expect(made.core.counts.withheld).toBe(0)
  })

  test('is not blamed when it tells of more posts before its answer has come [C6]', () => {
    const made = scene()
    made.say(A, { type: 'vector', reply: true, entries: [0, 1, 3] })
    made.say(A, { type: 'vector', reply: true, entries: [0, 1, 600] })
    made.gossip(A, 0, 2, { way: 'repair' })
    made.run(3_000)
    expect(made.core.counts.withheld).toBe(0)
  })

  test('says what it has when it keeps none of the posts any more [C6]', () => {
    const made = scene()
    made.gossip(A, 0, 1)
    made.core.publish(made.now, made.core.prepare('t', new Uint8Array(1)), new Uint8Array(64))
    const [alias = 0] = made.said(A, 'open-feed').map(open => open.alias)
    made.say(A, { type: 'want', yourAlias: alias, first: 500, count: 10, chunk: 0 })
    expect(made.said(A, 'vector').length).toBeGreaterThan(0)
  })
})
