import { describe, expect, test } from 'vitest'
import { channelsOf, loseArriving, sharingPair, sides } from './lost-channels.js'

const CONTROL = /^swarmlink:control$/

describe('peers whose control channel is lost', () => {
  test.each([1, 2, 3])('find a further topic on their connection within 3 s after %d losses at birth [X1]', async times => {
    const { world, nodes, further, swarms } = await sharingPair(both => both.forEach(node => loseArriving(node, CONTROL, times)))
    await world.env.advance(3_000)
    expect(swarms.map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
    expect(nodes.map(({ engine }) => engine.alive.filter(({ state }) => state === 'connected').length)).toEqual([1, 1])
    expect(further.map(({ connections }) => connections.length)).toEqual([1, 1])
    await world.closeAll()
  })

  test.each(['offerer', 'answerer'] as const)('find a topic that is added after the %s closed the channel [X1]', async side => {
    const { world, nodes, swarms } = await sharingPair()
    await world.env.advance(60_000)
    for (const channel of channelsOf(sides(nodes)[side], CONTROL)) channel.close()
    const B = 'bb'.repeat(20)
    const late = nodes.map(node => node.also(B))
    await world.env.advance(1_000)
    expect([...swarms, ...late].map(({ peers }) => peers.length)).toEqual(Array(6).fill(1))
    await world.closeAll()
  })

  test('end the connection with a reason after repeated losses, meet anew once, and then back off [X1]', async () => {
    const { world, nodes } = await sharingPair(both => both.forEach(node => loseArriving(node, CONTROL, 1_000)), { meet: true })
    const lost: string[] = []
    for (const { swarm } of nodes) swarm.on('lost', (_peer, error) => lost.push(error?.code ?? 'closed'))
    await world.env.advance(20_000)
    expect(new Set(lost)).toEqual(new Set(['ERR_CHANNEL_LOST']))
    for (const { swarm } of nodes) expect(swarm.peers).toEqual([])
    const connected = world.net.connected
    expect(connected).toBeLessThanOrEqual(4)
    await world.env.advance(600_000)
    expect(world.net.connected - connected).toBeLessThan(600_000 / 7_500) // two per 30 s
    expect(nodes.flatMap(({ swarm }) => Object.keys(swarm.stages().lost))).toContain('ERR_CHANNEL_LOST')
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })
})
