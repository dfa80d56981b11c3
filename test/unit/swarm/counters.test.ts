import { describe, expect, test } from 'vitest'
import { Counters, type StageStep } from '../../../src/swarm/counters.js'

describe('the counters of a swarm', () => {
  test('return plain data, in total and by signalling, that does not change afterwards [X5]', () => {
    const counters = new Counters()
    counters.add('announced', 'hub')
    counters.add('offered', 'hub', 3)
    counters.add('offered', 'exchange')
    counters.because('refused', 'connected', 'hub')
    counters.because('refused', 'connected', 'exchange')
    counters.because('lost', 'closed', 'hub')
    const [all, each] = [counters.total(), counters.bySignaling()]
    expect(all).toMatchObject({ announced: 1, offered: 4, refused: { connected: 2 }, lost: { closed: 1 }, failed: {} })
    expect(each).toMatchObject({
      hub: { announced: 1, offered: 3, refused: { connected: 1 } },
      exchange: { offered: 1, announced: 0 },
    })
    counters.because('refused', 'connected', 'hub')
    expect([all.refused, each['hub']?.refused]).toEqual([{ connected: 2 }, { connected: 1 }])
  })

  test('emit each step, and none when there is none [X5]', () => {
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
