import { expect, it } from 'vitest'
import { remoteAddressOf } from '../../../src/engine/remote-address.js'

const remote = { id: 'r', type: 'remote-candidate', address: '198.51.100.1', port: 9 }
const pair = { id: 'p', type: 'candidate-pair', remoteCandidateId: 'r' }
const transport = { id: 't', type: 'transport', selectedCandidatePairId: 'p' }

it.each([
  ['of the selected pair of the transport', [remote, pair, transport]],
  ['of a pair with `selected`', [remote, { ...pair, selected: true }]],
  ['of a pair that is nominated and succeeded', [remote, { ...pair, nominated: true, state: 'succeeded' }]],
  ['in the older field `ip`', [{ ...remote, address: undefined, ip: '198.51.100.1' }, pair, transport]],
])('finds the remote address %s', (_how, report) => {
  expect(remoteAddressOf(report)).toEqual({ address: '198.51.100.1', port: 9 })
})

it.each([
  ['there are no statistics', []],
  ['no pair is selected', [remote, pair]],
  ['the address is hidden', [{ ...remote, address: '' }, pair, transport]],
  ['the candidate is missing', [pair, transport]],
])('returns undefined if %s', (_why, report) => {
  expect(remoteAddressOf(report)).toBeUndefined()
})
