import { describe, expect, test } from 'vitest'
import { offererWins, negotiate, type Negotiation, type Step } from '../../../src/peer/negotiation.js'

const states: Negotiation[] = ['offered', 'answering', 'connecting', 'open', 'leaving', 'closed']
const steps: Step[] = ['answer', 'answered', 'open', 'leave']

/** Every pair that changes the state. All others keep it. */
const moves: Record<string, Negotiation> = {
  'offered answer': 'connecting',
  'answering answered': 'connecting',
  'answering open': 'open',
  'connecting open': 'open',
  'open leave': 'leaving',
}

const pairs = states.flatMap(state => steps.map(step => ({ title: `${state} ${step}`, state, step })))

describe('Negotiation', () => {
  test.each(pairs)('$title [Law 3]', ({ title, state, step }) => {
    expect(negotiate(state, step)).toBe(moves[title] ?? state)
  })

  test('keeps the attempt of the higher id at both ends on glare [A9] [Law 3]', () => {
    const [low, high] = ['0f'.repeat(20), 'f0'.repeat(20)]
    expect(offererWins(high, low)).toBe(true)
    expect(offererWins(low, high)).toBe(false)
  })
})
