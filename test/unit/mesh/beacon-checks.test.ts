import { describe, expect, test } from 'vitest'
import { BeaconChecks } from '../../../src/mesh/beacon-checks.js'
import type { Beacon } from '../../../src/mesh/core/wire/messages.js'
import type { MeshEdge } from '../../../src/mesh/mesh-edge.js'

const beacon = (number: number): Beacon => ({
  type: 'beacon',
  root: '0'.repeat(40),
  number,
  size: 3,
  key: new Uint8Array(32),
  signature: new Uint8Array(64),
  depth: 0,
})

/** Checks whose verdicts a test gives. */
function checking() {
  const verdicts: Array<(isValid: boolean) => void> = []
  const checked: number[] = []
  const checks = new BeaconChecks({
    isValid: () => new Promise(resolve => verdicts.push(resolve)),
    checked: (_edge, { number }) => void checked.push(number),
  })
  const decide = async () => {
    verdicts.shift()?.(true)
    await new Promise<void>(resolve => queueMicrotask(() => queueMicrotask(() => queueMicrotask(resolve))))
  }
  return { checks, verdicts, checked, decide }
}

describe('the checks of beacons', () => {
  const [a, b] = [{}, {}] as [MeshEdge, MeshEdge] // only compared

  test('verify one beacon of each neighbour at a time, and then the latest that came [C5] [Law 6]', async () => {
    const { checks, verdicts, checked, decide } = checking()
    for (let number = 1; number <= 1_000; number++) checks.take(a, beacon(number))
    checks.take(b, beacon(7))
    expect(verdicts).toHaveLength(2)
    await decide()
    await decide()
    await decide()
    expect(verdicts).toHaveLength(0)
    expect(checked).toEqual([1, 7, 1_000])
    checks.take(a, beacon(1_001))
    expect(verdicts).toHaveLength(1)
  })

  test('verify no further beacon of a neighbour whose edge has ended [C5]', async () => {
    const { checks, verdicts, checked, decide } = checking()
    for (const number of [1, 2]) checks.take(a, beacon(number))
    checks.forget(a)
    await decide()
    expect(checked).toEqual([1])
    expect(verdicts).toHaveLength(0)
  })
})
