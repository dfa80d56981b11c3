import { describe, expect, test } from 'vitest'
import { decodeControl } from '../../src/channel/control/codec.js'
import { toHex } from '../../src/core/bytes.js'
import type { SwarmlinkError } from '../../src/core/errors.js'
import type { RemotePeer } from '../../src/peer/remote-peer.js'
import { CommonTopics } from '../../src/swarm/session/common-topics.js'
import { SharedTopics } from '../../src/swarm/session/shared-topics.js'
import { VirtualEnv } from '../support/fakes/virtual-env.js'
import { introduce } from './introduce.js'
import { type Node, type NodeOptions, World } from './world.js'

const [A, B] = ['aa'.repeat(20), 'bb'.repeat(20)]
const unshared: NodeOptions = { shares: () => false }
const alive = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected').length
const links = ({ runtime }: Node) => [...runtime.sharedTopics.sessions]

/** Counts the topics shown to this node from now on. */
function heard({ engine }: Node): () => number {
  let count = 0
  for (const connection of engine.alive)
    for (const channel of connection.channels)
      channel.on('message', message => {
        if (channel.label !== 'swarmlink:control' || typeof message === 'string') return
        for (const frame of decodeControl(message)) if (frame.type === 'topics') count += frame.hashes.length
      })
  return () => count
}

describe('two clients with three topics in common', () => {
  test.each([
    ['shares no connection', [unshared, {}]],
    ['shares no connection, the second', [{}, unshared]],
    ['shares no connection, like the other', [unshared, unshared]],
  ])('meet under each topic over a separate connection where one %s [X1] [X2]', async (_which, options) => {
    for (const seed of [1, 2, 3, 4]) {
      const world = new World({ seed })
      const nodes = options.map(option => world.join(option))
      const swarms = nodes.flatMap(node => [node.swarm, node.also(A), node.also(B)])
      await world.env.until(() => swarms.every(({ peers }) => peers.length === 1), 12_000)
      await world.env.advance(2_000)
      expect(swarms.map(({ peers }) => peers.length)).toEqual(Array(6).fill(1))
      expect(nodes.map(alive)).toEqual([3, 3])
      await world.closeAll()
      await world.env.advance(1_000)
      expect([world.net.alive, world.env.pendingTimers]).toEqual([0, 0])
    }
  })

  test('ask once per connection whether to share it, with the peer and its signalling [X1] [X2]', async () => {
    const world = new World()
    const asked: string[] = []
    const [one, two] = [
      world.join({ shares: ({ announceId }, source) => asked.push(`${source} ${announceId}`) > 0 }),
      world.join(),
    ]
    const swarms = [one, two].flatMap(node => [node.swarm, node.also(A)])
    await world.env.until(() => swarms.every(({ peers }) => peers.length === 1), 12_000)
    expect(asked).toEqual([`tracker ${two.announceId}`])
    expect(alive(one)).toBe(1)
    await world.closeAll()
  })
})

describe('a peer that nothing is shared with', () => {
  test('is shown no topics, and what it shows or opens matches none [X2]', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const world = new World({ seed })
      const [one, two] = [world.join(unshared), world.join()]
      await world.env.until(() => world.missingLinks() === 0, 10_000)
      world.hub.stop()
      const toTwo = heard(two)
      const further = [one.also(A), two.also(A)]
      await world.env.advance(20_000)
      expect(toTwo()).toBe(0)
      expect(further.map(({ peers }) => peers.length)).toEqual([0, 0])
      await world.closeAll()
    }
  })

  test('still takes part in peer exchange [X2]', async () => {
    const world = new World()
    const nodes = [1, 2, 3].map(() => world.join({ ...unshared, exchange: true, hubs: [] }))
    const [one, two, three] = nodes as [Node, Node, Node] // as many as were joined
    await introduce(world, one, two)
    await introduce(world, two, three)
    await world.env.until(() => world.missingLinks(nodes) === 0, 20_000)
    expect(
      links(one)
        .map(({ remote }) => remote)
        .toSorted(),
    ).toEqual([two.announceId, three.announceId].toSorted())
    await world.closeAll()
  })
})

describe('a peer that enumerates topic hashes', () => {
  function setUp(role: 'offerer' | 'answerer') {
    const env = new VirtualEnv()
    const faults: SwarmlinkError[] = []
    const nothing = () => {}
    const topics = new CommonTopics({
      env,
      peer: { state: 'open' } as RemotePeer, // no topic is ever met
      role,
      sharedTopics: new SharedTopics(),
      control: { show: nothing, hide: nothing, topics: new Set() },
      hash: topic => topic,
      open: nothing,
      joined: nothing,
      left: nothing,
      done: nothing,
      fault: error => faults.push(error),
    })
    const names = (count: number) => Array.from({ length: count }, () => toHex(env.randomBytes(8)))
    return { env, topics, faults, names }
  }

  test('is cut off by its offerer after 8,192 hashes, and ten more a second [X2]', async () => {
    const { env, topics, faults, names } = setUp('offerer')
    for (let i = 0; i < 4; i++) topics.found(names(2_048))
    expect(faults).toEqual([])
    await env.advance(10_000)
    topics.found(names(100))
    expect(faults).toEqual([])
    topics.found(names(1))
    expect(faults).toMatchObject([{ code: 'ERR_BAD_FRAME' }])
  })

  test('is cut off by its answerer after a thousand channels of unknown topics [X2]', async () => {
    const { env, topics, faults, names } = setUp('answerer')
    for (let i = 0; i < 100; i++) {
      for (const name of names(10)) topics.opened(name)
      await env.advance(1_000)
    }
    expect(faults).toEqual([])
    for (let i = 0; i < 30; i++) {
      for (const name of names(10)) topics.opened(name)
      await env.advance(1_000)
    }
    expect(faults[0]).toMatchObject({ code: 'ERR_BAD_FRAME' })
  })
})
