import { describe, expect, test, vi } from 'vitest'
import { randomId, type Id } from '../../../src/core/id.js'
import { Coordinator } from '../../../src/swarm/coordinator.js'
import { OFFER_TIMEOUT } from '../../../src/swarm/sent-offers.js'
import { VirtualEnv } from '../../support/virtual-env.js'

const PACE = { announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1, refreshInterval: 30_000 }
const OWN = '11'.repeat(20)
const REMOTE = '22'.repeat(20)
const HUB = 'hub'

function setUp({ maxPeers = 50, self = OWN, jitter = true }: { maxPeers?: number; self?: Id; jitter?: boolean } = {}) {
  const env = new VirtualEnv()
  if (!jitter) env.random = () => 0
  const coordinator = new Coordinator<string>(env, self, id => id === OWN || id === self, { ...PACE, maxPeers })
  coordinator.opened(HUB)
  let made = 0
  /** An announcement with this many offers; their ids, which here are the offers themselves. */
  const announce = (count: number, signaling = HUB): Id[] => {
    const ids = Array.from({ length: count }, () => `offer ${made++}`)
    coordinator.announced(signaling, new Map(ids.map(id => [id, id])))
    return ids
  }
  const count = (others: number) => coordinator.counted(HUB, { complete: 0, incomplete: others + 1 })
  const hold = (peers: number) => {
    for (let i = 0; i < peers; i++) coordinator.registry.opened(coordinator.registry.claim(randomId(env), 'callee', true))
  }
  return { env, coordinator, announce, count, hold }
}

describe('Ask for what is missing: the number of offers', () => {
  test('a few before the tracker has counted', () => {
    const { coordinator } = setUp()
    expect(coordinator.wanted(HUB, 10)).toBe(5)
    expect(coordinator.wanted(HUB, 3)).toBe(3)
  })

  test.each([
    { others: 0, held: 0, most: 20, offers: 0 },
    { others: 3, held: 0, most: 20, offers: 3 },
    { others: 30, held: 0, most: 10, offers: 10 },
    { others: 7, held: 7, most: 20, offers: 0 },
    { others: 7, held: 9, most: 20, offers: 0 },
    // One of seven is missing, and the tracker picks by chance: ask all seven.
    { others: 7, held: 6, most: 20, offers: 7 },
    // No more than there are places.
    { others: 30, held: 18, most: 20, offers: 2 },
    { others: 30, held: 20, most: 20, offers: 0 },
  ])('$offers for $others others of whom we held $held when they were counted', ({ others, held, most, offers }) => {
    const { coordinator, announce, count, hold } = setUp({ maxPeers: 20 })
    hold(held)
    announce(0)
    count(others)
    expect(coordinator.wanted(HUB, most)).toBe(offers)
  })

  test.each([
    // That the numbers agree may be chance: we met others than those that were counted.
    { sent: 0, others: 7, met: 7, offers: 7 },
    { sent: 0, others: 7, met: 9, offers: 7 },
    { sent: 6, others: 7, met: 7, offers: 7 },
    { sent: 6, others: 7, met: 1, offers: 7 },
    // No chance: each of the seven has an offer of ours.
    { sent: 7, others: 7, met: 7, offers: 0 },
    { sent: 9, others: 7, met: 8, offers: 0 },
    { sent: 7, others: 7, met: 6, offers: 7 },
    { sent: 7, others: 7, met: 0, offers: 7 },
  ])('$offers for $others others when we met $met since and $sent offers were sent', ({ sent, others, met, offers }) => {
    const { coordinator, announce, count, hold } = setUp()
    announce(sent)
    count(others)
    hold(met)
    expect(coordinator.wanted(HUB, 20)).toBe(offers)
  })

  describe('where peers introduce others', () => {
    /** Counted, with one peer of ours that introduces, and the announcement a second ago. */
    const setUpExchange = async () => {
      const world = setUp()
      const { env, coordinator, announce, count } = world
      coordinator.places.exchanges = true
      coordinator.opened('exchange', { direct: true })
      announce(2)
      count(20)
      await env.advance(1_000)
      const meet = (signaling: string, ours: boolean) => {
        coordinator.registry.opened(coordinator.registry.claim(randomId(env), 'callee', ours))
        coordinator.grew(signaling)
      }
      return { ...world, meet }
    }

    test('two at first', () => {
      const { coordinator } = setUp()
      coordinator.places.exchanges = true
      expect(coordinator.wanted(HUB, 20)).toBe(2)
    })

    test('all when the two that the tracker picked did not answer: many of those that it counts may be dead or invented', async () => {
      const { coordinator } = await setUpExchange()
      expect(coordinator.wanted(HUB, 20)).toBe(20)
    })

    test('two while the first is on its way', async () => {
      const { env, coordinator } = await setUpExchange()
      coordinator.registry.claim(randomId(env), 'caller', true)
      expect(coordinator.wanted(HUB, 20)).toBe(2)
    })

    test('two while they bring somebody, and two seconds later than the last one', async () => {
      const { env, coordinator, meet } = await setUpExchange()
      meet(HUB, true)
      meet('exchange', true)
      expect([coordinator.restsFor(HUB), coordinator.wanted(HUB, 20)]).toEqual([2_000, 2])
      await env.advance(2_000)
      expect([coordinator.isDue(HUB), coordinator.wanted(HUB, 20)]).toEqual([true, 2])
    })

    test('all when they brought nobody since the last time', async () => {
      const { env, coordinator, announce, count, meet } = await setUpExchange()
      meet('exchange', true)
      await env.advance(2_000)
      announce(2)
      count(20)
      meet(HUB, true)
      expect(coordinator.wanted(HUB, 20)).toBe(20)
    })

    test('all when some are not ours, whom nobody introduces', async () => {
      const { coordinator, meet } = await setUpExchange()
      meet(HUB, false)
      meet('exchange', true)
      expect(coordinator.wanted(HUB, 20)).toBe(20)
    })
  })

  test('those on their way are no reason to ask for fewer, but they get the time that answers take', async () => {
    const { env, coordinator, announce, count } = setUp({ jitter: false })
    const [first] = announce(3)
    count(3)
    expect([coordinator.wanted(HUB, 20), coordinator.restsFor(HUB)]).toEqual([3, 400])
    await env.advance(320)
    expect(coordinator.takeOffer(first ?? '', REMOTE)).toBe(first)
    // (3 × 400 + 320) / 4 after the announcement
    expect([coordinator.isDue(HUB), coordinator.restsFor(HUB)]).toEqual([false, 380 - 320])
    await env.advance(60)
    expect([coordinator.isDue(HUB), coordinator.wanted(HUB, 20)]).toEqual([true, 3])
    // An answer to nothing, or a second one, says nothing about the time.
    coordinator.takeOffer(first ?? '', REMOTE)
    coordinator.takeOffer('never made', REMOTE)
    expect(coordinator.restsFor(HUB)).toBe(0)
  })

  test('an answer through one signalling says nothing about the pace of another', async () => {
    const { env, coordinator, announce, count } = setUp({ jitter: false })
    coordinator.opened('second')
    const [id] = announce(1, 'second')
    announce(3)
    count(3)
    await env.advance(180)
    expect(coordinator.takeOffer(id ?? '', REMOTE)).toBe(id)
    expect(coordinator.restsFor(HUB)).toBe(220)
  })

  test('A paused swarm asks for nobody', () => {
    const { coordinator } = setUp()
    coordinator.paused = true
    expect(coordinator.wanted(HUB, 10)).toBe(0)
    expect(coordinator.judgeOffer(REMOTE)).toBe('paused')
  })

  test('A full swarm announces without offers, at the pace of the tracker', async () => {
    const { env, coordinator, announce, hold } = setUp({ maxPeers: 4 })
    announce(0)
    coordinator.counted(HUB, { complete: 50, incomplete: 50, interval: 120_000 })
    hold(4)
    expect(coordinator.wanted(HUB, 10)).toBe(0)
    expect(coordinator.restsFor(HUB)).toBeGreaterThanOrEqual(120_000)
    await env.advance(132_001)
    expect(coordinator.isDue(HUB)).toBe(true)
  })
})

describe('Ask again: when a swarm is satisfied', () => {
  test('with a count that was taken when we had those whom we have', async () => {
    const { env, coordinator, announce, count, hold } = setUp()
    hold(3)
    announce(0)
    count(3)
    await env.advance(60_000)
    expect([coordinator.isDue(HUB), coordinator.wanted(HUB, 20)]).toEqual([false, 0])
  })

  test('also when there are more of them than it names', async () => {
    const { env, coordinator, announce, count, hold } = setUp()
    hold(3)
    announce(0)
    count(2)
    await env.advance(60_000)
    expect([coordinator.isDue(HUB), coordinator.wanted(HUB, 20)]).toEqual([false, 0])
  })

  test('with an older one when everybody that it names was asked', async () => {
    const { env, coordinator, announce, count, hold } = setUp()
    announce(3)
    count(3)
    hold(3)
    await env.advance(60_000)
    coordinator.expired(HUB)
    expect([coordinator.isDue(HUB), coordinator.wanted(HUB, 20)]).toEqual([false, 0])
  })

  test.each([
    ['agrees by chance: we have met others since', 3],
    ['names fewer than we have met since', 2],
    ['names more', 5],
  ])('not with one that %s', async (_, others) => {
    const { env, coordinator, announce, count, hold } = setUp({ jitter: false })
    announce(0)
    count(others)
    hold(3)
    expect(coordinator.restsFor(HUB)).toBe(400)
    await env.advance(399)
    expect(coordinator.isDue(HUB)).toBe(false)
    await env.advance(1)
    expect([coordinator.isDue(HUB), coordinator.wanted(HUB, 20)]).toEqual([true, others])
  })
})

describe('Waste no offer: what becomes of those that are out', () => {
  test('A6 nobody answered for 50 s: it comes back', async () => {
    const { env, coordinator, announce } = setUp()
    const ids = announce(2)
    await env.advance(OFFER_TIMEOUT - 1)
    expect(coordinator.expired(HUB)).toEqual([])
    await env.advance(1)
    expect(coordinator.expired('another')).toEqual([])
    expect(coordinator.expired(HUB)).toEqual(ids)
    expect(coordinator.expired(HUB)).toEqual([])
    expect(coordinator.takeOffer(ids[0] ?? '', REMOTE)).toBeUndefined()
  })

  test('everybody who was counted is here: it comes back as soon as no answer can be under way, and the loop wakes up for it', async () => {
    const { env, coordinator, announce, count, hold } = setUp()
    const ids = announce(2)
    hold(2)
    count(2)
    expect(coordinator.restsFor(HUB)).toBe(5_000)
    await env.advance(4_999)
    expect(coordinator.expired(HUB)).toEqual([])
    await env.advance(1)
    expect(coordinator.expired(HUB)).toEqual(ids)
  })

  test('those that found nobody come back with the count', () => {
    const { announce, count } = setUp()
    const ids = announce(5)
    expect(count(2)).toEqual(ids.slice(2))
    expect(count(2)).toEqual([])
  })

  test('a count says nothing about the offers of the announcement before', async () => {
    const { env, announce, count, coordinator } = setUp()
    const first = announce(3)
    expect(count(3)).toEqual([])
    await env.advance(200)
    const second = announce(3)
    expect(count(3)).toEqual([])
    for (const id of [...first, ...second]) expect(coordinator.takeOffer(id, REMOTE)).toBe(id)
  })

  test('one that came back is answered after all: it is known once, and only to the one that it was sent to [A6]', async () => {
    const { env, coordinator, announce, count } = setUp()
    const [id] = announce(1)
    expect(count(0)).toEqual([id])
    expect(coordinator.takeOffer(id ?? '', REMOTE)).toBeUndefined()
    expect([coordinator.returnedOffer(id ?? '', REMOTE), coordinator.returnedOffer(id ?? '', REMOTE)]).toEqual([id, undefined])
    coordinator.calling.called(HUB, REMOTE, { id: 'call', sdp: '', offer: 'call' })
    await env.advance(OFFER_TIMEOUT)
    expect(coordinator.calling.callees(HUB, []).back).toEqual(['call'])
    expect(coordinator.returnedOffer('call', OWN)).toBeUndefined()
    expect(coordinator.returnedOffer('call', REMOTE)).toBe('call')
  })

  test('Law 6 of those that came back forty are known', () => {
    const { coordinator, announce, count } = setUp()
    const ids = announce(50)
    count(0)
    expect(ids.filter(id => coordinator.returnedOffer(id, REMOTE) !== undefined)).toEqual(ids.slice(10))
  })

  test('where connections are scarce it comes back after two seconds [X4]', async () => {
    const { env, coordinator, announce } = setUp()
    const ids = announce(1)
    coordinator.scarce = () => true
    await env.advance(1_999)
    expect(coordinator.expired(HUB)).toEqual([])
    await env.advance(1)
    expect(coordinator.expired(HUB)).toEqual(ids)
  })

  test('a second answer to one offer finds nothing', () => {
    const { coordinator, announce } = setUp()
    const [id] = announce(1)
    expect(coordinator.takeOffer(id ?? '', REMOTE)).toBe(id)
    expect(coordinator.takeOffer(id ?? '', REMOTE)).toBeUndefined()
    expect(coordinator.takeOffer('never made', REMOTE)).toBeUndefined()
  })

  test('when a tracker goes away its offers are free again, and those of others stay', () => {
    const { coordinator, announce } = setUp()
    coordinator.opened('second')
    const [here, there] = [announce(2), announce(2, 'second')]
    expect(coordinator.closed(HUB)).toEqual(here)
    expect(coordinator.restsFor(HUB)).toBe(Number.POSITIVE_INFINITY)
    expect(coordinator.closed('second')).toEqual(there)
    expect(coordinator.closed('second')).toEqual([])
  })
})

describe('Answer only what is new: every refusal', () => {
  test('self: an offer or an answer of any id of ours', () => {
    const { coordinator } = setUp({ self: '33'.repeat(20) })
    for (const id of [OWN, '33'.repeat(20)]) {
      expect(coordinator.judgeOffer(id)).toBe('self')
      expect(coordinator.judgeAnswer(id, true)).toEqual({ go: false, reason: 'self' })
    }
  })

  test('dialling, then held', () => {
    const { coordinator } = setUp()
    const claim = coordinator.registry.claim(REMOTE, 'caller', true)
    expect(coordinator.judgeOffer(REMOTE)).toBe('dialling')
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'dialling' })
    coordinator.registry.opened(claim)
    expect(coordinator.judgeOffer(REMOTE)).toBe('held')
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'held' })
  })

  test('A9 glare: the lower id gives up its own call, the higher one its answer', () => {
    const low = setUp({ self: OWN }).coordinator
    low.registry.claim(REMOTE, 'callee', true)
    expect(low.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'glare' })
    const high = setUp({ self: '33'.repeat(20) }).coordinator
    const claim = high.registry.claim(REMOTE, 'callee', true)
    expect(high.judgeAnswer(REMOTE, true)).toEqual({ go: true, replaces: [claim] })
  })

  test('D3 full: no offer and no answer, except one that takes the place of another call to the same peer', () => {
    const { env, coordinator, hold } = setUp({ maxPeers: 2 })
    hold(1)
    const claim = coordinator.registry.claim('00'.repeat(20), 'callee', true)
    expect(coordinator.judgeOffer(REMOTE)).toBe('full')
    expect(coordinator.judgeAnswer('00'.repeat(20), true)).toEqual({ go: true, replaces: [claim] })
    claim.release()
    coordinator.registry.claim(randomId(env), 'caller', true)
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'full' })
  })

  test('takes an answer to its own call though attempts of those who call it fill its places; one of them has none any more [X4]', () => {
    const { coordinator, hold } = setUp({ maxPeers: 2 })
    hold(1)
    const attempt = coordinator.registry.claim('00'.repeat(20), 'callee', true)
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: true, replaces: [] })
    coordinator.registry.claim(REMOTE, 'caller', true)
    coordinator.places.answered()
    expect([attempt.admitted, coordinator.registry.size, coordinator.places.full]).toEqual([false, 2, true])
    coordinator.registry.opened(attempt)
    expect(coordinator.registry.size).toBe(3) // until whoever opened it sees that it has no place
  })

  test('still looks for a peer while all of its places are taken by attempts, and no longer once one is connected [X4]', () => {
    const { env, coordinator } = setUp({ maxPeers: 2 })
    const [one] = [1, 2].map(() => coordinator.registry.claim(randomId(env), 'callee', true))
    expect(coordinator.wanted(HUB, 20)).toBe(1)
    if (one !== undefined) coordinator.registry.opened(one)
    expect(coordinator.wanted(HUB, 20)).toBe(0)
  })

  test('D3 full: one that only waits for its turn has no place that could be taken', () => {
    const { coordinator, hold } = setUp({ maxPeers: 2, self: '33'.repeat(20) })
    const claim = coordinator.registry.claim(REMOTE, 'callee', true, { waits: true })
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: true, replaces: [claim] })
    hold(2)
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'full' })
  })

  test('D5 seen: a peer that failed is hidden for one rotation at least and two at most', async () => {
    const { env, coordinator } = setUp()
    await env.advance(12_345)
    coordinator.avoid(REMOTE)
    await vi.dynamicImportSettled() // the filter is loaded with the first id
    await env.advance(29_000)
    expect(coordinator.judgeOffer(REMOTE)).toBe('seen')
    expect(coordinator.judgeAnswer(REMOTE, true)).toEqual({ go: false, reason: 'seen' })
    await env.advance(31_001)
    expect(coordinator.judgeOffer(REMOTE)).toBeUndefined()
    expect(coordinator.judgeAnswer(REMOTE, true)).toMatchObject({ go: true })
  })

  test('a peer that left and comes back is met at its next announcement', () => {
    const { coordinator } = setUp()
    const claim = coordinator.registry.claim(REMOTE, 'callee', true)
    coordinator.registry.opened(claim)
    claim.release()
    expect(coordinator.judgeOffer(REMOTE)).toBeUndefined()
  })
})

describe('A new need', () => {
  test('every signalling is asked after 100 ms', async () => {
    const { env, coordinator, announce } = setUp()
    coordinator.opened('second')
    announce(0)
    announce(0, 'second')
    coordinator.need()
    expect([coordinator.isDue(HUB), coordinator.isDue('second')]).toEqual([false, false])
    await env.advance(100)
    expect([coordinator.isDue(HUB), coordinator.isDue('second')]).toEqual([true, true])
  })

  test('many losses at once are one need', async () => {
    const { env, coordinator, announce } = setUp()
    announce(0)
    await env.advance(1_000)
    coordinator.lost()
    expect(coordinator.isDue(HUB)).toBe(true)
    announce(0)
    for (let i = 0; i < 20; i++) {
      coordinator.lost()
      await env.advance(200)
    }
    expect(coordinator.isDue(HUB)).toBe(false)
  })
})
