import { describe, expect, test } from 'vitest'
import { idOf, Scene } from '../scene.js'

const neighbours = Array.from({ length: 8 }, (_, i) => idOf(2 ** 150 * (i + 1)))
const stranger = (i: number) => `1${i.toString(16).padStart(39, '0')}`

/** Each stranger connects as soon as it is admitted, says hello, and answers no ping. */
function flooded(dead: number, purpose: 'step' | 'random'): number {
  const scene = new Scene(neighbours)
  for (const id of neighbours.slice(0, dead)) scene.frozen.add(id)
  scene.run(8_000)
  const island = { root: idOf(0), beacon: 1 }
  const from = neighbours[7] ?? ''
  let most = 0
  for (let i = 0; i < 300; i++) {
    const origin = stranger(i)
    scene.frozen.add(origin)
    const knock = { origin, purpose, edges: 8, room: 0, island, target: scene.core.id, route: [], steps: 0, trail: [from] }
    scene.say(from, { type: 'knock', ...knock })
    const accepted = scene.said(from, 'knock-answer').some(answer => answer.origin === origin && answer.accepted)
    if (accepted) {
      scene.core.opened(scene.now, origin)
      scene.say(origin, {
        type: 'hello',
        island,
        depth: 1,
        caughtUp: true,
        maxPeers: 8,
        role: 'random',
        digest: 0,
        neighbours: [],
      })
    }
    scene.run(50)
    most = Math.max(most, scene.core.neighbours.size)
  }
  return most
}

describe('strangers that connect and fall silent', () => {
  test.each([
    ['step', 0],
    ['step', 2],
    ['step', 4],
    ['step', 7],
    ['random', 7],
  ] as const)('for a %s add no edges above the limit while %i neighbours are silent [Law 6]', (purpose, dead) => {
    expect(flooded(dead, purpose)).toBeLessThanOrEqual(11) // maxPeers 8, two more, and the one that opens
  })
})
