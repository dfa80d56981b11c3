import { describe, expect, test, vi } from 'vitest'
import { randomId, type Id } from '../../../src/core/id.js'
import { swarmContext } from '../../support/fakes/swarm-context.js'
import { OFFER_TIMEOUT } from '../../../src/swarm/announce/outstanding-offers.js'
import { SwarmContext } from '../../../src/swarm/swarm-context.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const OWN = '11'.repeat(20)
const REMOTE = '22'.repeat(20)
const HUB = 'hub'

function setUp({ maxPeers = 50, self = OWN, jitter = true }: { maxPeers?: number; self?: Id; jitter?: boolean } = {}) {
  const env = new VirtualEnv()
  if (!jitter) env.random = () => 0
  const budget = { spare: true }
  const context = swarmContext({ env, self, alias: OWN, maxPeers, budget })
  context.scheduler.opened(HUB)
  let made = 0
  /** Sends an announcement with this many offers. Returns their ids, which here are the offers themselves. */
  const announce = (count: number, signaling = HUB): Id[] => {
    const ids = Array.from({ length: count }, () => `offer ${made++}`)
    context.scheduler.announced(signaling, new Map(ids.map(id => [id, id])))
    return ids
  }
  const count = (others: number) => context.scheduler.counted(HUB, { complete: 0, incomplete: others + 1 })
  const hold = (peers: number) => {
    for (let i = 0; i < peers; i++) context.registry.opened(context.registry.claim(randomId(env), 'answerer', true), 0)
  }
  return { env, budget, context, announce, count, hold }
}

describe('AnnounceScheduler.wanted()', () => {
  test('asks for a few offers before the tracker has counted', () => {
    const { context } = setUp()
    expect(context.scheduler.wanted(HUB, 10)).toBe(5)
    expect(context.scheduler.wanted(HUB, 3)).toBe(3)
  })

  test.each([
    { others: 0, held: 0, most: 20, offers: 0 },
    { others: 3, held: 0, most: 20, offers: 3 },
    { others: 30, held: 0, most: 10, offers: 10 },
    { others: 7, held: 7, most: 20, offers: 0 },
    { others: 7, held: 9, most: 20, offers: 0 },
    // One of seven is missing, and the tracker picks at random: ask all seven.
    { others: 7, held: 6, most: 20, offers: 7 },
    // No more than there are slots.
    { others: 30, held: 18, most: 20, offers: 2 },
    { others: 30, held: 20, most: 20, offers: 0 },
  ])('is $offers for $others others and $held connected ones at the time of the count', ({ others, held, most, offers }) => {
    const { context, announce, count, hold } = setUp({ maxPeers: 20 })
    hold(held)
    announce(0)
    count(others)
    expect(context.scheduler.wanted(HUB, most)).toBe(offers)
  })

  test.each([
    // Equal numbers may be chance: other members than those counted were met.
    { sent: 0, others: 7, met: 7, offers: 7 },
    { sent: 0, others: 7, met: 9, offers: 7 },
    { sent: 6, others: 7, met: 7, offers: 7 },
    { sent: 6, others: 7, met: 1, offers: 7 },
    // Not chance: each of the seven has an offer of this client.
    { sent: 7, others: 7, met: 7, offers: 0 },
    { sent: 9, others: 7, met: 8, offers: 0 },
    { sent: 7, others: 7, met: 6, offers: 7 },
    { sent: 7, others: 7, met: 0, offers: 7 },
  ])('is $offers for $others others when $met were met since and $sent offers were sent', ({ sent, others, met, offers }) => {
    const { context, announce, count, hold } = setUp()
    announce(sent)
    count(others)
    hold(met)
    expect(context.scheduler.wanted(HUB, 20)).toBe(offers)
  })

  describe('with peer exchange', () => {
    /** A count, one peer that introduces others, and an announcement 1 s ago. */
    const setUpExchange = async () => {
      const world = setUp()
      const { env, context, announce, count } = world
      context.policy.exchanges = true
      context.scheduler.opened('exchange', { direct: true })
      announce(2)
      count(20)
      await env.advance(1_000)
      const meet = (signaling: string, isSwarmlink: boolean) => {
        context.registry.opened(context.registry.claim(randomId(env), 'answerer', isSwarmlink), 0)
        context.scheduler.grew(signaling)
      }
      return { ...world, meet }
    }

    test('is two at first', () => {
      const { context } = setUp()
      context.policy.exchanges = true
      expect(context.scheduler.wanted(HUB, 20)).toBe(2)
    })

    test('is everything after two unanswered offers: many counted members may be dead or invented', async () => {
      const { context } = await setUpExchange()
      expect(context.scheduler.wanted(HUB, 20)).toBe(20)
    })

    const setUpAttempt = async () => {
      const world = await setUpExchange()
      const { env, context } = world
      const attempt = () => {
        const entry = context.registry.claim(randomId(env), 'answerer', true)
        context.scheduler.grew(HUB)
        return entry
      }
      return { ...world, attempt, first: attempt() }
    }

    test('is two while the first attempt is connecting', async () => {
      const { context } = await setUpAttempt()
      expect([context.scheduler.restsFor(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([400, 2])
    })

    test('is everything 0.4 s after the first attempt, whatever began since: their remotes may be invented [X4]', async () => {
      const { env, context, attempt } = await setUpAttempt()
      await env.advance(300)
      attempt()
      await env.advance(100)
      expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([true, 20])
    })

    test('is everything while an earlier attempt is overdue, also when another one begins [X4]', async () => {
      const { env, context, attempt, first } = await setUpAttempt()
      await env.advance(1_000)
      context.registry.lapse(first)
      attempt()
      expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([true, 20])
    })

    test('is two while offers bring peers, 2 s after the last one', async () => {
      const { env, context, meet } = await setUpExchange()
      meet(HUB, true)
      meet('exchange', true)
      expect([context.scheduler.restsFor(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([2_000, 2])
      await env.advance(2_000)
      expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([true, 2])
    })

    test('is everything when offers brought no peer since the last announcement', async () => {
      const { env, context, announce, count, meet } = await setUpExchange()
      meet('exchange', true)
      await env.advance(2_000)
      announce(2)
      count(20)
      meet(HUB, true)
      expect(context.scheduler.wanted(HUB, 20)).toBe(20)
    })

    test('is everything when some peers are stock peers, which are never introduced', async () => {
      const { context, meet } = await setUpExchange()
      meet(HUB, false)
      meet('exchange', true)
      expect(context.scheduler.wanted(HUB, 20)).toBe(20)
    })
  })

  test('ignores connecting peers, but waits for the usual response time', async () => {
    const { env, context, announce, count } = setUp({ jitter: false })
    const [first] = announce(3)
    count(3)
    expect([context.scheduler.wanted(HUB, 20), context.scheduler.restsFor(HUB)]).toEqual([3, 400])
    await env.advance(320)
    expect(context.takeOffer(first ?? '', REMOTE)).toBe(first)
    // (3 × 400 + 320) / 4 after the announcement
    expect([context.scheduler.isDue(HUB), context.scheduler.restsFor(HUB)]).toEqual([false, 380 - 320])
    await env.advance(60)
    expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([true, 3])
    // An unknown or second answer does not change the response time.
    context.takeOffer(first ?? '', REMOTE)
    context.takeOffer('never made', REMOTE)
    expect(context.scheduler.restsFor(HUB)).toBe(0)
  })

  test('keeps the response time of each signalling apart', async () => {
    const { env, context, announce, count } = setUp({ jitter: false })
    context.scheduler.opened('second')
    const [id] = announce(1, 'second')
    announce(3)
    count(3)
    await env.advance(180)
    expect(context.takeOffer(id ?? '', REMOTE)).toBe(id)
    expect(context.scheduler.restsFor(HUB)).toBe(220)
  })

  test('is zero in a paused swarm', () => {
    const { context } = setUp()
    context.paused = true
    expect(context.scheduler.wanted(HUB, 10)).toBe(0)
    expect(context.gater.judgeOffer(REMOTE)).toBe('paused')
  })

  test("is zero in a full swarm, which announces at the tracker's pace", async () => {
    const { env, context, announce, hold } = setUp({ maxPeers: 4 })
    announce(0)
    context.scheduler.counted(HUB, { complete: 50, incomplete: 50, interval: 120_000 })
    hold(4)
    expect(context.scheduler.wanted(HUB, 10)).toBe(0)
    expect(context.scheduler.restsFor(HUB)).toBeGreaterThanOrEqual(120_000)
    await env.advance(132_001)
    expect(context.scheduler.isDue(HUB)).toBe(true)
  })
})

describe('a satisfied swarm', () => {
  test('is one whose peers match the latest count', async () => {
    const { env, context, announce, count, hold } = setUp()
    hold(3)
    announce(0)
    count(3)
    await env.advance(60_000)
    expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([false, 0])
  })

  test('is one with more peers than the latest count', async () => {
    const { env, context, announce, count, hold } = setUp()
    hold(3)
    announce(0)
    count(2)
    await env.advance(60_000)
    expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([false, 0])
  })

  test('is one that sent an offer to every member of an older count', async () => {
    const { env, context, announce, count, hold } = setUp()
    announce(3)
    count(3)
    hold(3)
    await env.advance(60_000)
    context.scheduler.expired(HUB)
    expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([false, 0])
  })

  test.each([
    ['agrees by chance, after other peers were met', 3],
    ['is lower than the peers met since', 2],
    ['is higher', 5],
  ])('is not one with a count that %s', async (_, others) => {
    const { env, context, announce, count, hold } = setUp({ jitter: false })
    announce(0)
    count(others)
    hold(3)
    expect(context.scheduler.restsFor(HUB)).toBe(400)
    await env.advance(399)
    expect(context.scheduler.isDue(HUB)).toBe(false)
    await env.advance(1)
    expect([context.scheduler.isDue(HUB), context.scheduler.wanted(HUB, 20)]).toEqual([true, others])
  })
})

describe('outstanding offers', () => {
  test('come back after 50 s without an answer [A6]', async () => {
    const { env, context, announce } = setUp()
    const ids = announce(2)
    await env.advance(OFFER_TIMEOUT - 1)
    expect(context.scheduler.expired(HUB)).toEqual([])
    await env.advance(1)
    expect(context.scheduler.expired('another')).toEqual([])
    expect(context.scheduler.expired(HUB)).toEqual(ids)
    expect(context.scheduler.expired(HUB)).toEqual([])
    expect(context.takeOffer(ids[0] ?? '', REMOTE)).toBeUndefined()
  })

  test('come back as soon as every counted member is connected and no answer can be in transit, which wakes the loop', async () => {
    const { env, context, announce, count, hold } = setUp()
    const ids = announce(2)
    hold(2)
    count(2)
    expect(context.scheduler.restsFor(HUB)).toBe(5_000)
    await env.advance(4_999)
    expect(context.scheduler.expired(HUB)).toEqual([])
    await env.advance(1)
    expect(context.scheduler.expired(HUB)).toEqual(ids)
  })

  test('come back with the count when they reached no member', () => {
    const { announce, count } = setUp()
    const ids = announce(5)
    expect(count(2)).toEqual(ids.slice(2))
    expect(count(2)).toEqual([])
  })

  test('are not affected by the count for an earlier announcement', async () => {
    const { env, announce, count, context } = setUp()
    const first = announce(3)
    expect(count(3)).toEqual([])
    await env.advance(200)
    const second = announce(3)
    expect(count(3)).toEqual([])
    for (const id of [...first, ...second]) expect(context.takeOffer(id, REMOTE)).toBe(id)
  })

  test('may be answered once after they came back, and only by the member that they were sent to [A6]', async () => {
    const { env, context, announce, count } = setUp()
    const [id] = announce(1)
    expect(count(0)).toEqual([id])
    expect(context.takeOffer(id ?? '', REMOTE)).toBeUndefined()
    expect([context.outstanding.returned(id ?? '', REMOTE), context.outstanding.returned(id ?? '', REMOTE)]).toEqual([
      id,
      undefined,
    ])
    context.dialPolicy.dialed(HUB, REMOTE, { id: 'call', sdp: '', offer: 'call' })
    await env.advance(OFFER_TIMEOUT)
    expect(context.dialPolicy.next(HUB, []).back).toEqual(['call'])
    expect(context.outstanding.returned('call', OWN)).toBeUndefined()
    expect(context.outstanding.returned('call', REMOTE)).toBe('call')
  })

  test('are remembered after they came back, forty at most [Law 6]', () => {
    const { context, announce, count } = setUp()
    const ids = announce(50)
    count(0)
    expect(ids.filter(id => context.outstanding.returned(id, REMOTE) !== undefined)).toEqual(ids.slice(10))
  })

  test('come back after 2 s when connections are scarce [X4]', async () => {
    const { env, budget, context, announce } = setUp()
    const ids = announce(1)
    budget.spare = false
    await env.advance(1_999)
    expect(context.scheduler.expired(HUB)).toEqual([])
    await env.advance(1)
    expect(context.scheduler.expired(HUB)).toEqual(ids)
  })

  test('take no second answer', () => {
    const { context, announce } = setUp()
    const [id] = announce(1)
    expect(context.takeOffer(id ?? '', REMOTE)).toBe(id)
    expect(context.takeOffer(id ?? '', REMOTE)).toBeUndefined()
    expect(context.takeOffer('never made', REMOTE)).toBeUndefined()
  })

  test('come back when their tracker goes away, while those of others stay out', () => {
    const { context, announce } = setUp()
    context.scheduler.opened('second')
    const [here, there] = [announce(2), announce(2, 'second')]
    expect(context.scheduler.closed(HUB)).toEqual(here)
    expect(context.scheduler.restsFor(HUB)).toBe(Number.POSITIVE_INFINITY)
    expect(context.scheduler.closed('second')).toEqual(there)
    expect(context.scheduler.closed('second')).toEqual([])
  })
})

describe('ConnectionGater', () => {
  test('refuses an offer or an answer from any id of this client as self', () => {
    const { context } = setUp({ self: '33'.repeat(20) })
    for (const id of [OWN, '33'.repeat(20)]) {
      expect(context.gater.judgeOffer(id)).toBe('self')
      expect(context.gater.judgeAnswer(id, true)).toEqual({ go: false, reason: 'self' })
    }
  })

  test('refuses a connecting peer, then a connected one', () => {
    const { context } = setUp()
    const entry = context.registry.claim(REMOTE, 'offerer', true)
    expect(context.gater.judgeOffer(REMOTE)).toBe('connecting')
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'connecting' })
    context.registry.opened(entry, 0)
    expect(context.gater.judgeOffer(REMOTE)).toBe('connected')
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'connected' })
  })

  test("gives up the lower id's own attempt on glare, and the higher id's answer [A9]", () => {
    const low = setUp({ self: OWN }).context
    low.registry.claim(REMOTE, 'answerer', true)
    expect(low.gater.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'glare' })
    const high = setUp({ self: '33'.repeat(20) }).context
    const entry = high.registry.claim(REMOTE, 'answerer', true)
    expect(high.gater.judgeAnswer(REMOTE, true)).toEqual({ go: true, replaces: [entry] })
  })

  test('refuses offers and answers as full, except one that replaces another attempt with the same peer [D3]', () => {
    const { env, context, hold } = setUp({ maxPeers: 2 })
    hold(1)
    const entry = context.registry.claim('00'.repeat(20), 'answerer', true)
    expect(context.gater.judgeOffer(REMOTE)).toBe('full')
    expect(context.gater.judgeAnswer('00'.repeat(20), true)).toEqual({ go: true, replaces: [entry] })
    entry.release()
    context.registry.claim(randomId(env), 'offerer', true)
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'full' })
  })

  test('admits an answer to its own offer although inbound attempts fill its slots, and one of those loses its slot [X4]', () => {
    const { context, hold } = setUp({ maxPeers: 2 })
    hold(1)
    const attempt = context.registry.claim('00'.repeat(20), 'answerer', true)
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: true, replaces: [] })
    context.registry.claim(REMOTE, 'offerer', true)
    context.policy.answered()
    expect([attempt.admitted, context.registry.size, context.policy.full]).toEqual([false, 2, true])
    context.registry.opened(attempt, 0)
    expect(context.registry.size).toBe(3) // until the attempt sees that it has no slot
  })

  test('leaves a slot wanted while attempts fill all of them, and none once a peer is connected [X4]', () => {
    const { env, context } = setUp({ maxPeers: 2 })
    const [one] = [1, 2].map(() => context.registry.claim(randomId(env), 'answerer', true))
    expect(context.scheduler.wanted(HUB, 20)).toBe(1)
    if (one !== undefined) context.registry.opened(one, 0)
    expect(context.scheduler.wanted(HUB, 20)).toBe(0)
  })

  test('gives a queued attempt no slot that an answer could take over [D3]', () => {
    const { context, hold } = setUp({ maxPeers: 2, self: '33'.repeat(20) })
    const entry = context.registry.claim(REMOTE, 'answerer', true, { waits: true })
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: true, replaces: [entry] })
    hold(2)
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'full' })
  })

  test('refuses a failed peer as seen for one to two rotations [D5]', async () => {
    const { env, context } = setUp()
    await env.advance(12_345)
    context.gater.avoid(REMOTE)
    await vi.dynamicImportSettled() // the filter is loaded for the first id
    await env.advance(29_000)
    expect(context.gater.judgeOffer(REMOTE)).toBe('seen')
    expect(context.gater.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'seen' })
    await env.advance(31_001)
    expect(context.gater.judgeOffer(REMOTE)).toBeUndefined()
    expect(context.gater.judgeAnswer(REMOTE, true)).toMatchObject({ go: true })
  })

  test('admits a peer that left and comes back at its next announcement', () => {
    const { context } = setUp()
    const entry = context.registry.claim(REMOTE, 'answerer', true)
    context.registry.opened(entry, 0)
    entry.release()
    expect(context.gater.judgeOffer(REMOTE)).toBeUndefined()
  })
})

describe('AnnounceScheduler.restsFor()', () => {
  test('is 5 s for a topic without a peer, whatever paused topics and topics with a peer the client has [A3]', () => {
    const { context, announce } = setUp({ jitter: false })
    for (let i = 0; i < 1_000; i++) {
      context.runtime.topics.set(`topic ${i}`, {})
      const other = new SwarmContext<string>(context.options, { tell: () => {}, wake: () => {} })
      other.scheduler.opened(HUB)
      other.scheduler.isDue(HUB)
      if (i % 2 === 0) other.paused = true
      else other.registry.opened(other.registry.claim(REMOTE, 'answerer', true), 0)
      other.scheduler.isDue(HUB)
    }
    announce(0)
    expect(context.scheduler.restsFor(HUB)).toBe(5_000)
  })

  test('is 50 s for each of a thousand topics without a peer, until they are left [A3]', () => {
    const { context, announce } = setUp({ jitter: false })
    const others = Array.from(
      { length: 999 },
      () => new SwarmContext<string>(context.options, { tell: () => {}, wake: () => {} }),
    )
    for (const { scheduler } of others) {
      scheduler.opened(HUB)
      scheduler.isDue(HUB)
    }
    announce(0)
    expect(context.scheduler.restsFor(HUB)).toBe(50_000)
    for (const { scheduler } of others) scheduler.closed(HUB)
    expect(context.scheduler.restsFor(HUB)).toBe(5_000)
  })
})

describe('AnnounceScheduler.need()', () => {
  test('announces over every signalling after 100 ms', async () => {
    const { env, context, announce } = setUp()
    context.scheduler.opened('second')
    announce(0)
    announce(0, 'second')
    context.scheduler.need()
    expect([context.scheduler.isDue(HUB), context.scheduler.isDue('second')]).toEqual([false, false])
    await env.advance(100)
    expect([context.scheduler.isDue(HUB), context.scheduler.isDue('second')]).toEqual([true, true])
  })

  test('counts many losses at once as one need', async () => {
    const { env, context, announce } = setUp()
    announce(0)
    await env.advance(1_000)
    context.scheduler.lost()
    expect(context.scheduler.isDue(HUB)).toBe(true)
    announce(0)
    for (let i = 0; i < 20; i++) {
      context.scheduler.lost()
      await env.advance(200)
    }
    expect(context.scheduler.isDue(HUB)).toBe(false)
  })
})
