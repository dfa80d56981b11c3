import { describe, expect, test } from 'vitest'
import { randomId, type Id } from '../../../src/core/id.js'
import { Calls } from '../../../src/swarm/calls.js'
import { Coordinator } from '../../../src/swarm/coordinator.js'
import { OFFER_TIMEOUT } from '../../../src/swarm/sent-offers.js'
import { VirtualEnv } from '../../support/virtual-env.js'

const PACE = { announceInterval: 5_000, maxAnnounceInterval: 120_000, backoffMultiplier: 1.1, refreshInterval: 30_000 }
const SELF = '11'.repeat(20)
const B = '22'.repeat(20)
const C = '33'.repeat(20)
const BUS = 'bus'

function setUp({ maxPeers = 50 } = {}) {
  const env = new VirtualEnv()
  const coordinator = new Coordinator<string>(env, SELF, id => id === SELF, { ...PACE, maxPeers })
  coordinator.opened(BUS, { direct: true })
  /** A call to this member; its offer is named as it is. */
  const call = (to: Id) =>
    coordinator.calling.called(BUS, to, { id: `offer for ${to}`, sdp: `sdp for ${to}`, offer: `offer for ${to}` })
  const crowd = (count: number) => Array.from({ length: count }, () => randomId(env))
  return { env, coordinator, call, crowd }
}

describe('B12 whom to call', () => {
  test('those who are there, unless they are us, held, dialled, avoided or not wanted', () => {
    const { coordinator } = setUp()
    const [held, dialled, avoided, fine] = ['44', '55', '66', '77'].map(byte => byte.repeat(20))
    coordinator.registry.opened(coordinator.registry.claim(held ?? '', 'callee', true))
    coordinator.registry.claim(dialled ?? '', 'callee', true)
    coordinator.avoid(avoided ?? '')
    const all = [SELF, held, dialled, avoided, fine].map(id => id ?? '')
    expect(coordinator.calling.callees(BUS, all).members).toEqual([fine])
    coordinator.paused = true
    expect(coordinator.calling.callees(BUS, all).members).toEqual([])
  })

  test('no more than there are places, and the places of those who do not answer go to others', async () => {
    const { env, coordinator, call, crowd } = setUp({ maxPeers: 3 })
    const members = crowd(8)
    const first = coordinator.calling.callees(BUS, members).members
    expect(first).toHaveLength(3)
    for (const to of first) call(to)
    const full = coordinator.calling.callees(BUS, members)
    expect([full.members, full.rest]).toEqual([[], 500])
    await env.advance(500)
    const second = coordinator.calling.callees(BUS, members).members
    expect(second).toHaveLength(3)
    expect(second.filter(id => first.includes(id))).toEqual([])
  })

  test('an answer frees its place at once, and tells how long others are waited for', async () => {
    const { env, coordinator, call, crowd } = setUp({ maxPeers: 1 })
    const members = crowd(3)
    const [to = ''] = coordinator.calling.callees(BUS, members).members
    call(to)
    await env.advance(20)
    expect(coordinator.takeOffer(`offer for ${to}`, to)).toBe(`offer for ${to}`)
    const [next = ''] = coordinator.calling.callees(BUS, members).members
    expect(next).not.toBe(to)
    call(next)
    expect(coordinator.calling.callees(BUS, members).rest).toBe(300) // three times 20 ms, and half a second before; 300 at the least
  })

  test('the newest, and of a crowd one as likely as the other, so that not all call the same', () => {
    const picked = new Set<Id>()
    const { crowd } = setUp()
    const members = crowd(20)
    for (let seed = 0; seed < 60; seed++) {
      const coordinator = new Coordinator<string>(new VirtualEnv({ seed }), SELF, () => false, { ...PACE, maxPeers: 2 })
      const called = coordinator.calling.callees(BUS, members).members
      expect([called.length, called[0]]).toEqual([2, members[0]])
      for (const id of called) picked.add(id)
    }
    expect(picked.size).toBeGreaterThan(15)
  })

  test('Law 6 fifty at once and twenty a second, whatever the number of names', async () => {
    const { env, coordinator, call, crowd } = setUp({ maxPeers: 200 })
    let left = 0
    for (let at = 0; at < 10_000; at += 50) {
      for (const to of coordinator.calling.callees(BUS, crowd(100)).members) {
        call(to)
        left++
      }
      await env.advance(50)
    }
    expect(left).toBeGreaterThan(200)
    expect(left).toBeLessThanOrEqual(50 + 20 * 10)
  })

  test('Law 6 sixty-four offers are out at most: those that wait longest come back for others', async () => {
    const { env, coordinator, call, crowd } = setUp({ maxPeers: 200 })
    const out = new Set<string>()
    for (let i = 0; i < 100; i++) {
      const { members, back } = coordinator.calling.callees(BUS, crowd(100))
      for (const offer of back) expect(out.delete(offer)).toBe(true)
      for (const to of members) {
        call(to)
        out.add(`offer for ${to}`)
      }
      expect(out.size).toBeLessThanOrEqual(64)
      await env.advance(100)
    }
    expect(out.size).toBe(64)
  })
})

describe('B12 whom to call again', () => {
  test('the same offer goes to somebody who does not answer, after 5, 10 and 20 s, and not until it is heard again', async () => {
    const { env, coordinator, call } = setUp()
    call(B)
    const calls: number[] = []
    for (let second = 0; second < 49; second++) {
      await env.advance(1_000)
      if (coordinator.calling.callees(BUS, [B]).members.length === 0) continue
      expect(coordinator.calling.callTo(B)).toEqual({ id: `offer for ${B}`, sdp: `sdp for ${B}` })
      coordinator.calling.called(BUS, B)
      calls.push(env.now())
    }
    expect(calls).toEqual([5_000, 15_000, 35_000])
    coordinator.calling.heard(B)
    expect(coordinator.calling.callees(BUS, [B]).members).toEqual([B])
  })

  test('somebody who says all the time that it waits is called once a second', async () => {
    const { env, coordinator, call } = setUp()
    call(B)
    coordinator.calling.heard(B)
    const { members, rest } = coordinator.calling.callees(BUS, [B])
    expect([members, rest]).toEqual([[], 1_000])
    await env.advance(1_000)
    expect([coordinator.calling.callees(BUS, [B]).members, coordinator.calling.mayCall(BUS, B)]).toEqual([[B], true])
  })

  test('whoever refuses is left alone until it is heard again, and its offer is free', () => {
    const { coordinator, call } = setUp()
    call(B)
    expect(coordinator.calling.refused(`offer for ${B}`, C)).toBeUndefined() // forged
    expect(coordinator.calling.refused(`offer for ${B}`, B)).toBe(`offer for ${B}`)
    expect(coordinator.calling.refused(`offer for ${B}`, B)).toBeUndefined()
    expect(coordinator.calling.callees(BUS, [B]).members).toEqual([])
  })

  test('an answer whose connection fails at once does not have us call in a loop', async () => {
    const { env, coordinator, call } = setUp()
    call(B)
    coordinator.takeOffer(`offer for ${B}`, B)
    expect(coordinator.calling.callees(BUS, [B])).toMatchObject({ members: [], rest: 5_000 })
    await env.advance(5_000)
    expect(coordinator.calling.callees(BUS, [B]).members).toEqual([B])
  })

  test('an offer comes back after 50 s, or as soon as whom it was for is connected another way, or its bus goes away', async () => {
    const { env, coordinator, call } = setUp()
    call(B)
    expect(coordinator.calling.callees(BUS, []).rest).toBe(OFFER_TIMEOUT)
    await env.advance(OFFER_TIMEOUT)
    expect(coordinator.calling.callees(BUS, []).back).toEqual([`offer for ${B}`])
    call(B)
    coordinator.registry.opened(coordinator.registry.claim(B, 'callee', true))
    expect(coordinator.calling.callees(BUS, []).back).toEqual([`offer for ${B}`])
    call(C)
    expect(coordinator.closed(BUS)).toEqual([`offer for ${C}`])
  })
})

describe('B12 an offer that was sent to somebody', () => {
  test('is answered by nobody else', () => {
    const { coordinator, call } = setUp()
    call(B)
    expect([coordinator.calling.awaits(`offer for ${B}`, B), coordinator.calling.awaits(`offer for ${B}`, C)]).toEqual([
      true,
      false,
    ])
    expect(coordinator.takeOffer(`offer for ${B}`, C)).toBeUndefined()
    expect(coordinator.takeOffer(`offer for ${B}`, B)).toBe(`offer for ${B}`)
    expect(coordinator.takeOffer(`offer for ${B}`, B)).toBeUndefined()
  })

  test('does not come back with a count of members', () => {
    const { coordinator, call } = setUp()
    coordinator.announced(BUS, new Map())
    call(B)
    expect(coordinator.counted(BUS, { complete: 0, incomplete: 1 })).toEqual([])
  })

  test('announcements follow each other slowly, however many members are not connected', () => {
    const { coordinator } = setUp()
    coordinator.announced(BUS, new Map())
    coordinator.counted(BUS, { complete: 0, incomplete: 30, interval: 60_000 })
    expect(coordinator.restsFor(BUS)).toBeGreaterThanOrEqual(5_000) // we are alone
    coordinator.registry.opened(coordinator.registry.claim(B, 'callee', true))
    expect(coordinator.restsFor(BUS)).toBeGreaterThanOrEqual(60_000)
  })
})

describe('Law 6 the memory of calls', () => {
  test('holds 256 of them, the latest', () => {
    const { crowd } = setUp()
    const calls = new Calls(0)
    const members = crowd(300)
    for (const [at, member] of members.entries()) calls.called(member, at)
    expect(members.filter(member => calls.dueAt(member) !== undefined)).toEqual(members.slice(-256))
  })
})
