import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnnounceClock } from '../../../../src/swarm/announce/announce-clock.js'

const PACE = { announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1, refreshInterval: 30_000 }
const PATIENT = { ...PACE, refreshInterval: Number.POSITIVE_INFINITY }

/** An announcement without offers by a swarm without peers. */
const ALONE = { offers: 0, peers: 0 }

/** The gaps between announcements when the clock is asked as soon as it is due, with `peers` peers at each. */
function gaps(
  clock: AnnounceClock,
  count: number,
  { short = true, missing = 0, random = (): number => 0, peers = (_nth: number): number => 0 } = {},
): number[] {
  const found: number[] = []
  let now = Math.max(1_000, clock.dueAt(short, missing))
  clock.announced(now, random(), { offers: 0, peers: peers(0) })
  for (let i = 0; i < count; i++) {
    const due = clock.dueAt(short, missing)
    found.push(due - now)
    now = due
    clock.announced(now, random(), { offers: 0, peers: peers(i + 1) })
  }
  return found
}

/** The gap that follows these answers, each given as its delay after the offer. */
function gapAfter(...answers: number[]): number {
  const clock = new AnnounceClock(PACE)
  for (const after of answers) clock.answered(after)
  return gaps(clock, 1, { missing: 1 })[0] ?? Number.NaN
}

describe('AnnounceClock', () => {
  test('is due at once for the first announcement [A3]', () => {
    expect(new AnnounceClock(PACE).dueAt(true, 0)).toBe(0)
    expect(new AnnounceClock(PACE).dueAt(false, 0)).toBe(0)
  })

  test('spaces announcements by 5 s, 5.5 s, 6.05 s … 120 s [A3]', () => {
    const found = gaps(new AnnounceClock(PATIENT), 60)
    expect(found.slice(0, 3).map(gap => Math.round(gap))).toEqual([5_000, 5_500, 6_050])
    for (const [i, gap] of found.entries()) expect(gap).toBeCloseTo(Math.min(5_000 * 1.1 ** i, 120_000), 3)
    expect(found.at(-1)).toBeCloseTo(120_000, 3)
  })

  test('lengthens a gap by up to 10 % with jitter, and never shortens it [A3]', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), random => {
        for (const [i, gap] of gaps(new AnnounceClock(PATIENT), 50, { random: () => random }).entries()) {
          const plain = Math.min(5_000 * 1.1 ** i, 120_000)
          expect(gap).toBeGreaterThanOrEqual(plain - 0.001)
          expect(gap).toBeLessThanOrEqual(plain * 1.1 + 0.001)
        }
      }),
    )
  })

  test('announces after at most refreshInterval while peers are missing [D3] [A3]', () => {
    expect(Math.max(...gaps(new AnnounceClock(PACE), 60))).toBeCloseTo(30_000, 3)
  })

  test('obeys min interval, also for a new need and quick follow-ups [A3]', () => {
    const clock = new AnnounceClock(PACE)
    clock.counted({ minInterval: 60_000, complete: 5, incomplete: 5 }, 0)
    expect(gaps(clock, 10, { missing: 5 })).toEqual(Array.from({ length: 10 }, () => 60_000))
    clock.announced(1_000_000, 0, ALONE)
    clock.need()
    expect(clock.dueAt(true, 5)).toBe(1_060_000)
  })

  test('follows interval in a satisfied swarm only [A3]', () => {
    const clock = new AnnounceClock(PACE)
    clock.counted({ interval: 77_000 }, 0)
    expect(gaps(clock, 3, { short: false })).toEqual([77_000, 77_000, 77_000])
    expect(Math.max(...gaps(clock, 20))).toBeLessThanOrEqual(30_000)
    expect(gaps(new AnnounceClock(PACE), 1, { short: false })).toEqual([120_000])
  })

  test('announces a new need after 100 ms, and starts over with 5 s [A3]', () => {
    const clock = new AnnounceClock(PATIENT)
    gaps(clock, 20)
    clock.announced(500_000, 0, ALONE)
    clock.need()
    expect(clock.dueAt(true, 0)).toBe(500_100)
    clock.need()
    expect(clock.dueAt(false, 0)).toBe(500_100)
    clock.announced(500_100, 0, ALONE)
    expect(clock.dueAt(true, 0)).toBe(505_100)
  })

  test('follows up quickly while peers are missing, then after 5 s and 5.5 s [X4] [A3]', () => {
    const found = gaps(new AnnounceClock(PACE), 7, { missing: 3 })
    expect(found.map(gap => Math.round(gap))).toEqual([400, 800, 1_600, 3_200, 5_000, 5_500, 6_050])
  })

  test('continues quick follow-ups that bring peers, without using up the five [X4] [A3]', () => {
    const found = gaps(new AnnounceClock(PACE), 16, { missing: 3, peers: nth => Math.min(nth, 9) })
    expect(found.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 400))
    expect(found.slice(10).map(gap => Math.round(gap))).toEqual([800, 1_600, 3_200, 5_000, 5_500, 6_050])
  })

  test('does not hurry when the number of peers falls [X4] [A3]', () => {
    // The first announcement already had nine peers.
    const found = gaps(new AnnounceClock(PACE), 7, { missing: 3, peers: nth => 9 - nth })
    expect(found).toEqual([400, 400, 800, 1_600, 3_200, 5_000, 5_500])
  })

  test('asks on for 30 s while no peer is connected and each announcement reaches few of many members [X4] [A3]', () => {
    const clock = new AnnounceClock(PACE)
    clock.announced(1_000, 0, { offers: 2, peers: 0, alone: true })
    const found: number[] = []
    for (let now = 1_000; now < 30_000;) {
      clock.counted({ complete: 1, incomplete: 100 }, 0)
      const due = clock.dueAt(true, 100)
      found.push(Math.round(due - now))
      now = due
      clock.announced(now, 0, { offers: 20, peers: 0, alone: true })
    }
    expect(found.slice(0, 6)).toEqual([400, 476, 566, 673, 800, 951])
    expect(Math.max(...found)).toBe(5_000)
    expect(found).toHaveLength(16)
  })

  test.each([
    { topics: 100, gap: 5_000 },
    { topics: 1_000, gap: 50_000 },
    { topics: 10_000, gap: 120_000 },
  ])(
    'announces each of $topics topics without a peer at most once in $gap ms, but follows up quickly [A3]',
    ({ topics, gap }) => {
      const clock = new AnnounceClock(PACE)
      clock.announced(1_000, 0, ALONE)
      expect([clock.dueAt(true, 0, topics), clock.dueAt(true, 1, topics)]).toEqual([1_000 + gap, 1_400])
    },
  )

  test('gives a new need all quick follow-ups, and counts none against it [X4] [A3]', () => {
    const clock = new AnnounceClock(PACE)
    gaps(clock, 10, { missing: 3 })
    clock.need()
    const [, ...found] = [clock.dueAt(true, 3), ...gaps(clock, 7, { missing: 3 })]
    expect(found).toEqual([400, 400, 800, 1_600, 3_200, 5_000, 5_500])
  })

  test.each([0, -1, -5])('does not follow up quickly while no peer is missing (%i) [X4] [A3]', missing => {
    expect(gaps(new AnnounceClock(PACE), 2, { missing })).toEqual([5_000, 5_500])
  })

  test('waits for the recent response time before the first follow-up, a quarter of it from the newest answer [X4] [A3]', () => {
    expect(gapAfter()).toBe(400)
    expect(gapAfter(100)).toBe(325)
    expect(gapAfter(500)).toBe(425)
    expect(gapAfter(500, 400)).toBe(418.75)
    expect(gapAfter(...Array.from({ length: 50 }, () => 700))).toBeCloseTo(700, 1)
  })

  test('waits at least 150 ms and at most 1 s [X4] [A3]', () => {
    expect(gapAfter(...Array.from({ length: 50 }, () => 0))).toBe(150)
    expect(gapAfter(...Array.from({ length: 50 }, () => 40_000))).toBe(1_000)
    // The estimate recovers from either bound.
    expect(gapAfter(0, 0, 0, 0, 350)).toBe(200)
    expect(gapAfter(40_000, 40_000, 500)).toBe(875)
  })

  test('follows up five times and no more, however quickly answers arrive [X4] [A3]', () => {
    const clock = new AnnounceClock(PACE)
    for (let i = 0; i < 4; i++) clock.answered(0)
    expect(gaps(clock, 6, { missing: 1 })).toEqual([150, 300, 600, 1_200, 2_400, 5_000])
  })

  test('does not lengthen a gap for slow answers [X4] [A3]', () => {
    const clock = new AnnounceClock(PACE)
    clock.answered(40_000)
    expect(gaps(clock, 5, { missing: 1 })).toEqual([1_000, 2_000, 4_000, 5_000, 5_500])
  })

  test('counts other members, without this client, and never fewer than none [A3]', () => {
    const clock = new AnnounceClock(PACE)
    expect(clock.others).toBeUndefined()
    clock.counted({ complete: 0, incomplete: 0 }, 0)
    expect(clock.others).toBe(0)
    clock.counted({ complete: 2, incomplete: 3 }, 0)
    expect(clock.others).toBe(4)
    clock.counted({ interval: 90_000 }, 0)
    expect([clock.others, clock.counts]).toEqual([4, { complete: 2, incomplete: 3, interval: 90_000 }])
    const other = new AnnounceClock(PACE)
    other.counted({ complete: 2 }, 0)
    expect(other.others).toBe(1)
  })
})

describe('AnnounceClock.missing()', () => {
  test('is zero until a tracker has counted [X4]', () => {
    expect(new AnnounceClock(PACE).missing(0)).toBe(0)
  })

  test.each([
    // The count includes the known peers: the difference is missing.
    { offers: 0, countedWith: 2, peers: 2, missing: 5 },
    { offers: 0, countedWith: 7, peers: 7, missing: 0 },
    { offers: 0, countedWith: 9, peers: 9, missing: -2 },
    // Peers were met or lost since: any of the seven may be missing.
    { offers: 0, countedWith: 2, peers: 3, missing: 7 },
    { offers: 6, countedWith: 0, peers: 7, missing: 7 },
    { offers: 6, countedWith: 7, peers: 6, missing: 7 },
    { offers: 6, countedWith: 8, peers: 9, missing: 7 },
    // Each member got an offer, so each new peer is one of the seven.
    { offers: 7, countedWith: 0, peers: 7, missing: 0 },
    { offers: 7, countedWith: 0, peers: 4, missing: 3 },
    { offers: 20, countedWith: 0, peers: 6, missing: 1 },
    { offers: 7, countedWith: 0, peers: 8, missing: -1 },
  ])(
    'is $missing of seven, with $peers now, $countedWith at the count and $offers offers sent [X4]',
    ({ offers, countedWith, peers, missing }) => {
      const clock = new AnnounceClock(PACE)
      clock.announced(1_000, 0, { offers, peers: 0 })
      clock.counted({ complete: 3, incomplete: 5 }, countedWith)
      expect(clock.missing(peers)).toBe(missing)
    },
  )

  test('refers to the announcement that the count replies to [X4]', () => {
    const clock = new AnnounceClock(PACE)
    clock.announced(1_000, 0, { offers: 7, peers: 0 })
    clock.announced(2_000, 0, { offers: 8, peers: 0 })
    clock.announced(3_000, 0, { offers: 5, peers: 0 })
    expect(clock.counted({ incomplete: 9 }, 0)).toBe(1_000)
    expect(clock.missing(8)).toBe(8)
    expect(clock.counted({ incomplete: 9 }, 0)).toBe(2_000)
    expect(clock.missing(8)).toBe(0)
    expect(clock.counted({ incomplete: 9 }, 0)).toBe(3_000)
    expect(clock.missing(8)).toBe(8)
    expect(clock.counted({ incomplete: 9 }, 0)).toBeUndefined()
  })
})
