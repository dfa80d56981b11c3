/** Two nodes compare while a post travels by its tree: it is not asked for at once, because a copy that was asked for is not pushed on. */
import { describe, expect, test } from 'vitest'
import { CHUNK_BYTES, chunkTable } from '../../../../../src/mesh/core/recovery/chunk-table.js'
import { idOf, post, Scene } from '../scene.js'

const [parent, child, fast, sender] = [idOf(1), idOf(2), idOf(3), idOf(9)]

/** A node that follows a feed by its parent, when a fast neighbour says that it has these posts more. */
function compared(more: number): Scene {
  const scene = new Scene([parent, child, fast])
  for (const neighbour of [parent, fast]) scene.open(neighbour, 0, sender)
  scene.gossip(parent, 0, 0)
  scene.run(500)
  scene.say(child, { type: 'graft', yourAlias: 0, sequence: 0 })
  scene.sent.splice(0)
  scene.say(fast, { type: 'vector', reply: true, entries: [0, 0, 1 + more] })
  return scene
}

/** Lets the delay before a graft pass. */
function wait(scene: Scene): void {
  scene.now += 600
  scene.core.wake(scene.now)
}

describe('a post that a comparison finds', () => {
  test('is pushed on when its tree brings it, and not asked for [C6]', () => {
    const scene = compared(1)
    scene.gossip(parent, 0, 1)
    wait(scene)
    expect([...scene.said(fast, 'want'), ...scene.said(fast, 'graft')]).toEqual([])
    expect(scene.said(child, 'gossip')).toMatchObject([{ way: 'push', post: { sequence: 1 } }])
    expect(scene.sequences(sender)).toEqual([0, 1])
  })

  test('is asked for when its tree does not bring it [C6]', () => {
    const scene = compared(1)
    wait(scene)
    expect(scene.said(fast, 'graft')).toMatchObject([{ sequence: 1 }])
    scene.gossip(fast, 0, 1)
    expect(scene.said(child, 'gossip')).toMatchObject([{ post: { sequence: 1 } }])
    expect(scene.sequences(sender)).toEqual([0, 1])
  })

  test('is not asked for while its chunks are on their way [C6]', () => {
    const scene = new Scene([parent, fast])
    for (const neighbour of [parent, fast]) scene.open(neighbour, 0, sender)
    const table = chunkTable(new Uint8Array(4 * CHUNK_BYTES), data => data.subarray(0, 16))
    scene.gossip(parent, 0, 0, { post: { ...post(0), payload: table, large: true } })
    scene.say(fast, { type: 'vector', reply: true, entries: [0, 0, 1] })
    expect(scene.said(fast, 'want')).toEqual([])
    scene.say(fast, { type: 'vector', reply: true, entries: [0, 0, 30] })
    expect(scene.said(fast, 'want')).toMatchObject([{ first: 1, count: 29 }])
  })

  test('is asked for at once when there are many more [C6]', () => {
    expect(compared(17).said(fast, 'want')).toMatchObject([{ first: 1, count: 17 }])
  })
})
