import { describe, expect, test } from 'vitest'
import { idOf, post, Scene } from '../scene.js'

const [parent, child, other] = [idOf(1), idOf(2), idOf(3)]
const sender = idOf(7)

/** A node that has got a post of the sender by its parent, and has yet to confirm it. */
function confirming(neighbours = [parent, child, other]): Scene {
  const scene = new Scene(neighbours)
  for (const id of neighbours) scene.open(id, 0, sender)
  scene.gossip(parent, 0, 0, { post: { ...post(0), confirm: true } })
  return scene
}

/** What the neighbours were told, as `ID: COUNT`. Lets this much time pass. */
function told(scene: Scene, ms: number): string[] {
  const names = new Map([
    [parent, 'parent'],
    [child, 'child'],
    [other, 'other'],
  ])
  scene.sent.length = 0
  const said: string[] = []
  for (const until = scene.now + ms; scene.now < until; scene.now = Math.min(until, Math.max(scene.now + 1, scene.core.wakeAt))) {
    scene.core.wake(scene.now)
    for (const { to, message } of scene.sent.splice(0)) {
      if (message.type === 'receipt') said.push(`${names.get(to)}: ${message.count}`)
      if (message.type === 'ping') scene.say(to, { type: 'pong', digest: 0, beacon: 1, depth: 1, caughtUp: true })
    }
  }
  return said
}

describe('the report of a node and those of its children [C6]', () => {
  test('goes to the neighbour that the post came from, together', () => {
    const scene = confirming()
    scene.say(child, { type: 'receipt', yourAlias: 0, sequence: 0, count: 4 })
    expect(told(scene, 3_000)).toEqual(['parent: 5'])
  })

  test('goes to another neighbour when that edge has ended, and not to the child', () => {
    const scene = confirming()
    scene.say(child, { type: 'receipt', yourAlias: 0, sequence: 0, count: 4 })
    scene.core.closed(scene.now, parent, 'cut')
    expect(told(scene, 3_000)).toEqual(['other: 5'])
  })

  test('waits until there is such a neighbour', () => {
    const scene = confirming([parent])
    scene.core.closed(scene.now, parent, 'cut')
    expect(told(scene, 3_000)).toEqual([])
    scene.core.opened(scene.now, other)
    const island = { root: idOf(0), beacon: 1 }
    scene.say(other, { type: 'hello', island, depth: 1, caughtUp: true, maxPeers: 8, role: 'random', digest: 0, neighbours: [] })
    scene.open(other, 0, sender)
    expect(told(scene, 3_000)).toEqual(['other: 1'])
  })
})
