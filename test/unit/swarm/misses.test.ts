import { describe, expect, it } from 'vitest'
import { randomId } from '../../../src/core/id.js'
import { Coordinator } from '../../../src/swarm/coordinator.js'
import { VirtualEnv } from '../../support/virtual-env.js'
import { World } from './world.js'

const PACE = { announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1, refreshInterval: 30_000 }

function coordinator() {
  const env = new VirtualEnv()
  return { env, coordinator: new Coordinator<never>(env, randomId(env), () => false, { ...PACE, maxPeers: 50 }) }
}

describe('D5 a peer with which something went wrong', () => {
  it('is tried again at once, seven times, and only then rests', () => {
    const { env, coordinator: swarm } = coordinator()
    const peer = randomId(env)
    for (let miss = 0; miss < 7; miss++) {
      swarm.missed(peer, 'failed', 'hub')
      expect(swarm.judgeOffer(peer, 'hub')).toBeUndefined()
      expect(swarm.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: true })
    }
    swarm.missed(peer, 'failed', 'hub')
    expect(swarm.judgeOffer(peer, 'hub')).toBe('seen')
    expect(swarm.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: false, reason: 'seen' })
  })

  it('is tried once more when it did not answer in time', () => {
    const { env, coordinator: swarm } = coordinator()
    const peer = randomId(env)
    swarm.missed(peer, 'timeout', 'hub')
    expect(swarm.judgeOffer(peer, 'hub')).toBeUndefined()
    swarm.missed(peer, 'timeout', 'hub')
    expect(swarm.judgeOffer(peer, 'hub')).toBe('seen')
  })

  it('may still come another way: who brings old descriptions of it keeps nobody else from bringing it', () => {
    const { env, coordinator: swarm } = coordinator()
    const peer = randomId(env)
    for (let miss = 0; miss < 2; miss++) swarm.missed(peer, 'timeout', 'hub')
    expect([swarm.judgeOffer(peer, 'hub'), swarm.judgeOffer(peer, 'exchange')]).toEqual(['seen', undefined])
  })

  it('is not remembered when thousands of others follow', () => {
    const { env, coordinator: swarm } = coordinator()
    const peer = randomId(env)
    for (let miss = 0; miss < 7; miss++) swarm.missed(peer, 'failed', 'hub')
    for (let other = 0; other < 5_000; other++) swarm.missed(randomId(env), 'failed', 'hub')
    swarm.missed(peer, 'failed', 'hub')
    expect(swarm.judgeOffer(peer, 'hub')).toBeUndefined()
  })

  it('has only its offers refused when it called: it may have refused the answers, which a tracker does not tell', () => {
    const { env, coordinator: swarm } = coordinator()
    const peer = randomId(env)
    for (let miss = 0; miss < 2; miss++) swarm.missed(peer, 'timeout', 'hub', { role: 'callee' })
    expect(swarm.judgeOffer(peer, 'hub')).toBe('seen')
    expect(swarm.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: true })
    for (let miss = 0; miss < 2; miss++) swarm.missed(peer, 'timeout', 'hub')
    expect(swarm.judgeAnswer(peer, true, 'hub')).toMatchObject({ go: false, reason: 'seen' })
  })
})

describe('D5 two peers of which one was refused by the application of the other for a while', () => {
  it.each([1, 2, 3, 4])('meet as soon as the refusal is forgotten, and do not avoid each other in turns: seed %i', async seed => {
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
