import { describe, expect, test } from 'vitest'
import { DataConnection } from '../../../../src/channel/messages/data-connection.js'
import type { Json } from '../../../../src/channel/messages/messenger.js'
import { PlainMessenger } from '../../../../src/channel/messages/plain-messenger.js'
import { HIGH_WATER } from '../../../../src/engine/engine.js'
import { channelPair, FakeNet, type FakeNetOptions } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

/** A connection, and the bare channel of its stock peer. */
function setUp({
  maxMessageSize = 262_144,
  jsonLimit,
  listens = true,
  ...options
}: FakeNetOptions & { maxMessageSize?: number; jsonLimit?: number; listens?: boolean } = {}) {
  const env = new VirtualEnv()
  const [channel, page] = channelPair(new FakeNet(env, options))
  const here = new DataConnection({
    localPeerId: 'me',
    remotePeerId: 'a page',
    verified: false,
    messenger: host => new PlainMessenger({ env, channel, maxMessageSize, jsonLimit, host }),
  })
  const heard: unknown[] = []
  const arrived: Array<string | Uint8Array> = []
  const events: string[] = []
  if (listens) here.on('data', message => heard.push(message))
  for (const name of ['connect', 'drain'] as const) here.on(name, () => void events.push(name))
  here.on('error', error => events.push(error.code))
  here.on('close', error => events.push(`close ${error?.code ?? 'quietly'}`))
  page.on('message', message => arrived.push(message))
  return { env, here, channel, page, heard, arrived, events }
}

describe('PlainMessenger, for stock peers [A8]', () => {
  test('sends and receives JSON texts and bytes, one channel message each [A8]', async () => {
    const { env, here, page, heard, arrived } = setUp()
    here.start()
    const messages: Json[] = [{ type: 'greeting', text: 'grüße ✓' }, [1, null, 'two'], 'text', 7, null, false]
    for (const message of messages) here.send(message)
    here.send(Uint8Array.of(1, 2, 3))
    for (const message of messages) page.send(JSON.stringify(message))
    page.send(Uint8Array.of(4, 5))
    await env.advance(100)
    expect(arrived).toEqual([...messages.map(message => JSON.stringify(message)), Uint8Array.of(1, 2, 3)])
    expect(heard).toEqual([...messages, Uint8Array.of(4, 5)])
  })

  test('sends each type of bytes as bytes, and refuses values that JSON would lose [E4, A8]', async () => {
    const { env, here, arrived } = setUp()
    here.start()
    const { buffer } = Uint8Array.of(1, 2, 3, 4)
    for (const each of [buffer, new DataView(buffer, 1), new Int16Array(buffer, 2)]) here.send(each)
    expect(() => here.send(new Map() as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    await env.advance(100)
    expect(arrived).toEqual([Uint8Array.of(1, 2, 3, 4), Uint8Array.of(2, 3, 4), Uint8Array.of(3, 4)])
  })

  test('sends messages of before start() too, with the bytes at the time of send() [A8]', async () => {
    const { env, here, arrived } = setUp()
    const bytes = Uint8Array.of(1)
    here.send({ first: true })
    here.send(bytes)
    bytes[0] = 9
    here.start()
    await env.advance(100)
    expect(arrived).toEqual(['{"first":true}', Uint8Array.of(1)])
  })

  test('emits an error for a text that is not JSON, and ends after a hundred [Law 6]', async () => {
    const { env, here, page, heard, events } = setUp()
    here.start()
    page.send('{')
    page.send('"fine"')
    await env.advance(100)
    expect([events, heard]).toEqual([['connect', 'ERR_BAD_FRAME'], ['fine']])
    for (let i = 0; i < 1_000; i++) page.send('nonsense')
    await env.advance(100)
    expect(events.length).toBeLessThan(110)
    expect([events.at(-1), page.state]).toEqual(['close ERR_BAD_FRAME', 'closed'])
  })

  test('keeps messages until there is a listener, up to a limit [Law 8]', async () => {
    const { env, here, page, heard, events } = setUp({ listens: false })
    page.send('"before the start"')
    here.start()
    for (let i = 0; i < 1_000; i++) page.send(String(i))
    await env.advance(100)
    here.on('data', message => heard.push(message))
    page.send('"late"')
    await env.advance(100)
    expect(heard).toEqual(['before the start', ...Array.from({ length: 1_000 }, (_, i) => i), 'late'])
    expect(events).toEqual(['connect'])

    const flooded = setUp({ listens: false })
    flooded.here.start()
    for (let i = 0; i < 20; i++) flooded.page.send(JSON.stringify('x'.repeat(100_000)))
    await flooded.env.advance(100)
    expect(flooded.events).toEqual(['connect', ...Array.from({ length: 10 }, () => 'ERR_QUEUE_FULL')])
    flooded.here.on('data', message => flooded.heard.push(message))
    await flooded.env.advance(0)
    expect(flooded.heard.length).toBe(10)
    flooded.page.send('"again"')
    await flooded.env.advance(100)
    expect(flooded.heard.at(-1)).toBe('again')
  })

  test('counts an overhead for tiny messages [Law 6]', async () => {
    const { env, here, page, events } = setUp({ listens: false })
    here.start()
    for (let i = 0; i < 20_000; i++) page.send('1')
    await env.advance(100)
    expect(events.filter(event => event === 'ERR_QUEUE_FULL').length).toBeGreaterThan(100)
    expect(page.state).toBe('closed')
  })

  test('refuses a message above the limit of the peer, or of the engines [Law 6]', () => {
    const { here } = setUp({ maxMessageSize: 1_000 })
    here.start()
    const tooLarge = expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' })
    expect(here.maxMessageSize).toBe(1_000)
    expect(() => here.send(new Uint8Array(1_001))).toThrow(tooLarge)
    expect(() => here.send('é'.repeat(500))).toThrow(tooLarge)
    here.send('é'.repeat(499)) // plus two quotes
    const large = setUp({ maxMessageSize: Number.MAX_SAFE_INTEGER })
    expect(large.here.maxMessageSize).toBe(262_144)
    expect(() => large.here.send(new Uint8Array(262_145))).toThrow(tooLarge)
  })

  test('returns false from send() above the high-water mark, and emits drain once', async () => {
    const { env, here, arrived, events, channel } = setUp({ bandwidth: 1_000 })
    here.start()
    let sent = 1
    while (here.send(new Uint8Array(100_000))) sent++
    expect(channel.bufferedAmount).toBeLessThanOrEqual(HIGH_WATER + 100_000)
    await env.until(() => events.includes('drain'))
    expect(here.send('room')).toBe(true)
    await env.advance(10_000)
    expect([events, arrived.length, here.bufferedAmount]).toEqual([['connect', 'drain'], sent + 1, 0])
  })

  test('throws ERR_QUEUE_FULL when 16 MiB are queued [Law 6]', () => {
    const { here, channel } = setUp({ bandwidth: 1_000 })
    here.start()
    let sent = 0
    expect(() => {
      for (; sent < 1_000; sent++) here.send(new Uint8Array(200_000))
    }).toThrow(expect.objectContaining({ code: 'ERR_QUEUE_FULL' }))
    expect(sent).toBeGreaterThan(80)
    expect(sent).toBeLessThan(100)
    channel.close()
    expect(here.bufferedAmount).toBe(0)
  })

  test('sends queued messages before it closes, with a timeout [A8, Law 5]', async () => {
    const { env, here, arrived, events } = setUp({ bandwidth: 1_000 })
    here.start()
    for (let i = 0; i < 10; i++) here.send(new Uint8Array(100_000))
    const closing = Promise.all([here.close(), here.close()])
    expect(() => here.send('late')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await env.until(() => events.includes('close quietly'))
    await closing
    await env.advance(100)
    expect([arrived.length, env.pendingTimers]).toEqual([10, 0])

    const held = setUp()
    held.here.start()
    held.channel.hold()
    held.here.send('never leaves')
    const giving = held.here.close()
    await held.env.advance(2_100)
    await giving
    expect(held.events).toEqual(['connect', 'close quietly'])
    await held.env.advance(100)
    expect(held.env.pendingTimers).toBe(0)
  })

  test('ends once with its channel, also before start() [Law 5]', async () => {
    const early = setUp()
    early.page.close()
    await early.env.advance(100)
    early.here.start()
    expect(early.events).toEqual(['close quietly'])
    const later = setUp()
    later.here.start()
    later.page.close()
    await later.env.advance(100)
    expect(later.events).toEqual(['connect', 'close quietly'])
    expect(() => later.here.send('late')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await later.here.close()
  })

  test('refuses requests, streams and pings, which a stock peer does not support [A11]', async () => {
    const { here } = setUp()
    here.start()
    here.respond(() => null)
    const refused = expect.objectContaining({ code: 'ERR_REFUSED', message: expect.stringContaining('does not run swarmlink') })
    await expect(here.request('hello?')).rejects.toThrow(refused)
    await expect(here.stream([])).rejects.toThrow(refused)
    await expect(here.ping()).rejects.toThrow(refused)
    expect(here.roundTripTime).toBeUndefined()
  })

  test('drops JSON above the own limit, or with too many values, and goes on [Law 6]', async () => {
    const { env, here, page, heard, events } = setUp({ jsonLimit: 1_000 })
    here.start()
    page.send(JSON.stringify('x'.repeat(999)))
    page.send(JSON.stringify('x'.repeat(998)))
    await env.advance(100)
    expect([heard, events]).toEqual([['x'.repeat(998)], ['connect', 'ERR_MESSAGE_TOO_LARGE']])
    const usual = setUp()
    usual.here.start()
    usual.page.send(`{${'"":0,'.repeat(40_000)}"":0}`)
    await usual.env.advance(100)
    expect([usual.heard, usual.events]).toEqual([[], ['connect', 'ERR_BAD_FRAME']])
    expect(usual.here.maxJsonSize).toBe(usual.here.maxMessageSize)
  })

  test('parses kept messages only when there is a listener [Law 6]', async () => {
    const { env, here, page, events } = setUp({ listens: false })
    here.start()
    for (const text of ['{', '"x"']) page.send(text)
    await env.advance(100)
    expect(events).toEqual(['connect'])
    const heard: unknown[] = []
    here.on('data', message => heard.push(message))
    await env.advance(100)
    expect([heard, events]).toEqual([['x'], ['connect', 'ERR_BAD_FRAME']])
  })
})
