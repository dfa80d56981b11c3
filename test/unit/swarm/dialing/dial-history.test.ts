import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../../../src/core/id.js'
import { DialHistory } from '../../../../src/swarm/dialing/dial-history.js'
import { swarmContext } from '../../../support/fakes/swarm-context.js'
import { OFFER_TIMEOUT } from '../../../../src/swarm/announce/outstanding-offers.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

const SELF = '11'.repeat(20)
const B = '22'.repeat(20)
const C = '33'.repeat(20)
const BUS = 'bus'

function setUp({ maxPeers = 50 } = {}) {
  const env = new VirtualEnv()
  const context = swarmContext({ env, self: SELF, maxPeers })
  context.scheduler.opened(BUS, { direct: true })
  /** Dials this member with an offer named after it. */
  const dial = (to: Id) =>
    context.dialPolicy.dialed(BUS, to, { id: `offer for ${to}`, sdp: `sdp for ${to}`, offer: `offer for ${to}` })
  const crowd = (count: number) => Array.from({ length: count }, () => randomId(env))
  return { env, context, dial, crowd }
}

describe('DialPolicy.next()', () => {
  test('returns members except this client and those connected, connecting, avoided or not wanted [B12]', () => {
    const { context } = setUp()
    const [held, dialled, avoided, fine] = ['44', '55', '66', '77'].map(byte => byte.repeat(20))
    context.registry.opened(context.registry.claim(held ?? '', 'answerer', true), 0)
    context.registry.claim(dialled ?? '', 'answerer', true)
    context.gater.avoid(avoided ?? '')
    const all = [SELF, held, dialled, avoided, fine].map(id => id ?? '')
    expect(context.dialPolicy.next(BUS, all).peers).toEqual([fine])
    context.paused = true
    expect(context.dialPolicy.next(BUS, all).peers).toEqual([])
  })

  test('returns at most as many members as there are slots, and reuses the slots of silent ones [B12]', async () => {
    const { env, context, dial, crowd } = setUp({ maxPeers: 3 })
    const members = crowd(8)
    const first = context.dialPolicy.next(BUS, members).peers
    expect(first).toHaveLength(3)
    for (const to of first) dial(to)
    const full = context.dialPolicy.next(BUS, members)
    expect([full.peers, full.rest]).toEqual([[], 500])
    await env.advance(500)
    const second = context.dialPolicy.next(BUS, members).peers
    expect(second).toHaveLength(3)
    expect(second.filter(id => first.includes(id))).toEqual([])
  })

  test('frees the slot of an answered offer at once, and sets the wait for others from the response time [B12]', async () => {
    const { env, context, dial, crowd } = setUp({ maxPeers: 1 })
    const members = crowd(3)
    const [to = ''] = context.dialPolicy.next(BUS, members).peers
    dial(to)
    await env.advance(20)
    expect(context.takeOffer(`offer for ${to}`, to)).toBe(`offer for ${to}`)
    const [next = ''] = context.dialPolicy.next(BUS, members).peers
    expect(next).not.toBe(to)
    dial(next)
    expect(context.dialPolicy.next(BUS, members).rest).toBe(300) // three times 20 ms, at least 300 ms. It was 500 ms before
  })

  test('returns the newest, and equally likely ones of a crowd, so that clients do not all dial the same [B12]', () => {
    const picked = new Set<Id>()
    const { crowd } = setUp()
    const members = crowd(20)
    for (let seed = 0; seed < 60; seed++) {
      const context = swarmContext({ env: new VirtualEnv({ seed }), self: SELF, maxPeers: 2 })
      const called = context.dialPolicy.next(BUS, members).peers
      expect([called.length, called[0]]).toEqual([2, members[0]])
      for (const id of called) picked.add(id)
    }
    expect(picked.size).toBeGreaterThan(15)
  })

  test('dials 50 members at once and 20 a second, whatever the number of ids [Law 6] [B12]', async () => {
    const { env, context, dial, crowd } = setUp({ maxPeers: 200 })
    let left = 0
    for (let at = 0; at < 10_000; at += 50) {
      for (const to of context.dialPolicy.next(BUS, crowd(100)).peers) {
        dial(to)
        left++
      }
      await env.advance(50)
    }
    expect(left).toBeGreaterThan(200)
    expect(left).toBeLessThanOrEqual(50 + 20 * 10)
  })

  test('keeps at most 64 offers out, and takes the oldest back for others [Law 6] [B12]', async () => {
    const { env, context, dial, crowd } = setUp({ maxPeers: 200 })
    const out = new Set<string>()
    for (let i = 0; i < 100; i++) {
      const { peers: members, back } = context.dialPolicy.next(BUS, crowd(100))
      for (const offer of back) expect(out.delete(offer)).toBe(true)
      for (const to of members) {
        dial(to)
        out.add(`offer for ${to}`)
      }
      expect(out.size).toBeLessThanOrEqual(64)
      await env.advance(100)
    }
    expect(out.size).toBe(64)
  })
})

describe('DialPolicy for a member that was dialled', () => {
  test('repeats the same offer after 5, 10 and 20 s, and then not until the member is heard again [B12]', async () => {
    const { env, context, dial } = setUp()
    dial(B)
    const calls: number[] = []
    for (let second = 0; second < 49; second++) {
      await env.advance(1_000)
      if (context.dialPolicy.next(BUS, [B]).peers.length === 0) continue
      expect(context.dialPolicy.offerTo(B)).toEqual({ id: `offer for ${B}`, sdp: `sdp for ${B}` })
      context.dialPolicy.dialed(BUS, B)
      calls.push(env.now())
    }
    expect(calls).toEqual([5_000, 15_000, 35_000])
    context.dialPolicy.heard(B)
    expect(context.dialPolicy.next(BUS, [B]).peers).toEqual([B])
  })

  test('dials a member that keeps asking once a second [B12]', async () => {
    const { env, context, dial } = setUp()
    dial(B)
    context.dialPolicy.heard(B)
    const { peers: members, rest } = context.dialPolicy.next(BUS, [B])
    expect([members, rest]).toEqual([[], 1_000])
    await env.advance(1_000)
    expect([context.dialPolicy.next(BUS, [B]).peers, context.dialPolicy.mayDial(BUS, B)]).toEqual([[B], true])
  })

  test('leaves a member that refused alone until it is heard again, and frees its offer [B12]', () => {
    const { context, dial } = setUp()
    dial(B)
    expect(context.dialPolicy.refused(`offer for ${B}`, C)).toBeUndefined() // forged
    expect(context.dialPolicy.refused(`offer for ${B}`, B)).toBe(`offer for ${B}`)
    expect(context.dialPolicy.refused(`offer for ${B}`, B)).toBeUndefined()
    expect(context.dialPolicy.next(BUS, [B]).peers).toEqual([])
  })

  test('does not loop when an answer fails at once [B12]', async () => {
    const { env, context, dial } = setUp()
    dial(B)
    context.takeOffer(`offer for ${B}`, B)
    expect(context.dialPolicy.next(BUS, [B])).toMatchObject({ peers: [], rest: 5_000 })
    await env.advance(5_000)
    expect(context.dialPolicy.next(BUS, [B]).peers).toEqual([B])
  })

  test('takes an offer back after 50 s, when its member connects another way, or when its bus goes away [B12]', async () => {
    const { env, context, dial } = setUp()
    dial(B)
    expect(context.dialPolicy.next(BUS, []).rest).toBe(OFFER_TIMEOUT)
    await env.advance(OFFER_TIMEOUT)
    expect(context.dialPolicy.next(BUS, []).back).toEqual([`offer for ${B}`])
    dial(B)
    context.registry.opened(context.registry.claim(B, 'answerer', true), 0)
    expect(context.dialPolicy.next(BUS, []).back).toEqual([`offer for ${B}`])
    dial(C)
    expect(context.scheduler.closed(BUS)).toEqual([`offer for ${C}`])
  })
})

describe('a directed offer', () => {
  test('is answered only by the member that it was sent to [B12]', () => {
    const { context, dial } = setUp()
    dial(B)
    expect([context.dialPolicy.awaits(`offer for ${B}`, B), context.dialPolicy.awaits(`offer for ${B}`, C)]).toEqual([
      true,
      false,
    ])
    expect(context.takeOffer(`offer for ${B}`, C)).toBeUndefined()
    expect(context.takeOffer(`offer for ${B}`, B)).toBe(`offer for ${B}`)
    expect(context.takeOffer(`offer for ${B}`, B)).toBeUndefined()
  })

  test('does not come back with a count of members [B12]', () => {
    const { context, dial } = setUp()
    context.scheduler.announced(BUS, new Map())
    dial(B)
    expect(context.scheduler.counted(BUS, { complete: 0, incomplete: 1 })).toEqual([])
  })

  test('keeps the announce interval, however many members are unconnected [B12]', () => {
    const { context } = setUp()
    context.scheduler.announced(BUS, new Map())
    context.scheduler.counted(BUS, { complete: 0, incomplete: 30, interval: 60_000 })
    expect(context.scheduler.restsFor(BUS)).toBeGreaterThanOrEqual(5_000) // this client has no peers
    context.registry.opened(context.registry.claim(B, 'answerer', true), 0)
    expect(context.scheduler.restsFor(BUS)).toBeGreaterThanOrEqual(60_000)
  })
})

describe('DialHistory', () => {
  test('keeps the latest 256 dials [Law 6]', () => {
    const { crowd } = setUp()
    const calls = new DialHistory()
    const members = crowd(300)
    for (const [at, member] of members.entries()) calls.dialed(member, at)
    expect(members.filter(member => calls.dueAt(member) !== undefined)).toEqual(members.slice(-256))
  })
})
