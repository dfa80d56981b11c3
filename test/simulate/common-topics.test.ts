import { afterEach, describe, expect, test, vi } from 'vitest'
import { ControlChannel } from '../../src/channel/control/control-channel.js'
import { randomId } from '../../src/core/id.js'
import type { TopicPeer } from '../../src/peer/topic-peer.js'
import type { PeerSession } from '../../src/swarm/session/peer-session.js'
import type { Swarm } from '../../src/swarm/swarm.js'
import { parseSdp } from '../../src/core/sdp.js'
import { FakeHub } from '../support/fakes/fake-signaling.js'
import { offerSdp } from '../support/sdp-samples.js'
import { type Node, World } from './world.js'

const A = 'aa'.repeat(20)
const B = 'bb'.repeat(20)
/** How soon a connected pair must meet under a topic in common. */
const SOON = 3_000

const alive = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected').length
const counts = (swarms: Swarm[]) => swarms.map(({ peers }) => peers.length)
const met = (swarms: Swarm[]) => swarms.every(({ peers }) => peers.length === 1)

function only<T>(items: Iterable<T>): T {
  const [item, more] = items
  if (item === undefined || more !== undefined) throw new Error('there is not exactly one')
  return item
}

const linkOf = ({ runtime }: Node): PeerSession => only(runtime.sharedTopics.sessions)
const peerOf = ({ peers }: Swarm): TopicPeer => only(peers)

/** Two nodes connected under the topic of their world, whose tracker is stopped: the offerer and the answerer. */
async function pair(world: World, ...rest: Array<Parameters<World['join']>[0]>): Promise<[Node, Node]> {
  const nodes = [world.join(rest[0]), world.join(rest[1])]
  await world.env.until(() => world.missingLinks(nodes) === 0, 10_000)
  await world.env.advance(500)
  world.hub.stop()
  const offerer = nodes.find(node => linkOf(node).role === 'offerer')
  const answerer = nodes.find(node => linkOf(node).role === 'answerer')
  if (offerer === undefined || answerer === undefined) throw new Error('both ends have the same role')
  return [offerer, answerer]
}

/** Orders the nodes so that the named one comes first. */
function callerFirst(who: 'offerer' | 'answerer', [offerer, answerer]: [Node, Node]): [Node, Node] {
  return who === 'offerer' ? [offerer, answerer] : [answerer, offerer]
}

/** Counts the peers that each swarm has met. */
function tally(...swarms: Swarm[]): number[] {
  const peers = swarms.map(() => 0)
  for (const [nth, swarm] of swarms.entries()) swarm.on('peer', () => (peers[nth] = (peers[nth] ?? 0) + 1))
  return peers
}

afterEach(() => vi.restoreAllMocks())

describe.each(['offerer', 'answerer'] as const)('a topic in common, when the %s', who => {
  test('resumes it, has a peer within 3 s although no tracker wakes it [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    let paused = true
    const swarms = [one.also(A, { paused: () => paused }), two.also(A)]
    await world.env.advance(20_000)
    expect(counts(swarms)).toEqual([0, 0])
    paused = false
    await world.env.until(() => met(swarms), SOON)
    await world.closeAll()
  })

  test('pauses it between showing and opening, is met again within 3 s of resuming [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    let paused = false
    const mine = one.also(A, { paused: () => paused })
    await world.env.advance(1_000)
    paused = true
    const theirs = two.also(A)
    await world.env.advance(20_000)
    expect(counts([mine, theirs])).toEqual([0, 0])
    paused = false
    await world.env.until(() => met([mine, theirs]), SOON)
    await world.closeAll()
  })

  test('loses its wire there, has the next within 3 s, and one peer per wire [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const swarms = [one.also(A), two.also(A)] as const
    await world.env.until(() => met([...swarms]), SOON)
    await world.env.advance(60_000)
    const peers = tally(...swarms)
    peerOf(swarms[0]).destroy()
    await world.env.advance(500)
    expect(counts([...swarms])).toEqual([0, 0])
    await world.env.until(() => met([...swarms]), SOON - 500)
    await world.env.advance(5_000)
    expect([peers, alive(one), alive(two)]).toEqual([[1, 1], 1, 1])
    await world.closeAll()
  })

  test('loses each wire at once, retries with back-off up to 60 s, and soon again after one has lasted [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const swarms = [one.also(A), two.also(A)] as const
    const at: number[] = []
    const close = (peer: TopicPeer) => {
      at.push(world.env.now())
      peer.destroy()
    }
    swarms[0].on('peer', close)
    await world.env.advance(600_000)
    const gaps = at.slice(1).map((time, nth) => Math.round((time - (at[nth] ?? 0)) / 1_000))
    expect(gaps.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60])
    expect(at.length).toBeLessThan(16)
    swarms[0].off('peer', close)
    await world.env.until(() => met([...swarms]), 61_000)
    await world.env.advance(31_000)
    peerOf(swarms[0]).destroy()
    await world.env.until(() => met([...swarms]) && at.length > 0, SOON)
    await world.closeAll()
  })

  test('leaves and rejoins at once, is met at once, with one peer on each side [X1]', async () => {
    const world = new World({ bandwidth: 10 })
    const [one, two] = callerFirst(who, await pair(world))
    const theirs = two.also(A)
    let mine = one.also(A)
    await world.env.until(() => met([mine, theirs]), SOON)
    let channels = 0
    for (const { engine } of [one, two]) for (const connection of engine.alive) connection.on('channel', () => channels++)
    for (const gap of [0, 0, 300]) {
      await world.env.advance(1_000)
      channels = 0
      const heard = tally(theirs)
      mine.connections[0]?.send('x'.repeat(2_000)) // closing takes longer than opening another channel
      await mine.close()
      if (gap > 0) await world.env.advance(gap)
      mine = one.also(A)
      const own = tally(mine)
      await world.env.until(() => own[0] === 1 && met([mine, theirs]), 1_000)
      await world.env.advance(1_000)
      expect([own, heard, channels]).toEqual([[1], [1], 2])
    }
    await world.closeAll()
  })

  test('leaves and rejoins without end, is met ever more seldom [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const theirs = two.also(A)
    const heard = tally(theirs)
    const rejoin = (): Swarm => one.also(A).on('peer', peer => void world.env.timer(0, () => void leave(peer)))
    const leave = async (peer: TopicPeer) => {
      await mine.close()
      expect(peer.state).toBe('closed')
      mine = rejoin()
    }
    let mine = rejoin()
    await world.env.advance(60_000)
    expect(heard[0]).toBeGreaterThan(4)
    expect(heard[0]).toBeLessThan(12)
    await world.closeAll()
  })

  test('is full, is met within 3 s when a slot is free again [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const mine = one.also(A, { limits: { ...limits(), maxPeers: 1 } })
    const hub = new FakeHub(world.env, { name: 'of A' })
    const third = world.join({ hubs: [] })
    const other = third.also(A)
    for (const swarm of [mine, other]) swarm.attach(hub.client())
    await world.env.until(() => met([mine, other]), 10_000)
    hub.stop()
    const theirs = two.also(A)
    await world.env.advance(130_000) // refused repeatedly meanwhile
    expect(counts([mine, theirs])).toEqual([1, 0])
    await other.close()
    await world.env.until(() => theirs.peers.length === 1 && mine.peers.length === 1, SOON)
    expect(peerOf(mine).remote.announceId).toBe(two.announceId)
    await world.closeAll()
  })

  test('becomes full between showing and opening, is met within 3 s when a slot is free again [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const mine = one.also(A, { limits: { ...limits(), maxPeers: 1 } })
    await world.env.advance(1_000)
    const hub = new FakeHub(world.env, { name: 'of A' })
    const third = world.join({ hubs: [] })
    const other = third.also(A)
    for (const swarm of [mine, other]) swarm.attach(hub.client())
    await world.env.until(() => met([mine, other]), 10_000)
    hub.stop()
    const theirs = two.also(A)
    await world.env.advance(20_000)
    expect(counts([mine, theirs])).toEqual([1, 0])
    await other.close()
    await world.env.until(() => theirs.peers.length === 1, SOON)
    await world.closeAll()
  })

  test.each([
    ['is refused', 300],
    ['is overdue', 1_000],
  ])('lost the last slot to an attempt, is met as soon as that %s [X1]', async (how, within) => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const mine = one.also(A, { limits: { ...limits(), maxPeers: 1 } })
    const hub = new FakeHub(world.env, { name: 'of A' })
    const client = hub.client()
    mine.attach(client)
    await world.env.advance(1_000)
    const [from, offerId] = [randomId(world.env), randomId(world.env)]
    client.hear(A, listener => listener.offer({ from, offerId, sdp: parseSdp(offerSdp) }))
    await world.env.until(() => mine.stages().answered === 1, 1_000)
    const theirs = two.also(A)
    await world.env.advance(300)
    expect(counts([mine, theirs])).toEqual([0, 0])
    if (how === 'is refused') client.hear(A, listener => listener.refused?.({ from, offerId }))
    await world.env.until(() => met([mine, theirs]), within)
    await world.closeAll()
  })

  test('frees one of 200 slots, fills it with a waiting topic within 3 s [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const topics = Array.from({ length: 210 }, () => randomId(world.env))
    const swarms = topics.map(topic => [one.also(topic), two.also(topic)] as const)
    const served = () => swarms.filter(([mine, theirs]) => mine.peers.length === 1 && theirs.peers.length === 1)
    await world.env.until(() => served().length === 199, 30_000) // and the topic that they met by
    await world.env.advance(5_000)
    expect(served().length).toBe(199)
    for (const [mine, theirs] of served().slice(0, 5)) {
      await mine.close()
      if (theirs === swarms[0]?.[1]) await theirs.close() // also when both sides leave
    }
    await world.env.until(() => served().length === 199, SOON)
    await world.env.advance(60_000)
    expect([served().length, alive(one), alive(two)]).toEqual([199, 1, 1])
    await world.closeAll()
  })

  test('did not want the remote for a while, is met soon after it does [X1]', async () => {
    const world = new World()
    const [one, two] = callerFirst(who, await pair(world))
    const mine = one.also(A)
    await world.env.advance(100)
    const shared = one.runtime.sharedTopics.get(A)
    if (shared === undefined) throw new Error('it is not shared')
    const wants = vi.spyOn(shared, 'wants').mockReturnValue(false)
    const theirs = two.also(A)
    await world.env.advance(2_000)
    expect(counts([mine, theirs])).toEqual([0, 0])
    wants.mockRestore()
    await world.env.until(() => met([mine, theirs]), SOON)
    await world.closeAll()
  })
})

describe('a topic in common', () => {
  test('is met again at once when both sides leave and rejoin at the same moment [X1]', async () => {
    const world = new World()
    const nodes = await pair(world)
    let swarms = nodes.map(node => node.also(A))
    await world.env.until(() => met(swarms), SOON)
    for (let i = 0; i < 3; i++) {
      await world.env.advance(1_000)
      await Promise.all(swarms.map(swarm => swarm.close()))
      swarms = nodes.map(node => node.also(A))
      await world.env.until(() => met(swarms), 1_500)
    }
    expect(nodes.map(alive)).toEqual([1, 1])
    await world.closeAll()
  })

  test('is met after 5 s although the message that it may be opened again was lost [X1]', async () => {
    const world = new World()
    const [offerer, answerer] = await pair(world)
    const mine = offerer.also(A)
    let theirs = answerer.also(A)
    await world.env.until(() => met([mine, theirs]), SOON)
    const words = [vi.spyOn(ControlChannel.prototype, 'hide'), vi.spyOn(ControlChannel.prototype, 'show')]
    for (const word of words) word.mockReturnValue()
    await theirs.close()
    theirs = answerer.also(A)
    await world.env.advance(1_000)
    for (const word of words) word.mockRestore()
    expect(counts([mine, theirs])).toEqual([0, 0])
    await world.env.until(() => met([mine, theirs]), 6_000)
    await world.closeAll()
  })

  test('is opened at most ten times a second for an answerer that keeps showing and refusing it [X1]', async () => {
    const world = new World({ latency: 1 })
    const [offerer, answerer] = await pair(world)
    answerer.also(A)
    await world.env.advance(100)
    const hostile = answerer.runtime.sharedTopics.get(A)
    if (hostile === undefined) throw new Error('it is not shared')
    let asked = 0
    vi.spyOn(hostile, 'wants').mockImplementation(() => asked++ % 2 === 1) // refuses and shows it in turn
    let opened = 0
    for (const connection of answerer.engine.alive) connection.on('channel', () => opened++)
    offerer.also(A)
    await world.env.advance(60_000)
    expect(opened).toBeGreaterThan(400)
    expect(opened).toBeLessThan(400 + 60 * 10 + 10)
    await world.closeAll()
  })
})

describe('a topic that its metadata makes private', () => {
  /** A seeder with the metadata and a client with a magnet link. Each topic has a tracker of its own. */
  function setUp() {
    const world = new World({ hubs: [] })
    const [magnet, seeder] = [world.join(), world.join()]
    const hubs = [new FakeHub(world.env, { name: 'private' }), new FakeHub(world.env, { name: 'public' })] as const
    const hidden = () => [magnet.also(A), seeder.also(A, { isolated: true })].map(swarm => attached(swarm, hubs[0]))
    const open = () => [magnet.also(B), seeder.also(B)].map(swarm => attached(swarm, hubs[1]))
    return { world, magnet, seeder, hidden, open }
  }
  function attached(swarm: Swarm, hub: FakeHub): Swarm {
    swarm.attach(hub.client())
    return swarm
  }

  test.each(['first', 'second', 'at the same time'])(
    'is met within 3 s, as is a public one, when it comes %s and the metadata never does [X1]',
    async when => {
      const { world, magnet, seeder, hidden, open } = setUp()
      const swarms = when === 'second' ? open() : hidden()
      if (when !== 'at the same time') await world.env.until(() => met(swarms), SOON)
      await world.env.advance(when === 'at the same time' ? 0 : 1_000)
      swarms.push(...(when === 'second' ? hidden() : open()))
      await world.env.until(() => met(swarms), SOON)
      expect([alive(magnet), alive(seeder)]).toEqual([2, 2])
      await world.env.advance(60_000)
      expect(counts(swarms)).toEqual([1, 1, 1, 1])
      await world.closeAll()
    },
  )

  test('releases a public topic that was refused to keep its connection private, within 3 s [X1]', async () => {
    const { world, magnet, seeder } = setUp()
    const hubs = [new FakeHub(world.env, { name: 'first' }), new FakeHub(world.env, { name: 'second' })] as const
    const hidden = [magnet.also(A), seeder.also(A)].map(swarm => attached(swarm, hubs[0])) // no metadata on either side yet
    await world.env.until(() => met(hidden), SOON)
    const third = randomId(world.env)
    const beside = [magnet.also(B), seeder.also(B)]
    await world.env.until(() => met(beside), SOON)
    for (const swarm of hidden) swarm.isolate()
    await world.env.advance(100)
    const open = [magnet.also(third), seeder.also(third)].map(swarm => attached(swarm, hubs[1]))
    await world.env.until(() => met(open), SOON)
    expect([counts([...hidden, ...beside]), alive(magnet), alive(seeder)]).toEqual([[1, 1, 1, 1], 2, 2])
    await world.closeAll()
  })

  test('leads to a dial for a public topic that was refused before, when the metadata comes [X1]', async () => {
    const { world, magnet, seeder } = setUp()
    const hubs = [new FakeHub(world.env, { name: 'first' }), new FakeHub(world.env, { name: 'second' })] as const
    const hidden = [magnet.also(A), seeder.also(A)].map(swarm => attached(swarm, hubs[0]))
    await world.env.until(() => met(hidden), SOON)
    // Suppresses what the two nodes show each other, so that both ask their tracker.
    for (const node of [magnet, seeder]) linkOf(node).topics.offer = () => {}
    const open = [magnet.also(B), seeder.also(B)].map(swarm => attached(swarm, hubs[1]))
    await world.env.advance(20_000)
    expect(counts(open)).toEqual([0, 0])
    for (const swarm of hidden) swarm.isolate()
    await world.env.until(() => met(open), SOON)
    await world.closeAll()
  })
})

describe('two swarms of one topic on one client', () => {
  test('change places, whichever ends first: the later one stays shared and known [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const theirs = two.also(A)
    const old = one.also(A)
    await world.env.until(() => met([old, theirs]), SOON)
    const fresh = one.also(A)
    await Promise.resolve()
    await old.close()
    expect(one.runtime.topics.has(A)).toBe(true)
    await world.env.until(() => met([fresh, theirs]), SOON)
    await fresh.close()
    expect([one.runtime.topics.has(A), one.runtime.sharedTopics.get(A)]).toEqual([false, undefined])
    await world.closeAll()
  })
})

function limits() {
  return { maxPeers: 50, refreshInterval: 30_000, announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1 }
}
