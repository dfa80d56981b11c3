import { expect, test } from 'vitest'
import { oncePerTurn } from '../../../src/core/once-per-turn.js'

test('oncePerTurn() runs once at the end of the turn, however often it is called, and again in a later turn', async () => {
  let runs = 0
  const soon = oncePerTurn(() => void runs++)
  soon()
  soon()
  expect(runs).toBe(0)
  await Promise.resolve()
  expect(runs).toBe(1)
  soon()
  await Promise.resolve()
  expect(runs).toBe(2)
})
