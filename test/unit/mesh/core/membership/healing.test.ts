/** A node whose neighbours die: what it asks for, and what it takes, while their connections still look open. */
import { describe, expect, test } from 'vitest'
import { idOf, Scene } from '../scene.js'

const neighbours = Array.from({ length: 8 }, (_, i) => idOf(2 ** 150 * (i + 1)))

/** A scene after the first `dead` of eight neighbours have fallen silent. */
function after(dead: number): Scene {
  const scene = new Scene(neighbours)
  for (const id of neighbours.slice(0, dead)) scene.frozen.add(id)
  scene.run(8_000)
  return scene
}

describe('a node whose neighbours fell silent', () => {
  test('says that it is alone when none is left, so that full members make room for it [C5] [X11]', () => {
    expect(after(0).core.request).toMatchObject({ edges: 8, room: 0 })
    expect(after(8).core.request.edges).toBe(0)
  })

  test('connects to all members that a tracker introduces, up to its number of peers [C5] [X11]', () => {
    const scene = after(8)
    const dialled: string[] = []
    scene.effects.dial = id => dialled.push(id)
    for (let member = 1; member <= 12; member++)
      scene.core.introduced(scene.now, {
        type: 'knock-answer',
        origin: scene.core.id,
        target: idOf(member),
        trail: [],
        accepted: true,
        purpose: 'island',
        splice: undefined,
      })
    expect(dialled).toHaveLength(10) // its eight, and two that any node may have more
  })
})
