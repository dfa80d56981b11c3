import { afterEach, describe, expect, test, vi } from 'vitest'
import { Control } from '../../../src/channel/control.js'
import { randomId } from '../../../src/core/id.js'
import type { TopicPeer } from '../../../src/peer/topic-peer.js'
import type { Link } from '../../../src/swarm/link.js'
import type { Swarm } from '../../../src/swarm/swarm.js'
import { parseSdp } from '../../../src/core/sdp.js'
import { FakeHub } from '../../support/fake-signaling.js'
import { offerSdp } from '../../support/sdp-samples.js'
import { type Node, World } from './world.js'

const A = 'aa'.repeat(20)
const B = 'bb'.repeat(20)
/** What the issue promises a pair that is connected. */
const SOON = 3_000

const alive = ({ engine }: Node) => engine.alive.filter(({ state }) => state === 'connected').length
const counts = (swarms: Swarm[]) => swarms.map(({ peers }) => peers.length)
const met = (swarms: Swarm[]) => swarms.every(({ peers }) => peers.length === 1)

function only<T>(items: Iterable<T>): T {
  const [item, more] = items
  if (item === undefined || more !== undefined) throw new Error('there is not exactly one')
  return item
}

const linkOf = ({ network }: Node): Link => only(network.sharing.links)
const peerOf = ({ peers }: Swarm): TopicPeer => only(peers)

/** Two nodes that are connected by the topic of their world, without a tracker from now on: the caller and the callee. */
async function pair(world: World, ...rest: Array<Parameters<World['join']>[0]>): Promise<[Node, Node]> {
  const nodes = [world.join(rest[0]), world.join(rest[1])]
  await world.env.until(() => world.missingLinks(nodes) === 0, 10_000)
  await world.env.advance(500)
  world.hub.stop()
  const caller = nodes.find(node => linkOf(node).role === 'caller')
  const callee = nodes.find(node => linkOf(node).role === 'callee')
  if (caller === undefined || callee === undefined) throw new Error('both have the same role')
  return [caller, callee]
}

/** The nodes in the order in which the named one comes first. */
function first(who: 'caller' | 'callee', [caller, callee]: [Node, Node]): [Node, Node] {
  return who === 'caller' ? [caller, callee] : [callee, caller]
}

/** How many peers each swarm has met. */
function tally(...swarms: Swarm[]): number[] {
  const peers = swarms.map(() => 0)
  for (const [nth, swarm] of swarms.entries()) swarm.on('peer', () => (peers[nth] = (peers[nth] ?? 0) + 1))
  return peers
}

afterEach(() => vi.restoreAllMocks())

describe.each(['caller', 'callee'] as const)('X1 a topic in common, when the %s', who => {
  test('resumes it, has a peer within 3 s, though no tracker is there to wake it [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
    let paused = true
    const swarms = [one.also(A, { paused: () => paused }), two.also(A)]
    await world.env.advance(20_000)
    expect(counts(swarms)).toEqual([0, 0])
    paused = false
    await world.env.until(() => met(swarms), SOON)
    await world.closeAll()
  })

  test('pauses it after it was shown and before it was opened, is met again within 3 s of resuming [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
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

  test('loses its wire there, has the next within 3 s, and one peer only for each wire [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
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

  test('loses each wire at once, tries ever more seldom, and soon again when one has lasted [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
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

  test('leaves it and joins again at once, has it back at once, and one peer only on each side [X1]', async () => {
    const world = new World({ bandwidth: 10 })
    const [one, two] = first(who, await pair(world))
    const theirs = two.also(A)
    let mine = one.also(A)
    await world.env.until(() => met([mine, theirs]), SOON)
    let channels = 0
    for (const { engine } of [one, two]) for (const connection of engine.alive) connection.on('channel', () => channels++)
    for (const gap of [0, 0, 300]) {
      await world.env.advance(1_000)
      channels = 0
      const heard = tally(theirs)
      mine.connections[0]?.send('x'.repeat(2_000)) // the channel closes behind it, later than another could open
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

  test('leaves it and joins again without end, is met ever more seldom [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
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

  test('has no more room, is met within 3 s when there is room again [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
    const mine = one.also(A, { limits: { ...limits(), maxPeers: 1 } })
    const hub = new FakeHub(world.env, { name: 'of A' })
    const third = world.join({ hubs: [] })
    const other = third.also(A)
    for (const swarm of [mine, other]) swarm.attach(hub.client())
    await world.env.until(() => met([mine, other]), 10_000)
    hub.stop()
    const theirs = two.also(A)
    await world.env.advance(130_000) // it was refused again and again meanwhile
    expect(counts([mine, theirs])).toEqual([1, 0])
    await other.close()
    await world.env.until(() => theirs.peers.length === 1 && mine.peers.length === 1, SOON)
    expect(peerOf(mine).remote.announceId).toBe(two.announceId)
    await world.closeAll()
  })

  test('becomes full after it was shown and before it was opened, is met within 3 s when there is room again [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
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
  ])('lost the last place to an attempt, is met as soon as that %s [X1]', async (how, within) => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
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

  test('frees one of 200 places, has it taken by one that was left out within 3 s [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
    const topics = Array.from({ length: 210 }, () => randomId(world.env))
    const swarms = topics.map(topic => [one.also(topic), two.also(topic)] as const)
    const served = () => swarms.filter(([mine, theirs]) => mine.peers.length === 1 && theirs.peers.length === 1)
    await world.env.until(() => served().length === 199, 30_000) // and the one that they met by
    await world.env.advance(5_000)
    expect(served().length).toBe(199)
    for (const [mine, theirs] of served().slice(0, 5)) {
      await mine.close()
      if (theirs === swarms[0]?.[1]) await theirs.close() // also where both go
    }
    await world.env.until(() => served().length === 199, SOON)
    await world.env.advance(60_000)
    expect([served().length, alive(one), alive(two)]).toEqual([199, 1, 1])
    await world.closeAll()
  })

  test('did not want the remote for a while, is met soon after it does [X1]', async () => {
    const world = new World()
    const [one, two] = first(who, await pair(world))
    const mine = one.also(A)
    await world.env.advance(100)
    const shared = one.network.sharing.get(A)
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

describe('X1 a topic in common', () => {
  test('is met again at once when both sides leave it and join again in the same moment [X1]', async () => {
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

  test('is met after 5 s although the word that it may be opened again was lost [X1]', async () => {
    const world = new World()
    const [caller, callee] = await pair(world)
    const mine = caller.also(A)
    let theirs = callee.also(A)
    await world.env.until(() => met([mine, theirs]), SOON)
    const words = [vi.spyOn(Control.prototype, 'hide'), vi.spyOn(Control.prototype, 'show')]
    for (const word of words) word.mockReturnValue()
    await theirs.close()
    theirs = callee.also(A)
    await world.env.advance(1_000)
    for (const word of words) word.mockRestore()
    expect(counts([mine, theirs])).toEqual([0, 0])
    await world.env.until(() => met([mine, theirs]), 6_000)
    await world.closeAll()
  })

  test('is opened no more than ten times a second for a callee that shows it and refuses it without end [X1]', async () => {
    const world = new World({ latency: 1 })
    const [caller, callee] = await pair(world)
    callee.also(A)
    await world.env.advance(100)
    const hostile = callee.network.sharing.get(A)
    if (hostile === undefined) throw new Error('it is not shared')
    let asked = 0
    vi.spyOn(hostile, 'wants').mockImplementation(() => asked++ % 2 === 1) // refused, and shown
    let opened = 0
    for (const connection of callee.engine.alive) connection.on('channel', () => opened++)
    caller.also(A)
    await world.env.advance(60_000)
    expect(opened).toBeGreaterThan(400)
    expect(opened).toBeLessThan(400 + 60 * 10 + 10)
    await world.closeAll()
  })
})

describe('X1 a topic that its metadata makes private', () => {
  /** A seeder that knows it, and one that has a magnet link; each topic has a tracker of its own. */
  function setUp() {
    const world = new World({ hubs: [] })
    const [magnet, seeder] = [world.join(), world.join()]
    const hubs = [new FakeHub(world.env, { name: 'private' }), new FakeHub(world.env, { name: 'public' })] as const
    const hidden = () => [magnet.also(A), seeder.also(A, { secluded: true })].map(swarm => attached(swarm, hubs[0]))
    const open = () => [magnet.also(B), seeder.also(B)].map(swarm => attached(swarm, hubs[1]))
    return { world, magnet, seeder, hidden, open }
  }
  function attached(swarm: Swarm, hub: FakeHub): Swarm {
    swarm.attach(hub.client())
    return swarm
  }

  test.each(['first', 'second', 'at the same time'])(
    'is met, and so is a public one, within 3 s, when it comes %s and the metadata never does [X1]',
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

  test('frees a public one that was turned away for the sake of its connection, within 3 s [X1]', async () => {
    const { world, magnet, seeder } = setUp()
    const hubs = [new FakeHub(world.env, { name: 'first' }), new FakeHub(world.env, { name: 'second' })] as const
    const hidden = [magnet.also(A), seeder.also(A)].map(swarm => attached(swarm, hubs[0])) // neither side has the metadata yet
    await world.env.until(() => met(hidden), SOON)
    const third = randomId(world.env)
    const beside = [magnet.also(B), seeder.also(B)]
    await world.env.until(() => met(beside), SOON)
    for (const swarm of hidden) swarm.seclude()
    await world.env.advance(100)
    const open = [magnet.also(third), seeder.also(third)].map(swarm => attached(swarm, hubs[1]))
    await world.env.until(() => met(open), SOON)
    expect([counts([...hidden, ...beside]), alive(magnet), alive(seeder)]).toEqual([[1, 1, 1, 1], 2, 2])
    await world.closeAll()
  })

  test('calls for a public one that was turned away before, when the metadata comes [X1]', async () => {
    const { world, magnet, seeder } = setUp()
    const hubs = [new FakeHub(world.env, { name: 'first' }), new FakeHub(world.env, { name: 'second' })] as const
    const hidden = [magnet.also(A), seeder.also(A)].map(swarm => attached(swarm, hubs[0]))
    await world.env.until(() => met(hidden), SOON)
    // What both show each other there gets lost, so that both ask their tracker.
    for (const node of [magnet, seeder]) linkOf(node).offer = () => {}
    const open = [magnet.also(B), seeder.also(B)].map(swarm => attached(swarm, hubs[1]))
    await world.env.advance(20_000)
    expect(counts(open)).toEqual([0, 0])
    for (const swarm of hidden) swarm.seclude()
    await world.env.until(() => met(open), SOON)
    await world.closeAll()
  })
})

describe('X1 two swarms of one topic on one client', () => {
  test('change places, whichever ends first: the later one stays shared and known [X1]', async () => {
    const world = new World()
    const [one, two] = await pair(world)
    const theirs = two.also(A)
    const old = one.also(A)
    await world.env.until(() => met([old, theirs]), SOON)
    const fresh = one.also(A)
    await Promise.resolve()
    await old.close()
    expect(one.network.topics.has(A)).toBe(true)
    await world.env.until(() => met([fresh, theirs]), SOON)
    await fresh.close()
    expect([one.network.topics.has(A), one.network.sharing.get(A)]).toEqual([false, undefined])
    await world.closeAll()
  })
})

function limits() {
  return { maxPeers: 50, refreshInterval: 30_000, announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1 }
}
