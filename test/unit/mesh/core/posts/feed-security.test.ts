import { describe, expect, test } from 'vitest'
import { MAX_UNVERIFIED, VERDICT_TIMEOUT } from '../../../../../src/mesh/core/posts/verdicts.js'
import { idOf, KEY, post, Scene } from '../scene.js'

const [honest, hostile, other] = [idOf(1), idOf(2), idOf(3)]
const sender = idOf(7)

/** A node that has post 0 of the sender, by the honest neighbour. */
function withFeed(neighbours = [honest, hostile]): Scene {
  const scene = new Scene(neighbours)
  for (const id of neighbours) scene.open(id, 0, sender)
  scene.gossip(honest, 0, 0)
  return scene
}

describe('the epoch of a feed', () => {
  test('does not change by the word of a neighbour, so that no neighbour mutes a sender [C7]', () => {
    const scene = withFeed()
    scene.open(hostile, 1, sender, { epoch: 99 })
    scene.say(hostile, { type: 'announce', ranges: [1, 0, 5] })
    scene.forge(hostile, 1, 0)
    scene.gossip(honest, 0, 1)
    expect(scene.sequences(sender)).toEqual([0, 1])
  })

  test('rises with a post whose signature is valid, and never falls [C7]', () => {
    const scene = withFeed()
    scene.open(honest, 1, sender, { epoch: 2 })
    scene.gossip(honest, 1, 0)
    scene.gossip(hostile, 0, 1) // of the epoch before
    scene.open(hostile, 2, sender, { epoch: 1 })
    scene.gossip(hostile, 2, 1)
    scene.gossip(honest, 1, 1)
    expect(scene.sequences(sender)).toEqual([0, 0, 1])
    expect(scene.core.neighbours.has(hostile)).toBe(true) // it may not know better
  })

  test('is the same feed under the right key, whatever key a neighbour named before [C7]', () => {
    const scene = new Scene([hostile, honest])
    scene.verify = (_one, { key }) => key === KEY
    scene.open(hostile, 0, sender, { key: new Uint8Array(32).fill(9) })
    scene.open(honest, 0, sender)
    scene.gossip(honest, 0, 0)
    scene.gossip(honest, 0, 1)
    expect(scene.sequences(sender)).toEqual([0, 1])
    expect(scene.core.neighbours.has(honest)).toBe(true)
  })
})

describe('the start of a feed', () => {
  test('does not follow from a newcomer that has the last posts only, on a node that has caught up [X11]', () => {
    const scene = new Scene([honest, other])
    scene.run(6_500)
    for (const from of [honest, other]) scene.open(from, 0, sender)
    scene.say(other, { type: 'vector', reply: true, entries: [0, 36, 38] })
    expect(scene.said(other, 'want')).toMatchObject([{ first: 36, count: 2 }])
    for (const sequence of [36, 37]) scene.gossip(other, 0, sequence, { way: 'repair' })
    scene.run(1_500)
    scene.say(honest, { type: 'vector', reply: true, entries: [0, 0, 38] })
    expect(scene.said(honest, 'want')).toMatchObject([{ first: 0 }])
    for (let sequence = 0; sequence < 36; sequence++) scene.gossip(honest, 0, sequence, { way: 'repair' })
    expect(scene.sequences(sender)).toEqual(Array.from({ length: 38 }, (_, sequence) => sequence))
  })

  test('does not follow from an announcement [C7]', () => {
    const scene = new Scene([honest, hostile])
    scene.open(hostile, 0, sender)
    scene.say(hostile, { type: 'announce', ranges: [0, 1_000_000, 1] })
    scene.open(honest, 0, sender)
    for (const sequence of [0, 1, 2]) scene.gossip(honest, 0, sequence)
    expect(scene.sequences(sender)).toEqual([0, 1, 2])
  })

  test('does not follow from a vector [C7]', () => {
    const scene = new Scene([honest, hostile])
    scene.open(hostile, 0, sender)
    scene.say(hostile, { type: 'vector', reply: false, entries: [0, 1_000_000, 2_000_000] })
    scene.open(honest, 0, sender)
    for (const sequence of [0, 1, 2]) scene.gossip(honest, 0, sequence)
    expect(scene.sequences(sender)).toEqual([0, 1, 2])
  })

  test('is an earlier post that is on its way, for a second at most [C6]', () => {
    const scene = new Scene([honest, hostile], 42) // it has not compared with a neighbour
    scene.open(honest, 0, sender)
    scene.open(hostile, 0, sender)
    scene.say(hostile, { type: 'announce', ranges: [0, 4, 1] })
    scene.gossip(honest, 0, 5)
    expect(scene.sequences(sender)).toEqual([])
    scene.gossip(hostile, 0, 4)
    expect(scene.sequences(sender)).toEqual([4, 5])

    const liar = idOf(8)
    scene.open(honest, 1, liar)
    scene.open(hostile, 1, liar)
    scene.say(hostile, { type: 'announce', ranges: [1, 4, 1] })
    scene.gossip(honest, 1, 5)
    scene.run(2_500)
    expect(scene.sequences(liar)).toEqual([5])
  })

  test('is the first post of a feed that is news, until all neighbours lack it, ten seconds at most [X11]', () => {
    const scene = new Scene([honest])
    scene.open(honest, 0, sender)
    for (const sequence of [1, 2, 0]) scene.gossip(honest, 0, sequence)
    expect(scene.sequences(sender)).toEqual([0, 1, 2])

    const late = idOf(8)
    scene.open(honest, 1, late)
    scene.gossip(honest, 1, 2_000)
    scene.run(2_500)
    expect(scene.sequences(late)).toEqual([])
    scene.say(honest, { type: 'vector', reply: true, entries: [1, 2_000, 2_001] })
    scene.run(1_000)
    scene.gossip(honest, 1, 2_001)
    expect(scene.sequences(late)).toEqual([2_000, 2_001])

    const silent = idOf(9)
    scene.open(honest, 2, silent)
    scene.gossip(honest, 2, 7)
    scene.run(9_000)
    expect(scene.sequences(silent)).toEqual([])
    scene.run(2_500)
    expect(scene.sequences(silent)).toEqual([7])
  })

  test('is proven to a newcomer by the last post, which is older than its membership and not delivered [C6]', () => {
    const scene = new Scene([honest], 42)
    scene.open(honest, 0, sender)
    scene.say(honest, { type: 'vector', reply: true, entries: [0, 3, 10] })
    expect(scene.said(honest, 'want')).toMatchObject([{ first: 9, count: 1 }])
    scene.gossip(honest, 0, 9, { way: 'repair' })
    scene.gossip(honest, 0, 10)
    expect(scene.sequences(sender)).toEqual([10])
  })
})

describe('a gap in a feed', () => {
  test('is not given up on the word of one neighbour, however long it insists [C7]', () => {
    const scene = withFeed()
    for (let second = 0; second < 90; second++) {
      scene.say(hostile, { type: 'vector', reply: true, entries: [0, 500_000, 500_000] })
      scene.run(1_000)
    }
    scene.gossip(honest, 0, 1)
    scene.gossip(honest, 0, 2)
    expect(scene.sequences(sender)).toEqual([0, 1, 2])
  })

  test('is given up after 30 s when all neighbours were asked and none has what is missing [C6]', () => {
    const scene = withFeed()
    for (const id of [honest, hostile]) scene.say(id, { type: 'vector', reply: true, entries: [0, 5, 6] })
    scene.gossip(honest, 0, 5, { way: 'repair' })
    scene.run(29_000)
    expect(scene.sequences(sender)).toEqual([0])
    scene.run(5_000)
    expect(scene.sequences(sender)).toEqual([0, 5])
  })

  test('is not given up before the neighbour that has the posts has had time to send them [C7]', () => {
    const scene = withFeed()
    scene.gossip(hostile, 0, 5)
    scene.run(29_900)
    scene.say(honest, { type: 'vector', reply: true, entries: [0, 1, 6] })
    scene.run(190, 200)
    expect(scene.sequences(sender)).toEqual([0])
    for (const sequence of [1, 2, 3, 4]) scene.gossip(honest, 0, sequence, { way: 'repair' })
    expect(scene.sequences(sender)).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('that the sender itself made costs its own feed only [C7]', () => {
    const scene = withFeed()
    const jump = 2 ** 31
    scene.gossip(honest, 0, jump) // not asked for: dropped
    scene.say(honest, { type: 'vector', reply: true, entries: [0, jump, jump + 1] })
    scene.gossip(honest, 0, jump, { way: 'repair' })
    scene.open(honest, 1, other)
    scene.gossip(honest, 1, 0)
    scene.gossip(honest, 1, 1)
    expect(scene.sequences(other)).toEqual([0, 1])
    scene.run(40_000)
    scene.gossip(honest, 0, jump + 1)
    expect(scene.sequences(sender)).toEqual([0, jump, jump + 1])
  })
})

describe('verdicts that take time', () => {
  test('of one neighbour do not hold up the posts of another, whatever it sends [C7]', () => {
    const scene = new Scene([honest, hostile])
    scene.verify = (_one, feed) => (feed.sender === sender ? true : undefined)
    scene.open(hostile, 0, other)
    for (let sequence = 0; sequence < 5_000; sequence++) scene.gossip(hostile, 0, sequence)
    scene.open(honest, 0, sender)
    scene.gossip(honest, 0, 0)
    expect(scene.sequences(sender)).toEqual([0])
    expect(scene.core.neighbours.get(hostile)?.unverified).toBe(MAX_UNVERIFIED)
  })

  test('that never come free their place after 5 s, and the post can be asked for again [C7]', () => {
    const scene = new Scene([honest, hostile])
    scene.verify = () => undefined
    scene.open(hostile, 0, sender)
    scene.gossip(hostile, 0, 0)
    scene.open(honest, 0, sender)
    scene.gossip(honest, 0, 0)
    scene.run(VERDICT_TIMEOUT - 1)
    scene.now += 1
    scene.core.wake(scene.now)
    expect(scene.core.neighbours.get(hostile)?.unverified).toBe(0)
    scene.verify = () => true
    scene.run(3_000)
    scene.gossip(honest, 0, 0)
    expect(scene.sequences(sender)).toEqual([0])
  })

  test('that come too late count for no other copy of the post [C7]', () => {
    const scene = new Scene([honest, hostile])
    scene.verify = () => undefined
    scene.open(honest, 0, sender)
    scene.open(hostile, 0, sender)
    const real = post(0)
    scene.gossip(honest, 0, 0, { post: real })
    scene.run(VERDICT_TIMEOUT + 100)
    scene.forge(hostile, 0, 0)
    scene.core.verified(scene.now, real, true)
    expect(scene.sequences(sender)).toEqual([])
  })

  test('may come in any order without a loss at the start of a feed [C6]', () => {
    const scene = new Scene([honest])
    scene.verify = () => undefined
    scene.open(honest, 0, sender)
    const posts = [post(0), post(1), post(2)]
    for (const [sequence, one] of posts.entries()) scene.gossip(honest, 0, sequence, { post: one })
    for (const one of posts.toReversed()) scene.core.verified(scene.now, one, true)
    expect(scene.sequences(sender)).toEqual([0, 1, 2])
  })
})

describe('a neighbour that announces what it never sends', () => {
  test('does not keep the announcements of others from being remembered [C7]', () => {
    const scene = new Scene([honest, hostile])
    for (let alias = 0; alias < 200; alias++) {
      scene.open(hostile, alias, idOf(1_000 + alias))
      scene.say(hostile, { type: 'announce', ranges: [alias, 0, 64] })
    }
    scene.open(honest, 0, sender)
    scene.say(honest, { type: 'announce', ranges: [0, 0, 1] })
    const wants: unknown[] = []
    for (let i = 0; i < 100; i++) {
      scene.now += 10
      scene.core.wake(scene.now)
      wants.push(...scene.said(honest, 'want'), ...scene.said(honest, 'graft'))
    }
    expect(wants.length).toBeGreaterThan(0)
  })
})

describe('a neighbour that was expelled', () => {
  test('gets no new edge, and no new budgets with it, for ten minutes [C7]', () => {
    const scene = withFeed()
    for (const sequence of [1, 2]) scene.forge(hostile, 0, sequence)
    expect(scene.closed).toEqual([hostile])
    scene.core.opened(scene.now, hostile)
    expect(scene.closed).toEqual([hostile, hostile])
    const request = { origin: hostile, purpose: 'random', edges: 1, room: 3, island: { root: hostile, beacon: 1 } } as const
    expect(scene.core.admits(scene.now, request).accepted).toBe(false)
    scene.run(600_000)
    expect(scene.core.admits(scene.now, request).accepted).toBe(true)
  })
})
