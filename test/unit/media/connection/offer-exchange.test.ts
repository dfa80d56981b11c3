import { expect, test, vi } from 'vitest'
import { OfferExchange } from '../../../../src/media/connection/offer-exchange.js'
import type { LocalDescription, Transport } from '../../../../src/media/connection/transport.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

function setUp() {
  const env = new VirtualEnv()
  const stop = new AbortController()
  const told: object[] = []
  const exchange = new OfferExchange({
    env,
    id: 'receiver',
    patience: { first: 1_000, factor: 1, max: 1_000 },
    stop: stop.signal,
    nextAttempt: () => 1,
    fields: () => ({ revision: 0 }),
    tell: offer => told.push(offer),
    isCurrent: () => true,
    failed: error => expect.fail(String(error)),
  })
  let made: (sdp: string) => void = () => {}
  const offer = () => new Promise<LocalDescription>(resolve => (made = sdp => resolve({ sdp, applied: Promise.resolve() })))
  const transport = { offer } as unknown as Transport // nothing else is used without an answer
  return { env, stop, told, exchange, transport, made: () => made('v=0') }
}

test('an offer that is cancelled while the engine makes it is not sent, and not waited for [X14]', async () => {
  const { env, told, exchange, transport, made } = setUp()
  const offered = exchange.offer(transport, true)
  await env.advance(0)
  exchange.cancel()
  made()
  expect(await offered).toBe(false)
  expect(told).toEqual([])
  expect(env.pendingTimers).toBe(0)
})

test('offers without an answer leave no listener behind but that of the last one [Law 5]', async () => {
  const { env, stop, told, exchange, transport, made } = setUp()
  const added = vi.spyOn(stop.signal, 'addEventListener')
  const removed = vi.spyOn(stop.signal, 'removeEventListener')
  for (let i = 0; i < 5; i++) {
    const offered = exchange.offer(transport, true)
    await env.advance(0)
    made()
    await env.advance(1_000)
    expect(await offered).toBe(false)
  }
  expect(told).toHaveLength(5)
  expect(added.mock.calls.length - removed.mock.calls.length).toBe(1)
})
