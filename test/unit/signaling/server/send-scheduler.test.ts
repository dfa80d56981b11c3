import { describe, expect, test } from 'vitest'
import {
  SendScheduler,
  type Delivery,
  type SendAllowances,
  type SendQueue,
} from '../../../../src/signaling/server/send-scheduler.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

/** A rate that no test reaches. */
const PLENTY = { rate: 1e6, burst: 1e6 }

function setUp(allowances: Partial<SendAllowances> = {}) {
  const env = new VirtualEnv()
  const scheduler = new SendScheduler(
    env,
    { client: PLENTY, address: PLENTY, ...allowances },
    callback => void env.timer(0, callback),
  )
  const sent: string[] = []
  /** A message with this number of sends. */
  const message = (name: string, sends: number, size = 1): Delivery => ({
    size,
    next: () => {
      if (sends-- === 0) return false
      sent.push(name)
      return true
    },
  })
  const count = (name: string) => sent.filter(one => one === name).length
  return { env, scheduler, sent, message, count }
}

/** Adds messages until one is refused; returns the number of accepted ones. */
function fill(queue: SendQueue, message: () => Delivery): number {
  for (let taken = 0; ; taken++) if (!queue.add(message())) return taken
}

describe('SendScheduler', () => {
  test('sends at once and in order within the rate limits, and leaves no timer behind [H1]', async () => {
    const { env, scheduler, sent, message } = setUp()
    const a = scheduler.open('home')
    for (const name of ['1', '2', '3']) expect(a.add(message(name, 2))).toBe(true)
    expect(sent).toEqual(['1', '1', '2', '2', '3', '3'])
    expect(scheduler.messages).toBe(0)
    a.close()
    await env.advance(1)
    expect(env.pendingTimers).toBe(0)
  })

  test('makes a bounded number of sends in one turn of the event loop, and goes on in the next [H1]', async () => {
    const { env, scheduler, sent, message } = setUp()
    const a = scheduler.open('home')
    a.add(message('a', 2_000))
    expect(sent.length).toBeGreaterThanOrEqual(200)
    expect(sent.length).toBeLessThan(300)
    const b = scheduler.open('away')
    b.add(message('b', 1))
    expect(sent).not.toContain('b') // the sends of this turn are used up
    await env.advance(1)
    expect(sent).toHaveLength(2_001)
    expect(sent.indexOf('b')).toBeLessThan(300) // and b is the first or second in the next
  })

  test('serves clients and addresses round robin: a full queue delays others by one round [H1]', async () => {
    const { env, scheduler, sent, message, count } = setUp()
    const crowd = Array.from({ length: 50 }, () => scheduler.open('crowd'))
    for (const [i, client] of crowd.entries()) for (let n = 0; n < 20; n++) client.add(message(`crowd ${i}`, 100))
    const [neighbour, other] = [scheduler.open('crowd'), scheduler.open('elsewhere')]
    const from = sent.length
    neighbour.add(message('same address', 1))
    other.add(message('other', 100))
    await env.advance(100)
    expect(scheduler.messages).toBe(0)
    expect(sent.indexOf('same address') - from).toBeLessThan(1_000) // 51 clients of the crowd, and the other address between them
    const done = sent.lastIndexOf('other')
    expect(done - from).toBeLessThan(250) // every second round is the other address's
    expect(count('other')).toBe(100)
    const early = crowd.map((_, i) => sent.slice(from, from + 10_000).filter(name => name === `crowd ${i}`).length)
    expect(Math.max(...early) - Math.min(...early)).toBeLessThan(100)
  })

  test('limits the rate of a client, and of all clients of an address together [H1]', async () => {
    const { env, scheduler, message, count } = setUp({
      client: { rate: 100, burst: 200 },
      address: { rate: 250, burst: 500 },
    })
    const clients = Array.from({ length: 10 }, () => scheduler.open('home'))
    const [one] = clients
    one?.add(message('alone', 10_000))
    expect(count('alone')).toBeLessThan(210)
    await env.advance(10_000)
    expect(count('alone')).toBeGreaterThan(1_150)
    expect(count('alone')).toBeLessThan(1_250)
    one?.clear()
    await env.advance(10_000)
    for (const [i, client] of clients.entries()) client.add(message(String(i), 10_000))
    const before = clients.map((_, i) => count(String(i)))
    expect(before.reduce((sum, sends) => sum + sends)).toBeLessThan(520) // the burst of the address, used by the first clients
    await env.advance(10_000)
    for (const [i, sends] of before.entries()) expect(Math.abs(count(String(i)) - sends - 260)).toBeLessThan(50)
  })

  test('keeps the used budget of an address when its client reconnects [H1]', async () => {
    const { env, scheduler, sent, message } = setUp({ address: { rate: 100, burst: 200 } })
    for (let i = 0; i < 20; i++) {
      const client = scheduler.open('home')
      client.add(message('home', 200))
      client.clear()
      client.close()
    }
    expect(sent.length).toBeLessThan(220)
    await env.advance(2_200)
    scheduler.open('home').add(message('home', 200))
    expect(sent.length).toBeGreaterThan(390)
  })

  test('counts a long message as several sends per subscriber [H1]', async () => {
    const { env, scheduler, sent, message } = setUp({ client: { rate: 100, burst: 100 } })
    const a = scheduler.open('home')
    a.add(message('long', 100, 10 * 1024))
    expect(sent.length).toBeLessThanOrEqual(11)
    await env.advance(1_000)
    expect(Math.abs(sent.length - 20)).toBeLessThan(3)
  })

  test('bounds its queues, and always leaves room for another client and another address [X4]', async () => {
    const { env, scheduler, message, sent } = setUp({ client: { rate: 1, burst: 1 } })
    const flood = () => message('flood', 100, 64 * 1024)
    const alone = fill(scheduler.open('alone'), flood)
    expect(alone).toBeGreaterThan(10)
    expect(alone * 64).toBeLessThan(1024)
    for (let client = 0; client < 100; client++) fill(scheduler.open('alone'), flood)
    const isHeard = async (address: string) => {
      expect(scheduler.open(address).add(message(`from ${address}`, 1))).toBe(true)
      await env.advance(100)
      expect(sent).toContain(`from ${address}`)
    }
    await isHeard('alone')
    for (let address = 0; address < 100; address++)
      for (let client = 0; client < 20; client++) fill(scheduler.open(String(address)), flood)
    expect(scheduler.messages).toBeGreaterThan(500)
    expect(scheduler.messages).toBeLessThan(1_024) // 64 MiB
    await isHeard('new')
    const small = fill(scheduler.open('small'), () => message('small', 100))
    expect(small).toBeLessThan(4_000) // overhead of small messages counts
  })

  test('sends the queued messages of a client that left, drops those of a disconnected one, and forgets both [X4]', async () => {
    const { env, scheduler, message, count } = setUp({ client: { rate: 100, burst: 100 } })
    const [left, ended] = [scheduler.open('home'), scheduler.open('home')]
    left.add(message('left', 300))
    ended.add(message('ended', 300))
    left.close()
    ended.clear()
    ended.close()
    await env.advance(5_000)
    expect(count('left')).toBe(300)
    expect(count('ended')).toBeLessThan(110)
    expect([scheduler.messages, env.pendingTimers]).toEqual([0, 0])
  })
})
