import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../src/core/errors.js'
import { parseSdp } from '../../../src/core/sdp.js'
import { ConnectionBudget } from '../../../src/peer/connection-budget.js'
import type { LocalOffer } from '../../../src/peer/offer-gatherer.js'
import { OfferPool } from '../../../src/peer/offer-pool.js'
import { FakeNet } from '../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const never = new AbortController().signal

function setUp({ limit = 100, gathering = 10 } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env, { gathering })
  const engine = net.engine()
  const budget = new ConnectionBudget(limit)
  const warnings: SwarmlinkError[] = []
  const createConnection = () => engine.createConnection({ env, rtcConfig: {}, gatherTimeout: 1_000 })
  const pool = new OfferPool({ env, createConnection, budget, warn: error => warnings.push(error) })
  /** Records the outcome of a promise without waiting for it. */
  const watch = (taking: Promise<LocalOffer[]>) => {
    const seen: { offers?: LocalOffer[]; at?: number } = {}
    void taking.then(offers => Object.assign(seen, { offers, at: env.now() }))
    return seen
  }
  return { env, net, engine, budget, warnings, pool, watch }
}

describe('OfferPool', () => {
  test('resolves take() with the first offer, without waiting for the last [X4]', async () => {
    const { env, engine, pool, watch } = setUp()
    // The second connection takes a thousand times as long.
    engine.fault = nth => (nth === 1 ? 'mute' : undefined)
    const taken = watch(pool.take({ least: 1, most: 2 }, never))
    await env.until(() => taken.offers !== undefined)
    expect(taken.offers?.length).toBe(1)
    expect(taken.at).toBeLessThan(20)
    expect(parseSdp(taken.offers?.[0]?.sdp).fingerprint).toBe(taken.offers?.[0]?.fingerprint)
  })

  test('does not resolve take() with fewer offers than `least`, however many are ready [X4]', async () => {
    const { env, engine, pool, watch } = setUp()
    engine.fault = nth => (nth === 2 || nth === 3 ? 'mute' : undefined)
    const taken = watch(pool.take({ least: 3, most: 4 }, never))
    await env.advance(9_000)
    expect([taken.offers, pool.idle]).toEqual([undefined, 2])
    await env.until(() => taken.offers !== undefined)
    expect(taken.offers?.length).toBe(3)
    // The engine gives the two up at 10 s, and the pool asks again a second later.
    expect(taken.at).toBeGreaterThanOrEqual(11_010)
    expect(taken.at).toBeLessThan(11_020)
  })

  test('hands out no more ready offers than asked for', async () => {
    const { env, pool } = setUp()
    pool.prepare(5)
    await env.advance(100)
    expect((await pool.take({ least: 1, most: 3 }, never)).length).toBe(3)
    expect([pool.idle, pool.made]).toEqual([2, 8])
    expect(await pool.take({ least: 0, most: 0 }, never)).toEqual([])
  })

  test('serves callers in order: one that needs few does not overtake', async () => {
    const { env, engine, pool, watch } = setUp()
    engine.fault = nth => (nth === 3 ? 'mute' : undefined)
    const many = watch(pool.take({ least: 3, most: 3 }, never))
    const few = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(9_000)
    expect([many.offers?.length, few.offers]).toEqual([3, undefined])
    await env.advance(3_000)
    expect(few.offers?.length).toBe(1)
  })

  test('gathers ahead, so that the next announcement does not wait', async () => {
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

  test('has the missing offers ready when a caller that got fewer asks again [X4]', async () => {
    const { env, pool } = setUp()
    pool.prepare(3)
    await env.advance(100)
    expect((await pool.take({ least: 1, most: 8 }, never)).length).toBe(3)
    await env.advance(100)
    expect([pool.idle, pool.made]).toEqual([8, 11])
    expect((await pool.take({ least: 8, most: 8 }, never)).length).toBe(8)
  })

  test('keeps at most twenty idle offers, whatever is asked for or returned', async () => {
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

  test('reuses an unanswered offer instead of making a new one', async () => {
    const { env, pool, watch } = setUp()
    const first = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(100)
    const [offer] = first.offers ?? []
    expect(offer).toBeDefined()
    for (const reused of [0, 1, 2]) {
      pool.giveBack(offer!)
      // The offer counts as reused when it goes out, not when it comes back.
      expect([pool.idle, pool.made, pool.reused]).toEqual([1, 1, reused])
      expect(await pool.take({ least: 1, most: 1 }, never)).toEqual([offer])
      expect([pool.idle, pool.made, pool.reused]).toEqual([0, 1, reused + 1])
    }
  })

  test.each(['closed', 'failed', 'old'] as const)('drops an offer whose connection is %s, and frees its slot', async how => {
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
  })

  test('does not hand out an idle offer that failed', async () => {
    const { env, pool, engine } = setUp()
    pool.prepare(2)
    await env.advance(100)
    engine.connections[0]?.close()
    const offers = await pool.take({ least: 1, most: 2 }, never)
    expect(offers.map(({ connection }) => connection)).toEqual([engine.connections[1]])
  })

  test('resolves when the budget is exhausted, and uses a slot that becomes free', async () => {
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
    // All that the budget allows, though less than needed.
    expect(taken.offers?.length).toBe(2)
    expect(budget.free).toBe(0)
  })

  test('keeps a quarter of the budget for answers [Law 6]', async () => {
    const { env, pool, budget, watch } = setUp({ limit: 8 })
    const taken = watch(pool.take({ least: 8, most: 8 }, never))
    pool.prepare(10)
    await env.advance(1_000)
    expect([taken.offers?.length, pool.idle]).toEqual([6, 0])
    expect(taken.at).toBeLessThan(20)
    expect([budget.free, budget.spare]).toEqual([2, false])
    expect([budget.acquire(), budget.acquire()]).not.toContain(undefined)
  })

  test("yields the slot of an idle offer to a remote's offer, then that of one that was out for 1 s [X4]", async () => {
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
    expect(pool.keep(offer!)).toBe(false) // a later answer finds no offer
    pool.giveBack(offer!)
    expect([budget.used, pool.idle]).toEqual([2, 0])
    pool.close()
    second?.release()
    first?.release()
    expect(budget.used).toBe(0)
  })

  test('yields a slot in use at once when forced, but never one of a manual invitation [X4]', async () => {
    const { env, pool, watch } = setUp({ limit: 2 })
    const taken = watch(pool.take({ least: 2, most: 2 }, never))
    await env.advance(100)
    const [carried, called] = taken.offers ?? []
    expect(pool.reserve(carried!)).toBe(true)
    await env.advance(60_000)
    expect([pool.yield(true) !== undefined, called?.connection.state, carried?.connection.state]).toEqual([true, 'closed', 'new'])
    expect([pool.yield(true), pool.reserve(called!), pool.keep(carried!)]).toEqual([undefined, false, true])
  })

  test('lets one late answer use a returned offer, idle or out again [A6]', async () => {
    const { env, pool, watch } = setUp()
    const taken = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(100)
    const offer = taken.offers?.[0]
    pool.giveBack(offer!)
    expect([pool.retake(offer!), pool.idle, pool.retake(offer!)]).toEqual([true, 0, false])
    pool.putBack(offer!)
    expect(await pool.take({ least: 1, most: 1 }, never)).toEqual([offer])
    expect([pool.retake(offer!), pool.keep(offer!)]).toEqual([true, false])
    pool.giveBack(offer!) // under the id that it was last sent with
    expect([pool.idle, offer?.connection.state]).toEqual([0, 'new'])
  })

  test('keeps surplus offers for 1 s, in which they may be answered [A6]', async () => {
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

  test('resolves take() with what is ready when the signal aborts', async () => {
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

  test('resolves take() with no offers when the signal aborts and none are ready', async () => {
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

  test('leaves no connection, slot, timer or waiting caller when closed while it gathers [Law 5]', async () => {
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

  test('hands out nothing when closed while a caller waits for more than is ready [Law 5]', async () => {
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

  test('closes an offer that is returned after close() [Law 5]', async () => {
    const { env, net, pool, budget, watch } = setUp()
    const taken = watch(pool.take({ least: 1, most: 1 }, never))
    await env.advance(100)
    pool.close()
    for (const offer of taken.offers ?? []) pool.giveBack(offer)
    expect([net.alive, budget.used]).toEqual([0, 0])
  })

  test.each(['create', 'describe', 'mute'] as const)(
    'asks an engine that fails (%s) again a second later, with a warning [D8]',
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

  /** A pool with a broken engine: the seconds at which the engine is asked, and the warnings. */
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

  test('asks a broken engine ever less, down to every 30 s [D8]', async () => {
    const { env, pool, asked } = broken()
    pool.prepare(5)
    void pool.take({ least: 5, most: 5 }, never)
    await env.advance(130_000)
    expect(asked).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121])
    pool.close()
    await env.advance(60_000)
    expect([asked.length, env.pendingTimers]).toEqual([9, 0])
  })

  test('asks a broken engine at once on a new request, yet at most once a second [D8]', async () => {
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

  test('uses an engine that works again, and retries its next fault soon [D8]', async () => {
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

  test('warns once why the engine is broken, and again when the reason changes or it recovered meanwhile [D8] [Law 7]', async () => {
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

  test('does not warn at each failure of an engine that fails now and then [D8] [Law 7]', async () => {
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

  test('leaves no timer when closed in the second after a failure [Law 5]', async () => {
    const { env, pool, engine } = setUp()
    engine.fault = () => 'create'
    pool.prepare(1)
    await env.advance(100)
    pool.close()
    expect(env.pendingTimers).toBe(0)
  })
})
