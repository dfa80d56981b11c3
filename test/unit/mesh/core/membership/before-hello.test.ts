/** Posts between the two hellos of an edge: the newcomer has the hello of this node, which does not have the newcomer's yet. */
import { expect, test } from 'vitest'
import { VALID_SIGNATURE, idOf, Scene } from '../scene.js'

const [neighbour, newcomer] = [idOf(1), idOf(2)]

/** A scene in which this number of own posts leaves while the newcomer's hello is on its way. */
function scene(posts: number): Scene {
  const made = new Scene([neighbour])
  made.run(2_000)
  made.core.opened(made.now, newcomer)
  for (let i = 0; i < posts; i++) made.core.publish(made.now, made.core.prepare('t', new Uint8Array(4)), VALID_SIGNATURE)
  return made
}

const hello = { type: 'hello', island: { root: idOf(0), beacon: 1 }, depth: 1, caughtUp: false, maxPeers: 8 } as const

test('posts that leave before the hello of a newcomer is here are pushed to it when it is [C6] [X11]', () => {
  const made = scene(2)
  expect(made.said(newcomer, 'gossip')).toEqual([]) // a stranger that never says hello gets none
  made.say(newcomer, { ...hello, role: 'random', digest: 0, neighbours: [] })
  expect(made.said(newcomer, 'gossip').map(({ way, post }) => [way, post.sequence])).toEqual([
    ['push', 0],
    ['push', 1],
  ])
})

test('at most 256 posts wait for the hello of a newcomer [C6] [Law 6]', () => {
  const made = scene(300)
  made.say(newcomer, { ...hello, role: 'random', digest: 0, neighbours: [] })
  expect(made.said(newcomer, 'gossip')).toHaveLength(256)
})
