import { describe, expect, test } from 'vitest'
import { idOf, Scene } from '../scene.js'

const [A, B, SENDER] = [idOf(1), idOf(2), idOf(1_000)]

describe('a feed that lost its place to others', () => {
  /** One post of each of so many senders, and of one before and after them. */
  function crowded() {
    const scene = new Scene([A, B])
    scene.open(A, 0, SENDER)
    scene.gossip(A, 0, 0)
    for (let i = 1; i < 5_000; i++) {
      scene.now += 1_000
      scene.open(A, 1 + (i % 4_000), idOf(2_000 + i))
      scene.gossip(A, 1 + (i % 4_000), 0)
    }
    expect(scene.core.feeds).toBe(4_096)
    return scene
  }

  test('delivers no post again, by whichever neighbour it comes [C6] [C7]', () => {
    const scene = crowded()
    scene.gossip(A, 0, 0)
    scene.open(B, 0, SENDER)
    scene.gossip(B, 0, 0, { way: 'repair' })
    scene.say(B, { type: 'vector', reply: true, entries: [0, 0, 1] })
    expect(scene.said(B, 'want')).toEqual([])
    expect(scene.sequences(SENDER)).toEqual([0])
  })

  test('goes on with its next post [C6]', () => {
    const scene = crowded()
    scene.gossip(A, 0, 1)
    scene.gossip(A, 0, 1)
    expect(scene.sequences(SENDER)).toEqual([0, 1])
  })

  test('refuses posts of an earlier epoch [C7]', () => {
    const scene = crowded()
    scene.open(B, 0, SENDER, { epoch: 0 })
    scene.gossip(B, 0, 0)
    expect(scene.sequences(SENDER)).toEqual([0])
  })

  test('delivers once what a sender with more topics than its share sent [C6]', () => {
    const scene = new Scene([A, B])
    for (const from of [A, B])
      for (let i = 0; i < 400; i++) {
        scene.now += 10
        scene.open(from, i, SENDER, { topic: `topic ${i}` })
        scene.gossip(from, i, 0)
      }
    expect(scene.delivered.length).toBe(400)
  })
})
