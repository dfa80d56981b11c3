import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../src/core/errors.js'
import { parseSdp } from '../../../src/core/sdp.js'
import { ConnectionBudget } from '../../../src/peer/budget.js'
import { OfferPool, type LocalOffer } from '../../../src/peer/offer-pool.js'
import { FakeNet } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

const never = new AbortController().signal

function setUp({ limit = 100, gathering = 10 } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env, { gathering })
  const engine = net.engine()
  const budget = new ConnectionBudget(limit)
  const warnings: SwarmlinkError[] = []
  const pool = new OfferPool({ env, engine, rtcConfig: {}, gatherTimeout: 1_000, budget, warn: error => warnings.push(error) })
  /** What a promise has come to, without waiting for it. */
  const watch = (taking: Promise<LocalOffer[]>) => {
    const seen: { offers?: LocalOffer[]; at?: number } = {}
    void taking.then(offers => Object.assign(seen, { offers, at: env.now() }))
    return seen
  }
  return { env, net, engine, budget, warnings, pool, watch }
}

describe('Waste no offer: the pool', () => {
  test('X4 take() resolves with the first offer and does not wait for the last', async () => {
    const { env, engine, pool, watch } = setUp()
    // The second connection takes a thousand times as long.
    engine.fault = nth => (nth === 1 ? 'mute' : undefined)
    const taken = watch(pool.take({ least: 1, most: 2 }, never))
    await env.until(() => taken.offers !== undefined)
    expect(taken.offers?.length).toBe(1)
    expect(taken.at).toBeLessThan(20)
    expect(parseSdp(taken.offers?.[0]?.sdp).fingerprint).toBe(taken.offers?.[0]?.fingerprint)
  })

  test('X4 nor with fewer than it needs, however many are ready', async () => {
    const { env, engine, pool, watch } = setUp()
    engine.fault = nth => (nth === 2 || nth === 3 ? 'mute' : undefined)
    const taken = watch(pool.take({ least: 3, most: 4 }, never))
    await env.advance(9_000)
    expect([taken.offers, pool.idle]).toEqual([undefined, 2])
    await env.until(() => taken.offers !== undefined)
    expect(taken.offers?.length).toBe(3)
    // The engine gave up the two at 10 s, and is asked again a second later.
    expect(taken.at).toBeGreaterThanOrEqual(11_010)
    expect(taken.at).toBeLessThan(11_020)
  })

  test('of what is ready it hands out no more than it is asked for', async () => {
    const { env, pool } = setUp()
    pool.prepare(5)
    await env.advance(100)
    expect((await pool.take({ least: 1, most: 3 }, never)).length).toBe(3)
    expect([pool.idle, pool.made]).toEqual([2, 8])
    expect(await pool.take({ least: 0, most: 0 }, never)).toEqual([])
  })

  test('first come, first served: whoever needs few does not overtake', async () => {
    const { env, engine, pool, watch } = setUp()
    engine.fault = nth => (nth === 3 ? 'mute' : undefined)
    const many = watch(pool.take({ least: 3, most: 3 }, never))
    const few = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(9_000)
    expect([many.offers?.length, few.offers]).toEqual([3, undefined])
    await env.advance(3_000)
    expect(few.offers?.length).toBe(1)
  })

  test('gathers ahead, so that whoever announces next does not wait', async () => {
    const { env, pool } = setUp()
    pool.prepare(3)
    await env.advance(100)
    expect([pool.idle, pool.made]).toEqual([3, 3])
    const before = env.now()
    expect((await pool.take({ least: 2, most: 2 }, never)).length).toBe(2)
    expect(env.now()).toBe(before)
    await env.advance(100)
    expect(pool.idle).toBe(3)
  })

  test('X4 whoever got fewer than it wanted finds them when it comes again', async () => {
    const { env, pool } = setUp()
    pool.prepare(3)
    await env.advance(100)
    expect((await pool.take({ least: 1, most: 8 }, never)).length).toBe(3)
    await env.advance(100)
    expect([pool.idle, pool.made]).toEqual([8, 11])
    expect((await pool.take({ least: 8, most: 8 }, never)).length).toBe(8)
  })

  test('keeps no more than twenty idle, whoever asks for how many and whatever comes back', async () => {
    const { env, pool, budget } = setUp()
    pool.prepare(50)
    await env.advance(1_000)
    expect([pool.idle, budget.used]).toEqual([20, 20])
    const [offer] = await pool.take({ least: 1, most: 1 }, never)
    await env.advance(100)
    expect([pool.idle, budget.used]).toEqual([20, 21])
    pool.giveBack(offer!)
    expect([pool.idle, budget.used, offer?.connection.state]).toEqual([20, 20, 'closed'])
  })

  test('an offer that nobody answered goes out again instead of a new one', async () => {
    const { env, pool, watch } = setUp()
    const first = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(100)
    const [offer] = first.offers ?? []
    expect(offer).toBeDefined()
    for (const reused of [0, 1, 2]) {
      pool.giveBack(offer!)
      // It is used again when it goes out, not when it comes back.
      expect([pool.idle, pool.made, pool.reused]).toEqual([1, 1, reused])
      expect(await pool.take({ least: 1, most: 1 }, never)).toEqual([offer])
      expect([pool.idle, pool.made, pool.reused]).toEqual([0, 1, reused + 1])
    }
  })

  test.each(['closed', 'failed', 'old'] as const)(
    'an offer whose connection is %s is thrown away, and its place is free again',
    async how => {
      const { env, net, engine, pool, budget, watch } = setUp()
      const taken = watch(pool.take({ least: 1, most: 1 }, never))
      await env.advance(100)
      const offer = taken.offers?.[0]
      expect(budget.used).toBe(1)
      if (how === 'closed') offer?.connection.close()
      else if (how === 'failed') engine.connections[0]?.turn('failed')
      else await env.advance(11 * 60_000)
      pool.giveBack(offer!)
      expect([pool.idle, pool.reused, budget.used, net.alive]).toEqual([0, 0, 0, 0])
    },
  )

  test('an idle offer that dies is not handed out', async () => {
    const { env, pool, engine } = setUp()
    pool.prepare(2)
    await env.advance(100)
    engine.connections[0]?.close()
    const offers = await pool.take({ least: 1, most: 2 }, never)
    expect(offers.map(({ connection }) => connection)).toEqual([engine.connections[1]])
  })

  test('with the budget used up there is nothing to wait for, and a place that becomes free is used', async () => {
    const { env, pool, budget, watch } = setUp({ limit: 2 })
    const [one, two] = [budget.acquire(), budget.acquire()]
    expect(await pool.take({ least: 3, most: 3 }, never)).toEqual([])
    pool.prepare(1)
    await env.advance(100)
    expect(pool.idle).toBe(0)
    one?.release()
    await env.advance(100)
    expect(pool.idle).toBe(1)
    two?.release()
    const taken = watch(pool.take({ least: 5, most: 5 }, never))
    await env.advance(0)
    expect(taken.offers).toBeUndefined()
    await env.advance(100)
    // All that the budget allows, though it is less than was needed.
    expect(taken.offers?.length).toBe(2)
    expect(budget.free).toBe(0)
  })

  test('Law 6 a quarter of the budget is kept for answers', async () => {
    const { env, pool, budget, watch } = setUp({ limit: 8 })
    const taken = watch(pool.take({ least: 8, most: 8 }, never))
    pool.prepare(10)
    await env.advance(1_000)
    expect([taken.offers?.length, pool.idle]).toEqual([6, 0])
    expect(taken.at).toBeLessThan(20)
    expect([budget.free, budget.spare]).toEqual([2, false])
    expect([budget.acquire(), budget.acquire()]).not.toContain(undefined)
  })

  test('gives the place of an idle offer to a remote that calls, and then that of one that was out for a second [X4]', async () => {
    const { env, pool, budget, watch } = setUp({ limit: 2 })
    pool.prepare(2)
    await env.advance(100)
    const taken = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(0)
    const [offer] = taken.offers ?? []
    expect([pool.idle, budget.used]).toEqual([1, 2])
    const first = pool.yield(false)
    expect([first !== undefined, pool.idle, budget.used]).toEqual([true, 0, 2])
    await env.advance(998)
    expect([pool.yield(false), offer?.connection.state]).toEqual([undefined, 'new'])
    await env.advance(2)
    const second = pool.yield(false)
    expect([second !== undefined, offer?.connection.state, budget.used]).toEqual([true, 'closed', 2])
    expect(pool.keep(offer!)).toBe(false) // an answer that comes later finds nothing
    pool.giveBack(offer!)
    expect([budget.used, pool.idle]).toEqual([2, 0])
    pool.close()
    second?.release()
    first?.release()
    expect(budget.used).toBe(0)
  })

  test('gives at once what is out when it is told to, and never what a person carries [X4]', async () => {
    const { env, pool, watch } = setUp({ limit: 2 })
    const taken = watch(pool.take({ least: 2, most: 2 }, never))
    await env.advance(100)
    const [carried, called] = taken.offers ?? []
    expect(pool.reserve(carried!)).toBe(true)
    await env.advance(60_000)
    expect([pool.yield(true) !== undefined, called?.connection.state, carried?.connection.state]).toEqual([true, 'closed', 'new'])
    expect([pool.yield(true), pool.reserve(called!), pool.keep(carried!)]).toEqual([undefined, false, true])
  })

  test('lets an offer that came back be answered once more, idle or out again, and by one only [A6]', async () => {
    const { env, pool, watch } = setUp()
    const taken = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(100)
    const offer = taken.offers?.[0]
    pool.giveBack(offer!)
    expect([pool.retake(offer!), pool.idle, pool.retake(offer!)]).toEqual([true, 0, false])
    pool.putBack(offer!)
    expect(await pool.take({ least: 1, most: 1 }, never)).toEqual([offer])
    expect([pool.retake(offer!), pool.keep(offer!)]).toEqual([true, false])
    pool.giveBack(offer!) // under the id that it was out under last
    expect([pool.idle, offer?.connection.state]).toEqual([0, 'new'])
  })

  test('keeps more than it gathers ahead for a second, in which they may be answered [A6]', async () => {
    const { env, pool, watch } = setUp()
    const taken = watch(pool.take({ least: 3, most: 3 }, never))
    await env.advance(100)
    for (const offer of taken.offers ?? []) pool.giveBack(offer)
    pool.trim()
    await env.advance(999)
    expect(pool.idle).toBe(3)
    await env.advance(1)
    expect(pool.idle).toBe(0)
    pool.trim()
    pool.close()
    expect(env.pendingTimers).toBe(0)
  })

  test('whoever waits goes on with what is there when the signal aborts', async () => {
    const { env, pool, engine, watch } = setUp()
    engine.fault = nth => (nth === 2 ? 'mute' : undefined)
    const stop = new AbortController()
    const taken = watch(pool.take({ least: 3, most: 3 }, stop.signal))
    await env.advance(500)
    expect(taken.offers).toBeUndefined()
    stop.abort()
    await env.advance(0)
    expect(taken.offers?.map(({ connection }) => connection)).toEqual(expect.arrayContaining(engine.connections.slice(0, 2)))
    expect([taken.offers?.length, pool.idle]).toEqual([2, 0])
  })

  test('and without any when there are none', async () => {
    const { env, pool, engine, watch } = setUp()
    engine.fault = () => 'mute'
    const stop = new AbortController()
    const taken = watch(pool.take({ least: 1, most: 1 }, stop.signal))
    await env.advance(500)
    expect(taken.offers).toBeUndefined()
    stop.abort()
    await env.advance(0)
    expect(taken.offers).toEqual([])
    expect(await pool.take({ least: 1, most: 1 }, stop.signal)).toEqual([])
  })

  test('Law 5 closed while it gathers, it leaves no connection, no place taken, no timer, and nobody waiting', async () => {
    const { env, net, pool, budget, watch, warnings } = setUp()
    pool.prepare(3)
    const taken = watch(pool.take({ least: 5, most: 5 }, never))
    await env.advance(1)
    expect(net.alive).toBeGreaterThan(0)
    pool.close()
    pool.close()
    await env.advance(0)
    expect(taken.offers).toEqual([])
    expect([net.alive, budget.used, env.pendingTimers, warnings.length]).toEqual([0, 0, 0, 0])
    expect(await pool.take({ least: 1, most: 1 }, never)).toEqual([])
  })

  test('Law 5 closed while somebody waits for more than is ready, it hands out nothing', async () => {
    const { env, net, engine, pool, budget, watch } = setUp()
    engine.fault = nth => (nth === 2 ? 'mute' : undefined)
    const taken = watch(pool.take({ least: 3, most: 3 }, never))
    await env.advance(500)
    expect(pool.idle).toBe(2)
    pool.close()
    await env.advance(0)
    expect(taken.offers).toEqual([])
    expect([pool.idle, net.alive, budget.used, env.pendingTimers]).toEqual([0, 0, 0, 0])
  })

  test('Law 5 an offer that comes back to a closed pool is closed', async () => {
    const { env, net, pool, budget, watch } = setUp()
    const taken = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(100)
    pool.close()
    for (const offer of taken.offers ?? []) pool.giveBack(offer)
    expect([net.alive, budget.used]).toEqual([0, 0])
  })

  test.each(['create', 'describe', 'mute'] as const)(
    'D8 an engine that fails (%s) is asked again a second later, with a warning',
    async fault => {
      const { env, pool, engine, budget, warnings, watch } = setUp()
      engine.fault = nth => (nth === 0 ? fault : undefined)
      const taken = watch(pool.take({ least: 1, most: 1 }, never))
      await env.until(() => warnings.length > 0)
      const failedAt = env.now()
      expect(warnings.map(({ code }) => code)).toEqual(['ERR_ENGINE'])
      expect(budget.used).toBe(0)
      await env.until(() => taken.offers !== undefined)
      expect(taken.offers?.length).toBe(1)
      expect(taken.at).toBeGreaterThanOrEqual(failedAt + 1_000)
      expect(taken.at).toBeLessThan(failedAt + 1_100)
    },
  )

  /** A pool whose engine is broken: the seconds at which it is asked, and what is said about it. */
  function broken() {
    const setting = setUp()
    const { env, engine, warnings } = setting
    const asked: number[] = []
    let why: string | undefined = 'no ports left'
    engine.fault = () => {
      asked.push(env.now() / 1_000)
      if (why !== undefined) throw new Error(why)
      return undefined
    }
    const told = () => warnings.splice(0).map(({ code, message }) => [code, message])
    return { ...setting, asked, told, breakWith: (reason: string | undefined) => (why = reason) }
  }
  const words = (why: string) => ['ERR_ENGINE', `the WebRTC engine could not make an offer: ${why}; trying again`]

  test('D8 a broken engine is asked less and less, and in the end each half minute', async () => {
    const { env, pool, asked } = broken()
    pool.prepare(5)
    void pool.take({ least: 5, most: 5 }, never)
    await env.advance(130_000)
    expect(asked).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121])
    pool.close()
    await env.advance(60_000)
    expect([asked.length, env.pendingTimers]).toEqual([9, 0])
  })

  test('D8 at once again when somebody asks anew, and yet once a second at most', async () => {
    const { env, pool, asked } = broken()
    const ask = () => void pool.take({ least: 1, most: 1 }, new AbortController().signal)
    ask()
    await env.advance(16_000) // 0, 1, 3, 7, 15
    for (let i = 0; i < 1_000; i++) ask()
    pool.prepare(5)
    await env.advance(10)
    expect(asked).toEqual([0, 1, 3, 7, 15, 16])
    for (let i = 0; i < 100; i++) {
      ask()
      await env.advance(10)
    }
    expect(asked).toEqual([0, 1, 3, 7, 15, 16, 17])
    pool.close()
  })

  test('D8 an engine that works again is used, and its next fault does not have to wait for long', async () => {
    const { env, pool, asked, breakWith } = broken()
    pool.prepare(1)
    await env.advance(20_000)
    breakWith(undefined)
    await env.advance(20_000)
    expect([pool.idle, asked.at(-1)]).toEqual([1, 31])
    breakWith('broken again')
    asked.length = 0
    pool.drain()
    pool.prepare(1)
    await env.advance(5_000)
    expect(asked).toEqual([40, 41, 43])
    pool.close()
  })

  test('D8 Law 7 says why it is broken, once, and again when that changes or it was well meanwhile', async () => {
    const { env, pool, told, breakWith } = broken()
    pool.prepare(3)
    await env.advance(60_000)
    expect(told()).toEqual([words('no ports left')])
    breakWith('no memory left')
    await env.advance(120_000)
    expect(told()).toEqual([words('no memory left')])
    breakWith(undefined)
    await env.advance(60_000)
    breakWith('no memory left')
    pool.prepare(10)
    await env.advance(60_000)
    expect(told()).toEqual([words('no memory left')])
    breakWith('x\n'.repeat(100_000))
    await env.advance(60_000)
    expect(told().map(([, message]) => message?.length)).toEqual([expect.toSatisfy((length: number) => length < 400)])
    pool.close()
  })

  test('D8 Law 7 an engine that fails now and then does not say so each time', async () => {
    const { env, pool, told, breakWith } = broken()
    for (let i = 0; i < 30; i++) {
      breakWith(i % 2 === 0 ? 'no ports left' : undefined)
      pool.drain()
      pool.prepare(1)
      await env.advance(5_000)
    }
    expect(told()).toEqual([words('no ports left')])
    pool.close()
  })

  test('Law 5 closing during the second after a failure leaves no timer', async () => {
    const { env, pool, engine } = setUp()
    engine.fault = () => 'create'
    pool.prepare(1)
    await env.advance(100)
    pool.close()
    expect(env.pendingTimers).toBe(0)
  })
})
