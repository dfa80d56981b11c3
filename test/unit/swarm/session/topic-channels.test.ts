import { describe, expect, test } from 'vitest'
import type { DataConnection } from '../../../../src/channel/messages/data-connection.js'
import type { SwarmlinkError } from '../../../../src/core/errors.js'
import { channelsOf, loseArriving, sharingPair, sides } from '../../../simulate/lost-channels.js'

const CONTROL = /^swarmlink:control$/
const MESSAGES = /^swarmlink:messages/
const WIRE = /^swarmlink:wire/

describe('a message channel that is lost', () => {
  test.each([
    ['of the first topic', /^swarmlink:messages$/],
    ['of a further topic', /^swarmlink:messages:/],
  ])('is reopened after a loss at birth: %s [X1]', async (_, label) => {
    const { world, swarms } = await sharingPair(both => both.forEach(node => loseArriving(node, label)))
    await world.env.advance(1_000)
    expect(swarms.map(({ connections }) => connections.length)).toEqual([1, 1, 1, 1])
    const [one, two] = [swarms[0]?.connections[0], swarms[1]?.connections[0]]
    const heard: unknown[] = []
    for (const end of [one, two]) end?.on('data', data => heard.push(data))
    one?.send('there')
    two?.send('here')
    await world.env.advance(100)
    expect(heard).toEqual(['there', 'here'])
    await world.closeAll()
  })

  test.each(['offerer', 'answerer'] as const)(
    'is replaced by another connection at both ends after a later loss at the %s [X1]',
    async side => {
      const { world, nodes, swarms } = await sharingPair()
      await world.env.advance(60_000)
      const before = swarms.map(({ connections }) => connections[0])
      const told: DataConnection[] = []
      for (const swarm of swarms) swarm.on('connection', connection => told.push(connection))
      for (const channel of channelsOf(sides(nodes)[side], MESSAGES)) channel.end()
      await world.env.advance(1_000)
      const after = swarms.map(({ connections }) => connections[0])
      expect(after.filter(connection => connection !== undefined)).toHaveLength(4)
      expect(after.filter(connection => before.includes(connection))).toEqual([])
      expect(new Set(told)).toEqual(new Set(after))
      expect(swarms.map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
      await world.closeAll()
    },
  )

  test('ends the topic on this connection after repeated losses, while the other topic continues [X1]', async () => {
    const { world, further, nodes } = await sharingPair(both =>
      both.forEach(node => loseArriving(node, /^swarmlink:messages:/, 4)),
    )
    const errors: Array<SwarmlinkError | undefined> = []
    for (const swarm of further) swarm.on('lost', (_peer, error) => errors.push(error))
    await world.env.advance(5_000)
    expect(errors.map(error => error?.code)).toEqual(['ERR_CHANNEL_LOST', 'ERR_CHANNEL_LOST'])
    expect(nodes.map(({ swarm }) => `${swarm.peers.length} ${swarm.connections.length}`)).toEqual(['1 1', '1 1'])
    await world.env.advance(120_000)
    expect(further.map(({ connections }) => connections.length)).toEqual([1, 1])
    await world.closeAll()
  })
})

describe('a message channel that an application closes', () => {
  test.each(['offerer', 'answerer'] as const)('stays closed at the %s, and the peer stays [X1]', async side => {
    const { world, nodes, further, swarms } = await sharingPair()
    await world.env.advance(1_000)
    const told: DataConnection[] = []
    for (const swarm of swarms) swarm.on('connection', connection => told.push(connection))
    const closing = sides(nodes)[side]
    for (const swarm of [closing.swarm, further[nodes.indexOf(closing)]]) void swarm?.connections[0]?.close()
    await world.env.advance(600_000)
    expect(swarms.map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
    expect(swarms.map(({ connections }) => connections.length)).toEqual([0, 0, 0, 0])
    expect(told).toEqual([])
    await world.closeAll()
  })

  test('stays closed while the control channel is lost as well [X1]', async () => {
    const { world, nodes, swarms } = await sharingPair()
    await world.env.advance(1_000)
    const { answerer } = sides(nodes)
    for (const channel of channelsOf(answerer, CONTROL)) channel.end()
    void answerer.swarm.connections[0]?.close()
    await world.env.advance(600_000)
    expect(swarms.map(({ peers }) => peers.length)).toEqual([1, 1, 1, 1])
    expect(nodes.map(({ swarm }) => swarm.connections.length)).toEqual([0, 0])
    await world.closeAll()
  })
})

describe('a wire of a further topic that is lost', () => {
  test('is reopened when it was lost before opening, without a delay for the topic [X1]', async () => {
    const { world, further } = await sharingPair(both => both.forEach(node => loseArriving(node, WIRE)))
    await world.env.advance(1_000)
    expect(further.map(({ peers }) => peers.length)).toEqual([1, 1])
    await world.closeAll()
  })

  test('ends the attempt after repeated losses, and leaves nothing behind [X1]', async () => {
    const { world, nodes, further } = await sharingPair(both => both.forEach(node => loseArriving(node, WIRE, 1_000)))
    const failed: string[] = []
    for (const swarm of further) swarm.on('failed', ({ error }) => failed.push(error.code))
    await world.env.advance(30_000)
    expect(failed).toContain('ERR_CHANNEL_LOST')
    expect(nodes.map(node => channelsOf(node, WIRE).length)).toEqual([0, 0])
    expect(nodes.map(({ swarm }) => swarm.peers.length)).toEqual([1, 1])
    await world.closeAll()
    expect(world.net.alive).toBe(0)
  })
})
