import { expect, it } from 'vitest'
import { remoteAddressOf } from '../../../src/engine/remote-address.js'

const remote = { id: 'r', type: 'remote-candidate', address: '198.51.100.1', port: 9 }
const pair = { id: 'p', type: 'candidate-pair', remoteCandidateId: 'r' }
const transport = { id: 't', type: 'transport', selectedCandidatePairId: 'p' }

it.each([
  ['by the transport', [remote, pair, transport]],
  ['by a pair that says selected', [remote, { ...pair, selected: true }]],
  ['by a pair that was nominated and succeeded', [remote, { ...pair, nominated: true, state: 'succeeded' }]],
  ['under the old name', [{ ...remote, address: undefined, ip: '198.51.100.1' }, pair, transport]],
])('finds the other end %s', (_how, report) => {
  expect(remoteAddressOf(report)).toEqual({ address: '198.51.100.1', port: 9 })
})

it.each([
  ['nothing is there', []],
  ['no pair is chosen', [remote, pair]],
  ['the address is hidden', [{ ...remote, address: '' }, pair, transport]],
  ['the candidate is gone', [pair, transport]],
])('says nothing when %s', (_why, report) => {
  expect(remoteAddressOf(report)).toBeUndefined()
})
