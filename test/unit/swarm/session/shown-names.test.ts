import { describe, expect, test } from 'vitest'
import { ShownNames } from '../../../../src/swarm/session/shown-names.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const SIZE = 8

function setUp(most = 2_048) {
  const shown = new Set<string>()
  const names = new ShownNames({
    env: new VirtualEnv(),
    size: SIZE,
    most,
    control: {
      show(added) {
        for (const name of added) shown.add(name)
        expect(shown.size).toBeLessThanOrEqual(most)
      },
      hide(hidden) {
        for (const name of hidden) expect(shown.delete(name)).toBe(true)
      },
    },
  })
  const name = (nth: number) => nth.toString(16).padStart(2 * SIZE, '0')
  return { names, shown, name }
}

describe('ShownNames', () => {
  test('shows the next power of two, four at least, also without topics [X1] [X2]', () => {
    const { names, shown, name } = setUp()
    names.start()
    const sizes = new Map([[0, shown.size]])
    for (let count = 1; count <= 40; count++) {
      names.show(name(count))
      sizes.set(count, shown.size)
    }
    expect([0, 1, 4, 5, 8, 9, 16, 17, 32, 33, 40].map(count => sizes.get(count))).toEqual([4, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64])
    for (let count = 40; count >= 1; count--) names.hide(name(count))
    expect(shown.size).toBe(4)
  })

  test('pads with hashes of the same form, and shows each topic until it is hidden [X1] [X2]', () => {
    const { names, shown, name } = setUp()
    for (let count = 1; count <= 20; count++) names.show(name(count))
    for (let count = 1; count <= 20; count++) expect(shown).toContain(name(count))
    for (const one of shown) expect(one).toMatch(/^[0-9a-f]{16}$/)
    names.hide(name(3))
    names.hide(name(3))
    names.show(name(4))
    expect(shown.has(name(3))).toBe(false)
    expect(shown.size).toBe(32)
  })

  test("takes no room from real topics: it pads up to the remote's limit, and no further [X1] [X2]", () => {
    const { names, shown, name } = setUp(16)
    for (let count = 1; count <= 16; count++) names.show(name(count))
    expect(shown).toEqual(new Set(Array.from({ length: 16 }, (_, i) => name(i + 1))))
    names.hide(name(1))
    expect(shown.size).toBe(16)
  })
})
