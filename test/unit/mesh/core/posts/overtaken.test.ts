/** A newcomer compares with one neighbour while a post travels to it from another one: the post is not the past. */
import { describe, expect, test } from 'vitest'
import { CHUNK_BYTES, chunkTable } from '../../../../../src/mesh/core/recovery/chunk-table.js'
import { idOf, post, Scene } from '../scene.js'

const [a, b, sender] = [idOf(1), idOf(2), idOf(9)]

/** A newcomer to which the neighbour `a` has proven that this post of the sender is the past. */
function newcomer(last: number, neighbours = [a, b]): Scene {
  const scene = new Scene(neighbours, 7)
  scene.open(a, 0, sender)
  scene.say(a, { type: 'vector', reply: true, entries: [0, 0, last + 1] })
  expect(scene.said(a, 'want')).toMatchObject([{ first: last, count: 1 }])
  scene.gossip(a, 0, last, { way: 'repair' })
  expect(scene.sequences(sender)).toEqual([])
  scene.open(b, 0, sender)
  return scene
}

describe('a post that one neighbour proves as the past', () => {
  test('is delivered and passed on when another neighbour pushes it [C6] [X11]', () => {
    const scene = newcomer(0)
    scene.gossip(b, 0, 0)
    expect(scene.sequences(sender)).toEqual([0])
    scene.run(1_000)
    scene.gossip(b, 0, 1)
    expect(scene.sequences(sender)).toEqual([0, 1])
  })

  test('is asked for and delivered when another neighbour announces it [C6] [X11]', () => {
    const scene = newcomer(4)
    scene.say(b, { type: 'announce', ranges: [0, 3, 2] })
    expect(scene.said(b, 'graft').map(({ sequence }) => sequence)).toEqual([3, 4])
    scene.gossip(b, 0, 3)
    expect(scene.sequences(sender)).toEqual([]) // its turn is not sure before the last one has come
    scene.gossip(b, 0, 4)
    expect(scene.sequences(sender)).toEqual([3, 4])
  })

  test.each([false, true])(
    'is asked for when another neighbour had announced it, or pushed it while the signature was verified (%s) [C6] [X11]',
    isVerifying => {
      const scene = new Scene([a, b], 7)
      scene.open(a, 0, sender)
      scene.open(b, 0, sender)
      scene.say(a, { type: 'vector', reply: true, entries: [0, 0, 1] })
      if (isVerifying) scene.verify = () => undefined
      else scene.say(b, { type: 'announce', ranges: [0, 0, 1] })
      const proof = post(0)
      scene.gossip(a, 0, 0, { way: 'repair', post: proof })
      if (isVerifying) {
        scene.gossip(b, 0, 0)
        scene.core.verified(scene.now, proof, true)
        scene.verify = () => true
      }
      expect(scene.said(b, 'graft')).toMatchObject([{ sequence: 0 }])
      scene.gossip(b, 0, 0)
      expect(scene.sequences(sender)).toEqual([0])
    },
  )

  test('is delivered in its order when its verdict comes after that of the proof [C6] [X11]', () => {
    const scene = new Scene([a, b], 7)
    scene.open(a, 0, sender)
    scene.open(b, 0, sender)
    scene.say(a, { type: 'vector', reply: true, entries: [0, 0, 5] })
    scene.verify = () => undefined
    const [three, proof] = [post(3), post(4)]
    scene.gossip(b, 0, 3, { post: three })
    scene.gossip(a, 0, 4, { way: 'repair', post: proof })
    scene.core.verified(scene.now, proof, true)
    scene.core.verified(scene.now, three, true)
    scene.verify = () => true
    scene.gossip(b, 0, 4)
    expect(scene.sequences(sender)).toEqual([3, 4])
  })

  test('is taken once when it is large, whatever comes before its payload is complete [C6]', () => {
    const scene = newcomer(1)
    const payload = new Uint8Array(CHUNK_BYTES + 100).fill(3)
    scene.gossip(b, 0, 1, { post: { ...post(1), large: true, payload: chunkTable(payload, data => data) } })
    scene.gossip(b, 0, 0)
    expect(scene.said(a, 'gossip').map(({ post: { sequence } }) => sequence)).toEqual([1])
    for (const index of [0, 1]) {
      const data = payload.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
      scene.say(b, { type: 'chunk', alias: 0, sequence: 1, index, data })
    }
    expect(scene.sequences(sender)).toEqual([1])
  })

  test.each(['a false announcement', 'a forged copy', 'a recorded copy'])(
    'holds up no feed by %s of an old one [Law 6]',
    what => {
      const scene = newcomer(100)
      if (what === 'a false announcement') scene.say(b, { type: 'announce', ranges: [0, 37, 64] })
      else if (what === 'a forged copy') scene.forge(b, 0, 37)
      else scene.gossip(b, 0, 90)
      scene.run(2_000)
      scene.gossip(a, 0, 101)
      expect(scene.sequences(sender)).toEqual([101])
      scene.run(11_000)
      expect(scene.closed).not.toContain(a)
    },
  )

  test('is asked for of an honest neighbour after a hostile one has announced it in vain [Law 6]', () => {
    const c = idOf(3)
    const scene = newcomer(100, [a, b, c])
    for (let i = 0; i < 3; i++) scene.say(b, { type: 'announce', ranges: [0, 37, 64] })
    expect(scene.said(b, 'graft')).toHaveLength(64)
    scene.open(c, 0, sender)
    scene.say(c, { type: 'announce', ranges: [0, 100, 1] })
    expect(scene.said(c, 'graft')).toMatchObject([{ sequence: 100 }])
  })

  test('stays the past when the same neighbour repeats it as a repair, or a later post was delivered [C6]', () => {
    const scene = newcomer(4)
    scene.gossip(a, 0, 4, { way: 'repair' })
    expect(scene.sequences(sender)).toEqual([])
    scene.gossip(b, 0, 5)
    scene.gossip(b, 0, 4)
    expect(scene.sequences(sender)).toEqual([5])
  })

  test('stays the past after 10 s, and if it is more than 64 posts old [C6] [Law 6]', () => {
    const late = newcomer(4)
    late.run(11_000)
    late.gossip(b, 0, 4)
    expect(late.sequences(sender)).toEqual([])

    const old = newcomer(100)
    for (let sequence = 0; sequence <= 100; sequence++) old.gossip(b, 0, sequence)
    expect(old.sequences(sender)).toEqual(Array.from({ length: 64 }, (_, i) => 37 + i))
  })
})
