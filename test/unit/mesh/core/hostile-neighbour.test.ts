/** What one neighbour that breaks the rules costs a node, and what it cannot bring about. */
import { describe, expect, test, vi } from 'vitest'
import { CHUNK_BYTES, chunkTable } from '../../../../src/mesh/core/recovery/chunk-table.js'
import { EarlyChunks } from '../../../../src/mesh/core/recovery/early-chunks.js'
import { Feed } from '../../../../src/mesh/core/posts/feed.js'
import type { MeshMessage } from '../../../../src/mesh/core/wire/messages.js'
import type { Neighbour } from '../../../../src/mesh/core/neighbour.js'
import { idOf, KEY, post, Scene } from './scene.js'

const [a, b, c] = [idOf(1), idOf(2), idOf(3)]
const sender = idOf(7)
const island = { root: idOf(0), beacon: 1 }

describe('a neighbour that sends', () => {
  test('chunks before their table has 4 MiB of them kept, however small they are, for 5 s [Law 6]', () => {
    const early = new EarlyChunks()
    const from = {} as Neighbour // only compared
    const feed = {} as Feed
    const keep = (count: number, now: number) => {
      for (let index = 0; index < count; index++)
        early.keep(from, feed, { type: 'chunk', alias: 0, sequence: 1, index, data: new Uint8Array() }, now)
    }
    keep(20_000, 0)
    keep(10, 60_000)
    expect(early.take(feed, 1)).toHaveLength(10)
    keep(20_000, 60_000)
    expect(early.take(feed, 1).length).toBeLessThan(14_000)
    keep(10, 60_001)
    expect(early.take(feed, 1)).toHaveLength(10)
  })

  test('no answer when it is asked what it has does not keep a newcomer from asking the next one [X11] [Law 6]', () => {
    const scene = new Scene([a, b], 5) // both say that they have caught up
    const asked: string[] = []
    const send = scene.effects.send.bind(scene.effects)
    scene.effects.send = (to, message) => {
      if (message.type === 'vector' && !message.reply) asked.push(to)
      send(to, message)
    }
    for (let number = 2; number < 6; number++) {
      scene.say(b, { type: 'beacon', root: island.root, number, size: 3, key: KEY, signature: new Uint8Array(64), depth: 1 })
      scene.run(1_000, 0)
    }
    expect(asked.slice(0, 3)).toEqual([a, b, a])
  })

  test('beacons as the root, and never says that it has caught up, keeps newcomers from it for a minute [X11] [Law 6]', () => {
    const scene = new Scene([a], 1)
    scene.frozen.add(a)
    let [pings, caughtUp] = [0, false]
    const send = scene.effects.send.bind(scene.effects)
    scene.effects.send = (to, message) => {
      if (message.type === 'ping') [pings, caughtUp] = [pings + 1, message.caughtUp]
      send(to, message)
    }
    const run = (seconds: number) => {
      for (const end = scene.now + seconds * 1_000; scene.now < end; scene.run(100)) {
        const number = 2 + Math.floor(scene.now / 10_000)
        if (scene.now % 10_000 === 0)
          scene.say(a, { type: 'beacon', root: island.root, number, size: 2, key: KEY, signature: new Uint8Array(64), depth: 1 })
        for (; pings > 0; pings--) scene.say(a, { type: 'pong', digest: 1, beacon: number, depth: 1, caughtUp: false })
      }
    }
    scene.say(a, { type: 'ping', digest: 1, beacon: 1, depth: 1, caughtUp: false })
    run(50)
    expect(caughtUp).toBe(false)
    run(30)
    expect(scene.core.island.root).toBe(island.root)
    expect(caughtUp).toBe(true)
  })

  test('newcomers gives its own place only, to one at a time [Law 6]', () => {
    const scene = new Scene([a, b, c])
    scene.run(10_000)
    const newcomers = Array.from({ length: 500 }, (_, i) => idOf(1_000 + i))
    for (const newcomer of newcomers) scene.say(a, { type: 'splice', newcomer })
    expect(newcomers.filter(id => scene.core.expects(id))).toEqual([newcomers.at(-1)])
    scene.say(a, { type: 'bye', reason: 'left' })
    expect(newcomers.filter(id => scene.core.expects(id))).toEqual([])
  })

  test('a knock in the name of another one does not make this node pass it back there [Law 6]', () => {
    const scene = new Scene([a, b])
    const knock = { type: 'knock', purpose: 'random', edges: 1, room: 1, island, target: b, steps: 0 } as const
    scene.sent.length = 0
    scene.say(a, { ...knock, origin: b, route: [], trail: [a] })
    scene.say(a, { ...knock, origin: c, target: idOf(9), route: [b], trail: [b, a] })
    expect(scene.said(b, 'knock')).toEqual([])
    expect(scene.said(a, 'knock-answer')).toMatchObject([{ accepted: false }, { accepted: false }])
  })

  test('seeks without end has some of them passed on, as many as a busy honest one sends, and keeps its edge [C5] [Law 6]', () => {
    const scene = new Scene([a, b])
    scene.run(5_000)
    scene.sent.length = 0
    const seek = { type: 'seek', purpose: 'ring', position: 0, trail: [a] } as const
    for (let i = 0; i < 1_000; i++) scene.say(a, { ...seek, origin: idOf(10_000 + i) })
    const answered = scene.said(a, 'found').length + scene.said(b, 'seek').length
    expect(answered).toBeLessThanOrEqual(100)
    expect(answered).toBeGreaterThanOrEqual(55) // of one edge, while 1 000 nodes join
    scene.say(b, { ...seek, origin: c, trail: [b] })
    expect(scene.said(b, 'found').length + scene.said(a, 'seek').length).toBeGreaterThan(0)
    expect(scene.closed).toEqual([])
  })

  const back = { origin: b, trail: ['f'.repeat(40), a] } // its way is from the other neighbour over this node
  const request = { purpose: 'random', edges: 1, room: 0, island } as const
  test.each<[string, (origin: string) => MeshMessage]>([
    ['requests for edges', origin => ({ type: 'knock', ...request, origin, target: b, route: [], steps: 0, trail: [a] })],
    [
      'answers to requests',
      () => ({ type: 'knock-answer', ...back, target: c, accepted: true, purpose: 'random', splice: undefined }),
    ],
    ['answers to seeks', () => ({ type: 'found', ...back, purpose: 'ring' })],
  ])('%s without end has some of them passed on, and keeps its edge [C5] [Law 6]', (_what, message) => {
    const scene = new Scene([a, b])
    scene.run(5_000)
    scene.sent.length = 0
    for (let i = 0; i < 1_000; i++) scene.say(a, message(idOf(10_000 + i)))
    const passedOn = scene.said(b, message(c).type).length
    expect(passedOn).toBeGreaterThan(50)
    expect(passedOn).toBeLessThanOrEqual(100)
    expect(scene.closed).toEqual([])
  })

  test('20 requests a second has all of them passed on, however often this node looks at the time [C5]', () => {
    const scene = new Scene([a, b])
    scene.run(5_000)
    scene.sent.length = 0
    let passedOn = 0
    for (let i = 0; i < 900; i++) {
      scene.say(a, { type: 'knock', ...request, origin: idOf(10_000 + i), target: b, route: [], steps: 0, trail: [a] })
      passedOn += scene.said(b, 'knock').filter(({ origin }) => origin === idOf(10_000 + i)).length
      if (i % 9 !== 8) continue
      for (let look = 0; look < 5; look++) {
        scene.core.dialFailed(scene.now, idOf(20_000)) // so that it looks soon
        scene.run(90)
      }
    }
    expect(passedOn).toBe(900)
  })

  test('an announcement of the same posts in each of its ranges has as many looked up as an honest one holds [Law 6]', () => {
    const scene = new Scene([a])
    scene.open(a, 0, sender)
    scene.gossip(a, 0, 0)
    const lookUp = vi.spyOn(Feed.prototype, 'has')
    scene.say(a, { type: 'announce', ranges: Array.from({ length: 512 }, () => [0, 1, 1_024]).flat() })
    expect(lookUp.mock.calls.length).toBeGreaterThanOrEqual(1_024)
    expect(lookUp.mock.calls.length).toBeLessThanOrEqual(2 * 4_096)
    lookUp.mockRestore()
  })

  test('a post with a high number does not make a search for earlier ones long [Law 6]', () => {
    const scene = new Scene([a])
    scene.open(a, 0, sender)
    scene.gossip(a, 0, 4_000_000_000)
    scene.run(12_000)
    expect(scene.core.kept('t', Number.MAX_SAFE_INTEGER)).toMatchObject([{ sequence: 4_000_000_000 }])
  })
})

describe('a neighbour that asks', () => {
  test('for vectors and posts without end gets what a bound allows [Law 6]', () => {
    const scene = new Scene([a, b])
    scene.open(b, 0, sender)
    for (let sequence = 0; sequence < 200; sequence++)
      scene.gossip(b, 0, sequence, { post: { ...post(sequence), payload: new Uint8Array(4_000) } })
    scene.sent.length = 0
    for (let i = 0; i < 1_000; i++) {
      scene.say(a, { type: 'vector', reply: false, entries: [] })
      scene.say(a, { type: 'want', yourAlias: 0, first: 0, count: 200, chunk: 0 })
    }
    expect(scene.said(a, 'vector').length).toBeLessThanOrEqual(33)
    const bytes = scene.said(a, 'gossip').reduce((sum, { post: { payload } }) => sum + payload.length, 0)
    expect(bytes).toBeGreaterThan(200 * 4_000)
    expect(bytes).toBeLessThan(64 * 1024 * 1024)
  })

  test('for posts that are not kept any more gets as many vectors as one that asks for vectors [Law 6]', () => {
    const scene = new Scene([a, b])
    scene.open(b, 0, sender)
    scene.gossip(b, 0, 0)
    scene.sent.length = 0
    for (let i = 0; i < 500; i++) scene.say(a, { type: 'want', yourAlias: 0, first: 100, count: 1, chunk: 0 })
    expect(scene.said(a, 'vector').length).toBeLessThanOrEqual(33)
    expect(scene.said(a, 'vector').length).toBeGreaterThan(0)
  })

  const again: Array<[string, MeshMessage]> = [
    ['by a want', { type: 'want', yourAlias: 0, first: 0, count: 1, chunk: 0 }],
    ['by its chunks', { type: 'want', yourAlias: 0, first: 0, count: 1, chunk: 1 }],
    ['by a graft', { type: 'graft', yourAlias: 0, sequence: 0 }],
  ]
  test.each(again)('for a large post without end, %s, gets 64 MiB at once [Law 6]', (_how, message) => {
    const scene = new Scene([a, b])
    scene.open(b, 0, sender)
    const payload = new Uint8Array(20 * CHUNK_BYTES)
    scene.gossip(b, 0, 0, { post: { ...post(0), large: true, payload: chunkTable(payload, data => data) } })
    for (let index = 0; index < 20; index++)
      scene.say(b, { type: 'chunk', alias: 0, sequence: 0, index, data: payload.subarray(0, CHUNK_BYTES) })
    scene.sent.length = 0
    for (let i = 0; i < 1_000; i++) scene.say(a, message)
    const chunks = scene.said(a, 'chunk').length
    expect(chunks).toBeGreaterThan(20)
    expect(chunks * CHUNK_BYTES).toBeLessThanOrEqual(64 * 1024 * 1024)
  })

  test('for a post without end by grafts gets what a bound allows [Law 6]', () => {
    const scene = new Scene([a, b])
    scene.open(b, 0, sender)
    scene.gossip(b, 0, 0, { post: { ...post(0), payload: new Uint8Array(16_000) } })
    scene.sent.length = 0
    for (let i = 0; i < 10_000; i++) scene.say(a, { type: 'graft', yourAlias: 0, sequence: 0 })
    const sent = scene.said(a, 'gossip').length
    expect(sent).toBeGreaterThan(100)
    expect(sent * 16_000).toBeLessThan(64 * 1024 * 1024)
  })

  test('to be dialled, without a seek, takes none of the room [Law 6]', () => {
    const scene = new Scene([a, b])
    scene.run(10_000)
    const { room } = scene.core
    for (let i = 0; i < 20; i++)
      scene.say(a, { type: 'found', origin: scene.core.id, purpose: 'long', trail: [a, idOf(5_000 + i)] })
    expect(scene.core.room).toBeGreaterThanOrEqual(room - 4) // those of seeks that are open
  })
})

describe('a node', () => {
  test('waits for the first posts of a feed that a neighbour was asked for, however late they come [X11]', () => {
    const scene = new Scene([a, b])
    scene.run(3_000)
    scene.say(a, { type: 'vector', reply: true, entries: [] })
    scene.open(a, 0, sender)
    scene.open(b, 0, sender)
    scene.say(a, { type: 'vector', reply: true, entries: [0, 0, 10] })
    scene.gossip(b, 0, 10)
    for (let step = 0; step < 5; step++) {
      scene.now += 500
      scene.core.wake(scene.now)
    }
    for (let sequence = 0; sequence < 10; sequence++) scene.gossip(a, 0, sequence, { way: 'repair' })
    expect(scene.sequences(sender)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('whose neighbours have all left counts one member [C5]', () => {
    const scene = new Scene([a])
    scene.run(3_000)
    scene.say(a, { type: 'beacon', root: idOf(0), number: 5, size: 500, key: KEY, signature: new Uint8Array(64), depth: 0 })
    expect(scene.core.size).toBe(500)
    scene.say(a, { type: 'bye', reason: 'left' })
    scene.run(7_000)
    expect(scene.core.size).toBe(1)
  })

  test('that delivers a topic out of order from now on delivers what waits too [C6]', () => {
    const scene = new Scene([a])
    scene.run(6_000)
    scene.open(a, 0, sender)
    for (const sequence of [0, 2, 3]) scene.gossip(a, 0, sequence)
    scene.core.setUnordered('t')
    for (const sequence of [1, 4]) scene.gossip(a, 0, sequence)
    expect(scene.sequences(sender)).toEqual([0, 2, 3, 1, 4])
  })

  test('confirms a large post when it has its payload, not with its table [C6]', () => {
    const scene = new Scene([a, b])
    scene.open(a, 0, sender)
    const payload = new Uint8Array(CHUNK_BYTES + 100).fill(3)
    scene.gossip(a, 0, 0, { post: { ...post(0), confirm: true, large: true, payload: chunkTable(payload, data => data) } })
    scene.core.wake(scene.now + 100)
    expect(scene.said(a, 'receipt')).toEqual([])
    for (const index of [0, 1]) {
      const data = payload.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      scene.say(a, { type: 'chunk', alias: 0, sequence: 0, index, data })
    }
    scene.core.wake(scene.now + 200)
    expect(scene.said(a, 'receipt')).toMatchObject([{ sequence: 0, count: 1 }])
  })
})

describe('a newcomer', () => {
  test('gets no past of feeds beyond the first part of a vector [C6]', () => {
    const scene = new Scene([a], 7)
    scene.run(100)
    for (let feed = 0; feed < 600; feed++) scene.open(a, feed, idOf(1_000 + feed))
    const part = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => [from + i, 0, 3]).flat()
    scene.sent.length = 0
    for (const entries of [part(0, 512), part(512, 600)]) scene.say(a, { type: 'vector', reply: true, entries })
    const wants = scene.said(a, 'want')
    expect(wants).toHaveLength(600)
    expect(wants.every(({ first, count }) => first === 2 && count === 1)).toBe(true)
  })
})
