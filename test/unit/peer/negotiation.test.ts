import { describe, expect, test } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { callerWins, negotiate, type Negotiation, type Step } from '../../../src/peer/negotiation.js'

const error = new SwarmlinkError('ERR_ICE_FAILED', 'no path')
const states: Negotiation[] = [
  { name: 'offered' },
  { name: 'answering' },
  { name: 'connecting', role: 'caller' },
  { name: 'connecting', role: 'callee' },
  { name: 'open', role: 'caller' },
  { name: 'open', role: 'callee' },
  { name: 'leaving', role: 'caller' },
  { name: 'leaving', role: 'callee' },
  { name: 'closed', error: undefined },
]
const steps: Step[] = [{ name: 'answer' }, { name: 'answered' }, { name: 'open' }, { name: 'leave' }, { name: 'close', error }]

/** Every pair that moves; all others stay. */
const moves: Record<string, Negotiation> = {
  'offered answer': { name: 'connecting', role: 'caller' },
  'answering answered': { name: 'connecting', role: 'callee' },
  'answering open': { name: 'open', role: 'callee' },
  'connecting caller open': { name: 'open', role: 'caller' },
  'connecting callee open': { name: 'open', role: 'callee' },
  'open caller leave': { name: 'leaving', role: 'caller' },
  'open callee leave': { name: 'leaving', role: 'callee' },
}

const key = (state: Negotiation) => ('role' in state ? `${state.name} ${state.role}` : state.name)
const pairs = states.flatMap(state => steps.map(step => ({ title: `${key(state)} ${step.name}`, state, step })))

describe('Law 3 the negotiation of a connection', () => {
  test.each(pairs)('$title', ({ title, state, step }) => {
    const closes = step.name === 'close' && state.name !== 'closed'
    expect(negotiate(state, step)).toEqual(closes ? { name: 'closed', error } : (moves[title] ?? state))
  })

  test('A9 the call of the higher id wins, and both sides say so', () => {
    const [low, high] = ['0f'.repeat(20), 'f0'.repeat(20)]
    expect(callerWins(high, low)).toBe(true)
    expect(callerWins(low, high)).toBe(false)
  })
})
