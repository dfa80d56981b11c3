import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnnounceClock } from '../../../src/swarm/announce-clock.js'

const PACE = { announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1, refreshInterval: 30_000 }
const PATIENT = { ...PACE, refreshInterval: Number.POSITIVE_INFINITY }

/** Announced with no offers by somebody without peers. */
const ALONE = { offers: 0, peers: 0 }

/** The gaps between the announcements of a clock that is asked as soon as it is due, with this many peers at each of them. */
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

/** The first gap after these answers, each that long after its offer. */
function gapAfter(...answers: number[]): number {
  const clock = new AnnounceClock(PACE)
  for (const after of answers) clock.answered(after)
  return gaps(clock, 1, { missing: 1 })[0] ?? Number.NaN
}

describe('A3 the gaps between announcements', () => {
  test('A3 the first announcement is due at once', () => {
    expect(new AnnounceClock(PACE).dueAt(true, 0)).toBe(0)
    expect(new AnnounceClock(PACE).dueAt(false, 0)).toBe(0)
  })

  test('A3 5 s, 5.5 s, 6.05 s … 120 s', () => {
    const found = gaps(new AnnounceClock(PATIENT), 60)
    expect(found.slice(0, 3).map(gap => Math.round(gap))).toEqual([5_000, 5_500, 6_050])
    for (const [i, gap] of found.entries()) expect(gap).toBeCloseTo(Math.min(5_000 * 1.1 ** i, 120_000), 3)
    expect(found.at(-1)).toBeCloseTo(120_000, 3)
  })

  test('A3 jitter makes a gap up to 10 % longer and never shorter', () => {
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

  test('D3 a swarm that is short of peers asks after refreshInterval at the latest', () => {
    expect(Math.max(...gaps(new AnnounceClock(PACE), 60))).toBeCloseTo(30_000, 3)
  })

  test('min interval is obeyed, also by a new need and by quick follow-ups', () => {
    const clock = new AnnounceClock(PACE)
    clock.counted({ minInterval: 60_000, complete: 5, incomplete: 5 }, 0)
    expect(gaps(clock, 10, { missing: 5 })).toEqual(Array.from({ length: 10 }, () => 60_000))
    clock.announced(1_000_000, 0, ALONE)
    clock.need()
    expect(clock.dueAt(true, 5)).toBe(1_060_000)
  })

  test('interval is the pace of a swarm that has what it wants, and of no other', () => {
    const clock = new AnnounceClock(PACE)
    clock.counted({ interval: 77_000 }, 0)
    expect(gaps(clock, 3, { short: false })).toEqual([77_000, 77_000, 77_000])
    expect(Math.max(...gaps(clock, 20))).toBeLessThanOrEqual(30_000)
    expect(gaps(new AnnounceClock(PACE), 1, { short: false })).toEqual([120_000])
  })

  test('a new need is asked after 100 ms and starts over with 5 s', () => {
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

  test('X4 quick follow-ups while peers are missing, behind them 5 s and 5.5 s', () => {
    const found = gaps(new AnnounceClock(PACE), 7, { missing: 3 })
    expect(found.map(gap => Math.round(gap))).toEqual([400, 800, 1_600, 3_200, 5_000, 5_500, 6_050])
  })

  test('X4 as long as they bring peers the next comes as soon, and none of the five is used up', () => {
    const found = gaps(new AnnounceClock(PACE), 16, { missing: 3, peers: nth => Math.min(nth, 9) })
    expect(found.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 400))
    expect(found.slice(10).map(gap => Math.round(gap))).toEqual([800, 1_600, 3_200, 5_000, 5_500, 6_050])
  })

  test('X4 fewer peers than before are no reason for haste', () => {
    // The first had nine that came before it.
    const found = gaps(new AnnounceClock(PACE), 7, { missing: 3, peers: nth => 9 - nth })
    expect(found).toEqual([400, 400, 800, 1_600, 3_200, 5_000, 5_500])
  })

  test('X4 a new need has all quick follow-ups before it, and costs none of them', () => {
    const clock = new AnnounceClock(PACE)
    gaps(clock, 10, { missing: 3 })
    clock.need()
    const [, ...found] = [clock.dueAt(true, 3), ...gaps(clock, 7, { missing: 3 })]
    expect(found).toEqual([400, 400, 800, 1_600, 3_200, 5_000, 5_500])
  })

  test.each([0, -1, -5])('no quick follow-ups while nobody is missed (%i)', missing => {
    expect(gaps(new AnnounceClock(PACE), 2, { missing })).toEqual([5_000, 5_500])
  })

  test('X4 the first of them waits as long as answers took lately, of which a new one is a quarter', () => {
    expect(gapAfter()).toBe(400)
    expect(gapAfter(100)).toBe(325)
    expect(gapAfter(500)).toBe(425)
    expect(gapAfter(500, 400)).toBe(418.75)
    expect(gapAfter(...Array.from({ length: 50 }, () => 700))).toBeCloseTo(700, 1)
  })

  test('X4 but 150 ms at least and 1 s at most', () => {
    expect(gapAfter(...Array.from({ length: 50 }, () => 0))).toBe(150)
    expect(gapAfter(...Array.from({ length: 50 }, () => 40_000))).toBe(1_000)
    // From either bound it comes back.
    expect(gapAfter(0, 0, 0, 0, 350)).toBe(200)
    expect(gapAfter(40_000, 40_000, 500)).toBe(875)
  })

  test('X4 five of them and no sixth, however quickly the answers come', () => {
    const clock = new AnnounceClock(PACE)
    for (let i = 0; i < 4; i++) clock.answered(0)
    expect(gaps(clock, 6, { missing: 1 })).toEqual([150, 300, 600, 1_200, 2_400, 5_000])
  })

  test('X4 slow answers make no gap longer than it would be without', () => {
    const clock = new AnnounceClock(PACE)
    clock.answered(40_000)
    expect(gaps(clock, 5, { missing: 1 })).toEqual([1_000, 2_000, 4_000, 5_000, 5_500])
  })

  test('others are what is counted, without us, and never fewer than none', () => {
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

describe('X4 how many may be missing', () => {
  test('nobody as long as nobody counted', () => {
    expect(new AnnounceClock(PACE).missing(0)).toBe(0)
  })

  test.each([
    // A count of those whom we have: the difference.
    { offers: 0, countedWith: 2, peers: 2, missing: 5 },
    { offers: 0, countedWith: 7, peers: 7, missing: 0 },
    { offers: 0, countedWith: 9, peers: 9, missing: -2 },
    // We met others since, or lost some: it may be any of the seven.
    { offers: 0, countedWith: 2, peers: 3, missing: 7 },
    { offers: 6, countedWith: 0, peers: 7, missing: 7 },
    { offers: 6, countedWith: 7, peers: 6, missing: 7 },
    { offers: 6, countedWith: 8, peers: 9, missing: 7 },
    // Everybody got an offer of ours: whoever we met is one of the seven.
    { offers: 7, countedWith: 0, peers: 7, missing: 0 },
    { offers: 7, countedWith: 0, peers: 4, missing: 3 },
    { offers: 20, countedWith: 0, peers: 6, missing: 1 },
    { offers: 7, countedWith: 0, peers: 8, missing: -1 },
  ])(
    'of seven $missing, with $peers now, $countedWith at the count and $offers offers sent',
    ({ offers, countedWith, peers, missing }) => {
      const clock = new AnnounceClock(PACE)
      clock.announced(1_000, 0, { offers, peers: 0 })
      clock.counted({ complete: 3, incomplete: 5 }, countedWith)
      expect(clock.missing(peers)).toBe(missing)
    },
  )

  test('what counts is the announcement that the count replies to', () => {
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
