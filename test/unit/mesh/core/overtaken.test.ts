/** A newcomer compares with one neighbour while a post travels to it from another one: the post is not the past. */
import { describe, expect, test } from 'vitest'
import { idOf, post, Scene } from './scene.js'

const [a, b, sender] = [idOf(1), idOf(2), idOf(9)]

/** A newcomer to which the neighbour `a` has proven that this post of the sender is the past. */
function newcomer(last: number): Scene {
  const scene = new Scene([a, b], 7)
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
    scene.run(1_000)
    scene.gossip(b, 0, 3)
    scene.gossip(b, 0, 4)
    expect(scene.sequences(sender)).toEqual([3, 4])
  })

  test.each([false, true])(
    'is delivered when another neighbour had announced it, or pushes it while the signature is verified (%s) [C6] [X11]',
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
      }
      expect(scene.sequences(sender)).toEqual([0])
    },
  )

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
    old.say(b, { type: 'announce', ranges: [0, 0, 101] })
    for (let sequence = 0; sequence <= 100; sequence++) old.gossip(b, 0, sequence)
    expect(old.sequences(sender)).toEqual(Array.from({ length: 64 }, (_, i) => 37 + i))
  })
})
