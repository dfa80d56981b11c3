import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataConnection } from '../../../../src/channel/messages/data-connection.js'
import { FramedMessenger } from '../../../../src/channel/messages/framed-messenger.js'
import { DEFAULT_LIMITS } from '../../../../src/channel/messages/message-size.js'
import type { Json, Message, MessengerHost } from '../../../../src/channel/messages/messenger.js'
import { PacketWriter } from '../../../../src/channel/messages/packet-writer.js'
import { MAX_FRAME } from '../../../../src/channel/messages/frame-codec.js'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import { HIGH_WATER } from '../../../../src/engine/engine.js'
import { channelPair, FakeNet, type FakeNetOptions } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

function setUp({
  maxMessageSize = DEFAULT_LIMITS.maxMessageSize,
  ...options
}: FakeNetOptions & { maxMessageSize?: number } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env, options)
  const [a, b] = channelPair(net)
  const make = (channel: typeof a) =>
    new DataConnection({
      localPeerId: 'me',
      remotePeerId: 'you',
      verified: true,
      messenger: host => new FramedMessenger({ env, channel, maxMessageSize, host }),
    })
  const [here, there] = [make(a), make(b)]
  const heard: Message[] = []
  const events: string[] = []
  there.on('data', message => heard.push(message))
  there.on('error', error => events.push(error.code))
  for (const name of ['connect', 'drain', 'close'] as const) here.on(name, () => void events.push(name))
  there.start()
  return { env, here, there, channels: [a, b] as const, heard, events }
}

describe('DataConnection [E4, D3]', () => {
  test('carries any JSON value and any bytes, in order [E4]', async () => {
    const message = fc.oneof(
      fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as Json), // -0 has no JSON form
      fc.uint8Array({ maxLength: 5_000 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 20 }), async messages => {
        const { env, here, heard } = setUp()
        here.start()
        for (const each of messages) expect(here.send(each)).toBe(true)
        await env.advance(100)
        expect(heard).toEqual(messages)
      }),
    )
  })

  test('carries each type of bytes as bytes, and of a buffer only the part in its view [E4]', async () => {
    const { env, here, heard } = setUp()
    here.start()
    const { buffer } = Uint8Array.of(1, 2, 3, 4)
    for (const each of [buffer, new DataView(buffer, 1), new Int16Array(buffer, 2), Buffer.from('é')]) here.send(each)
    here.send(new Float64Array(10_000)) // in parts
    await env.advance(100)
    expect(heard).toEqual([
      Uint8Array.of(1, 2, 3, 4),
      Uint8Array.of(2, 3, 4),
      Uint8Array.of(3, 4),
      Uint8Array.of(0xc3, 0xa9),
      new Uint8Array(80_000),
    ])
  })

  test('sends messages of before start() at start(), with the bytes at the time of send()', async () => {
    const { env, here, heard } = setUp()
    const bytes = Uint8Array.of(1, 2, 3)
    here.send('first')
    here.send(bytes)
    bytes.fill(9)
    await env.advance(100)
    expect(heard).toEqual([])
    here.start()
    await env.advance(100)
    expect(heard).toEqual(['first', Uint8Array.of(1, 2, 3)])
  })

  test.each([
    ['a text', 'x'.repeat(999)],
    ['two bytes a character', 'é'.repeat(500)],
    ['bytes', new Uint8Array(1_001)],
  ])('refuses a message above the limit of the peer: %s [Law 6]', async (_, message) => {
    const { env, here, heard } = setUp({ maxMessageSize: 1_000 })
    here.start()
    await env.advance(100) // until the hello of the peer
    expect(() => here.send(message)).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    here.send('x'.repeat(998)) // plus two quotes
    here.send(new Uint8Array(1_000))
    await env.advance(100)
    expect(heard.length).toBe(2)
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => {}],
    ['a BigInt', 1n],
    ['a Map', new Map([['a', 1]])],
  ])('refuses %s, which has no JSON form [Law 7]', (_, message) => {
    const { here } = setUp()
    expect(() => here.send(message as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  })

  test('returns false from send() above the high-water mark, and emits drain once', async () => {
    const { env, here, heard, events, channels } = setUp({ bandwidth: 1_000 })
    here.start()
    await env.advance(100)
    const size = 100_000
    let sent = 0
    while (here.send(new Uint8Array(size))) sent++
    expect(sent).toBe(Math.floor(HIGH_WATER / size))
    expect(here.send(new Uint8Array(size))).toBe(false)
    await env.advance(0)
    expect(channels[0].bufferedAmount).toBeLessThanOrEqual(HIGH_WATER)
    expect(events).toEqual(['connect'])
    await env.until(() => events.includes('drain'))
    expect(here.send(new Uint8Array(1))).toBe(true)
    await env.advance(10_000)
    expect(events).toEqual(['connect', 'drain'])
    expect(heard.length).toBe(sent + 3)
    expect(here.bufferedAmount).toBe(0)
  })

  test('throws ERR_QUEUE_FULL when 64 MiB are queued [Law 6]', async () => {
    const { here, channels } = setUp({ bandwidth: 1_000 })
    here.start()
    const message = new Uint8Array(262_144)
    let sent = 0
    expect(() => {
      for (; sent < 1_000; sent++) here.send(message)
    }).toThrow(expect.objectContaining({ code: 'ERR_QUEUE_FULL' }))
    expect(sent).toBeGreaterThan(200)
    expect(sent).toBeLessThan(300)
    channels[0].close()
    expect(here.bufferedAmount).toBe(0)
  })

  test('sends queued messages before it closes [A8]', async () => {
    const { env, here, heard, events } = setUp({ bandwidth: 1_000 })
    here.start()
    for (let i = 0; i < 10; i++) here.send(new Uint8Array(100_000))
    const closing = here.close()
    expect(() => here.send('late')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    await env.until(() => events.includes('close'))
    await closing
    await env.advance(100)
    expect(heard.length).toBe(10)
    expect(env.pendingTimers).toBe(0)
  })

  test('does not wait in close() for a peer that reads nothing; close() is idempotent [Law 5]', async () => {
    const { env, here, channels, events } = setUp()
    here.start()
    channels[0].hold()
    here.send('never leaves')
    const closing = Promise.all([here.close(), here.close()])
    await env.advance(2_100)
    await closing
    expect(events).toEqual(['connect', 'close'])
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('sends a message of before start() even if the application closes it at once [A8]', async () => {
    const { env, here, heard } = setUp()
    here.send({ error: 'full' })
    const closing = here.close()
    await env.advance(100)
    await closing
    expect(heard).toEqual([{ error: 'full' }])
  })

  test('waits in close() while bytes leave, at any speed [A8]', async () => {
    const { env, here, heard, events } = setUp({ bandwidth: 100 })
    here.start()
    await env.advance(100)
    for (let i = 0; i < 20; i++) here.send(new Uint8Array(100_000))
    const closing = here.close()
    await env.until(() => events.includes('close'))
    await closing
    await env.advance(100)
    expect(heard.length).toBe(20)
  })

  test('rejects all calls after close(), and leaves no timer [Law 5]', async () => {
    const { env, here } = setUp()
    here.start()
    const closing = here.close()
    await env.advance(100)
    await closing
    for (const late of [here.ping(), here.request('x'), here.stream([])])
      await expect(late).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('emits an error for JSON that is nested too deep [Law 6]', async () => {
    const { env, channels, heard, events } = setUp()
    const writer = new PacketWriter(MAX_FRAME)
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    for (const text of [nested(501), nested(499), JSON.stringify('['.repeat(900))])
      writer.message({ form: 'json', purpose: 'plain', exchange: 0 }, text)
    channels[0].send(writer.packet)
    await env.advance(100)
    expect([events, heard.length]).toEqual([['ERR_BAD_FRAME'], 2])
  })

  test('resolves close() before start(), and emits close once [Law 5]', async () => {
    const { env, here, events } = setUp()
    await here.close()
    here.start()
    await env.advance(100)
    expect(events).toEqual(['close'])
  })

  test('emits an error for a message that is not JSON, and stays open [Law 6]', async () => {
    const { env, channels, heard, events } = setUp()
    const writer = new PacketWriter(MAX_FRAME)
    for (const text of ['{', '"fine"']) writer.message({ form: 'json', purpose: 'plain', exchange: 0 }, text)
    channels[0].send(writer.packet)
    await env.advance(100)
    expect([events, heard]).toEqual([['ERR_BAD_FRAME'], ['fine']])
  })

  test('delivers all events to listeners that are added before start() [Law 8]', async () => {
    const { env, here, there } = setUp()
    there.send('early')
    await env.advance(1_000)
    const heard: unknown[] = []
    here.on('connect', () => heard.push('connect'))
    here.on('data', message => heard.push(message))
    here.start()
    await env.advance(0)
    expect(heard).toEqual(['connect', 'early'])
  })

  test('tells a close listener whether this side closed it, even within close() [A8]', async () => {
    const { env, here, there } = setUp()
    const seen: boolean[] = []
    for (const connection of [here, there]) connection.on('close', () => seen.push(connection.closedHere))
    here.start()
    await env.advance(100)
    const closing = here.close()
    await env.advance(100)
    await closing
    expect(seen).toEqual([true, false])
  })

  test('closes once when the remote peer closes', async () => {
    const { env, here, there, events } = setUp()
    here.start()
    const closing = there.close()
    await env.advance(100)
    await closing
    expect(events).toEqual(['connect', 'close'])
    expect(() => here.send('x')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  test('reports the first error without a listener once, and later ones to the listener [A8]', () => {
    const env = new VirtualEnv()
    const [channel] = channelPair(new FakeNet(env))
    const unheard: SwarmlinkError[] = []
    const hosts: MessengerHost[] = []
    const connection = new DataConnection({
      localPeerId: 'me',
      remotePeerId: 'you',
      verified: true,
      messenger: given => {
        hosts.push(given)
        return new FramedMessenger({ env, channel, host: given })
      },
      unheard: error => unheard.push(error),
    })
    const error = new SwarmlinkError('ERR_BAD_FRAME', 'the peer sent nonsense')
    const heard: SwarmlinkError[] = []
    for (let i = 0; i < 3; i++) hosts[0]?.error(error)
    connection.on('error', told => heard.push(told))
    hosts[0]?.closed(error)
    expect(unheard.map(({ code, message, cause }) => [code, message, cause])).toEqual([
      ['ERR_BAD_FRAME', "a connection to you has no 'error' listener, so this is reported here: the peer sent nonsense", error],
    ])
    expect(heard).toEqual([error])
  })

  test('after a listener closes on the first message, delivers only what the peer sent before it knew [A8]', async () => {
    const { env, here, there, heard } = setUp()
    here.start()
    there.on('data', () => void there.close())
    there.on('close', () => heard.push('close'))
    here.send(1)
    here.send(2)
    await env.advance(100)
    expect(heard).toEqual([1, 2, 'close'])
  })
})
