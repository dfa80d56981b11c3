import { describe, expect, test } from 'vitest'
import { Counters, type StageStep } from '../../../src/swarm/counters.js'

describe('X5 the counters', () => {
  test('give plain data, in all and by signalling, that does not change afterwards', () => {
    const counters = new Counters()
    counters.add('announced', 'hub')
    counters.add('offered', 'hub', 3)
    counters.add('offered', 'exchange')
    counters.because('refused', 'held', 'hub')
    counters.because('refused', 'held', 'exchange')
    counters.because('lost', 'closed', 'hub')
    const [all, each] = [counters.total(), counters.bySignaling()]
    expect(all).toMatchObject({ announced: 1, offered: 4, refused: { held: 2 }, lost: { closed: 1 }, failed: {} })
    expect(each).toMatchObject({
      hub: { announced: 1, offered: 3, refused: { held: 1 } },
      exchange: { offered: 1, announced: 0 },
    })
    counters.because('refused', 'held', 'hub')
    expect([all.refused, each['hub']?.refused]).toEqual([{ held: 2 }, { held: 1 }])
  })

  test('tell each step, and nothing when there is none', () => {
    const steps: StageStep[] = []
    const counters = new Counters(step => steps.push(step))
    counters.add('offered', 'hub', 2)
    counters.add('offered', 'hub', 0)
    counters.because('failed', 'ERR_ICE_FAILED', 'hub')
    expect(steps).toEqual([
      { stage: 'offered', signaling: 'hub', count: 2 },
      { stage: 'failed', signaling: 'hub', count: 1, reason: 'ERR_ICE_FAILED' },
    ])
  })
})
