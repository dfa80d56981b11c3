import { describe, expect, it } from 'vitest'
import { randomId } from '../../../../src/core/id.js'
import { swarmContext } from '../../../support/fakes/swarm-context.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import { World } from '../../../simulate/world.js'

function setUp() {
  const env = new VirtualEnv()
  return { env, gater: swarmContext({ env, self: randomId(env) }).gater }
}

describe('ConnectionGater after failed attempts', () => {
  it('admits a peer after each of seven failures, and refuses it from the eighth on [D5]', () => {
    const { env, gater } = setUp()
    const peer = randomId(env)
    for (let miss = 0; miss < 7; miss++) {
      gater.missed(peer, 'failed', 'hub')
      expect(gater.judgeOffer(peer, 'hub')).toBeUndefined()
      expect(gater.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: true })
    }
    gater.missed(peer, 'failed', 'hub')
    expect(gater.judgeOffer(peer, 'hub')).toBe('seen')
    expect(gater.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: false, reason: 'seen' })
  })

  it('admits a peer once more after a timeout [D5]', () => {
    const { env, gater } = setUp()
    const peer = randomId(env)
    gater.missed(peer, 'timeout', 'hub')
    expect(gater.judgeOffer(peer, 'hub')).toBeUndefined()
    gater.missed(peer, 'timeout', 'hub')
    expect(gater.judgeOffer(peer, 'hub')).toBe('seen')
  })

  it('still admits the peer over another signalling: replayed offers cannot keep it out [D5]', () => {
    const { env, gater } = setUp()
    const peer = randomId(env)
    for (let miss = 0; miss < 2; miss++) gater.missed(peer, 'timeout', 'hub')
    expect([gater.judgeOffer(peer, 'hub'), gater.judgeOffer(peer, 'exchange')]).toEqual(['seen', undefined])
  })

  it('forgets a peer after thousands of others [D5]', () => {
    const { env, gater } = setUp()
    const peer = randomId(env)
    for (let miss = 0; miss < 7; miss++) gater.missed(peer, 'failed', 'hub')
    for (let other = 0; other < 5_000; other++) gater.missed(randomId(env), 'failed', 'hub')
    gater.missed(peer, 'failed', 'hub')
    expect(gater.judgeOffer(peer, 'hub')).toBeUndefined()
  })

  it('refuses only the offers of a peer that offered: it may have refused the answers, which a tracker does not report [D5]', () => {
    const { env, gater } = setUp()
    const peer = randomId(env)
    for (let miss = 0; miss < 2; miss++) gater.missed(peer, 'timeout', 'hub', { role: 'answerer' })
    expect(gater.judgeOffer(peer, 'hub')).toBe('seen')
    expect(gater.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: true })
    for (let miss = 0; miss < 2; miss++) gater.missed(peer, 'timeout', 'hub')
    expect(gater.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: false, reason: 'seen' })
  })
})

describe('two peers after a refusal by one application', () => {
  it.each([1, 2, 3, 4])('meet as soon as the refusal expires, and do not avoid each other in turns: seed %i [D5]', async seed => {
    const world = new World({ seed })
    let refuses = true
    world.join({ admit: () => !refuses })
    world.join()
    await world.env.advance(30_000)
    refuses = false
    await world.env.until(() => world.missingLinks() === 0, 45_000)
    expect(world.missingLinks()).toBe(0)
    await world.closeAll()
  })
})
