import { describe, expect, test } from 'vitest'
import { BoundedMap } from '../../../src/core/bounded-map.js'

describe('BoundedMap', () => {
  test('deletes the oldest key when there is one too many [Law 6]', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1).set('b', 2).set('c', 3)
    expect([...map]).toEqual([
      ['b', 2],
      ['c', 3],
    ])
  })

  test('makes a key that is set again the newest [Law 6]', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1).set('b', 2).set('a', 3).set('c', 4)
    expect([...map]).toEqual([
      ['a', 3],
      ['c', 4],
    ])
  })
})
