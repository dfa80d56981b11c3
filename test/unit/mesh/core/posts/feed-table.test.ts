import { describe, expect, test } from 'vitest'
import { MeshContext } from '../../../../../src/mesh/core/mesh-context.js'
import { ALL_MECHANISMS, type MeshEffects } from '../../../../../src/mesh/core/effects.js'
import { FeedTable, MAX_FEEDS, MAX_FEEDS_OF_SENDER } from '../../../../../src/mesh/core/posts/feed-table.js'
import { Neighbour } from '../../../../../src/mesh/core/neighbour.js'

const idOf = (number: number) => number.toString(16).padStart(40, '0')
const key = new Uint8Array(32)

function open() {
  const effects = { send: () => {}, close: () => {} } as unknown as MeshEffects // a table calls no other
  const options = {
    id: 'f'.repeat(40),
    key,
    epoch: 5,
    maxPeers: 8,
    maxHops: 64,
    random: () => 0.5,
    keepPosts: 100,
    keepBytes: 100_000,
    mechanisms: ALL_MECHANISMS,
  }
  const context = new MeshContext(options, effects)
  const neighbour = new Neighbour(idOf(1), 'random', false, 0)
  context.neighbours.set(neighbour.id, neighbour)
  const feeds = new FeedTable(context)
  /** The neighbour claims a feed, and proves it. */
  const offer = (sender: number, { epoch = 1, alias = 0, topic = 't' } = {}) => {
    feeds.open(neighbour, { type: 'open-feed', alias, sender: idOf(sender), key, epoch, topic })
    const feed = feeds.meant(neighbour, alias)
    if (feed?.state !== 'refused' && feed !== undefined && feeds.mayProve(feed, neighbour)) {
      feeds.prove(feed, neighbour)
      if (feed.next === undefined) feeds.advance(feed, 0)
    }
    return feed?.state === 'proven' ? feed : undefined
  }
  return { context, feeds, neighbour, offer }
}

describe('the feeds of a node', () => {
  test('refuse an epoch before the proven one, so that old posts are refused for ever [C7]', () => {
    const { offer } = open()
    expect(offer(2, { epoch: 7 })?.epoch).toBe(7)
    expect(offer(2, { epoch: 6 })).toBeUndefined()
    expect(offer(2, { epoch: 7 })?.epoch).toBe(7)
    expect(offer(2, { epoch: 8 })?.epoch).toBe(8)
  })

  test('refuse a feed of the own id from a neighbour', () => {
    const { feeds, neighbour, context } = open()
    feeds.open(neighbour, { type: 'open-feed', alias: 0, sender: context.id, key, epoch: 99, topic: 't' })
    expect(feeds.meant(neighbour, 0)?.state).toBe('refused')
  })

  test('are bounded, and senders become known no faster than their rate [C7]', () => {
    const { offer, feeds, context, neighbour } = open()
    for (let second = 0; second < 1_200; second++) {
      context.now = second * 1_000
      for (let i = 0; i < 10; i++) offer(1_000 + second * 10 + i, { alias: i })
    }
    expect(feeds.all.length).toBeLessThanOrEqual(MAX_FEEDS)
    expect(feeds.claimed).toBeLessThanOrEqual(10)
    expect(context.counts.refusedFeeds).toBeGreaterThan(5_000)
    expect(neighbour.score.value(context.now)).toBe(0) // a correct neighbour passes on what it gets
  })

  test('are claimed by a neighbour in a bounded number, for as long as its edge exists [C7]', () => {
    const { feeds, context, neighbour } = open()
    const honest = new Neighbour(idOf(2), 'random', false, 0)
    context.neighbours.set(honest.id, honest)
    let expelled = false
    context.expel = () => (expelled = true)
    for (let i = 0; i < 1_000_000 && !expelled; i++)
      feeds.open(neighbour, { type: 'open-feed', alias: i % MAX_FEEDS, sender: idOf(i), key, epoch: 1, topic: 't' })
    expect(expelled).toBe(true)
    expect(feeds.claimed).toBeLessThanOrEqual(MAX_FEEDS)
    expect([feeds.all.length, feeds.digest]).toEqual([0, 0])
    feeds.open(honest, { type: 'open-feed', alias: 0, sender: idOf(5), key, epoch: 1, topic: 't' })
    feeds.closed(neighbour)
    expect(feeds.claimed).toBe(1)
  })

  test('of one sender take a part of the table, and push out its own quietest one [C7]', () => {
    const { offer, feeds, context } = open()
    const quiet = offer(9, { alias: 0 })
    for (let i = 0; i < 2_000; i++) {
      context.now = i * 1_000
      offer(3, { alias: 1 + (i % 1_000), topic: `t${i}` })
    }
    expect(feeds.all.length).toBe(1 + MAX_FEEDS_OF_SENDER)
    expect(feeds.named(idOf(9), 't')).toBe(quiet)
  })

  test('go on by the old alias when they come back after they lost their place', () => {
    const { offer, feeds, neighbour, context } = open()
    offer(3, { alias: 0, topic: 'first' })
    for (let i = 1; i <= MAX_FEEDS_OF_SENDER; i++) {
      context.now = i * 1_000
      offer(3, { alias: i, topic: `t${i}` })
    }
    const feed = feeds.meant(neighbour, 0)
    expect(feed?.state).toBe('claimed')
    if (feed !== undefined) expect(feeds.prove(feed, neighbour)).toBe(true)
  })

  test('have equal digests when they have the same posts, in any order', () => {
    const [a, b] = [open(), open()]
    for (const [sender, next] of [
      [2, 5],
      [3, 1],
      [4, 9],
    ] as const) {
      const feed = a.offer(sender, { alias: sender })
      if (feed !== undefined) for (let i = 1; i <= next; i++) a.feeds.advance(feed, i)
    }
    for (const [sender, next] of [
      [4, 9],
      [2, 5],
      [3, 1],
    ] as const) {
      const feed = b.offer(sender, { alias: sender })
      if (feed !== undefined) b.feeds.advance(feed, next)
    }
    expect(a.feeds.digest).toBe(b.feeds.digest)
    const more = b.offer(2, { alias: 2 })
    if (more !== undefined) b.feeds.advance(more, 6)
    expect(a.feeds.digest).not.toBe(b.feeds.digest)
  })
})
