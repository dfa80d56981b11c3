import { expect, test } from 'vitest'
import { CandidateAllowance } from '../../../src/core/candidate-allowance.js'
import { MAX_CANDIDATES } from '../../../src/core/sdp.js'

const lines = (count: number, type: string) =>
  Array.from({ length: count }, (_, i) => `candidate:1 1 udp 1 192.0.2.1 ${i} typ ${type}`)

test('a description is followed by 20 candidates at most, of which 14 are host candidates [B12] [Law 6]', () => {
  const allowance = new CandidateAllowance()
  const taken = [...lines(30, 'host'), ...lines(4, 'srflx'), ...lines(30, 'relay')].filter(line => allowance.take(line))
  expect(taken).toHaveLength(MAX_CANDIDATES)
  expect(taken.filter(line => line.endsWith('host'))).toHaveLength(14)
  expect(taken.filter(line => line.endsWith('srflx'))).toHaveLength(4)
})
