import { describe, expect, test } from 'vitest'
import type { VerifyReceiver } from '../../../src/media/verification.js'
import { CallWorld } from '../../support/fakes/call-world.js'
import { newStream } from '../../support/fakes/fake-rtc.js'

const video = () => newStream('video')

/** Messages that were sent to this end alone. */
function sentTo(world: CallWorld, id: string): string[] {
  return world.emitted.filter(({ namespace }) => namespace[2] === id).map(({ message }) => message.type)
}

describe('verify', () => {
  test.each<[string, VerifyReceiver, boolean]>([
    ['true', () => true, true],
    ['false', () => false, false],
    ['a promise of true', async () => true, true],
    ['a promise of false', async () => false, false],
    ['a late promise', () => new Promise(() => {}), false],
    ['1', () => 1 as unknown as boolean, false],
    ['an object', () => ({}) as unknown as boolean, false],
    ['a text', async () => 'true' as unknown as boolean, false],
    ['nothing', () => undefined as unknown as boolean, false],
  ])('that returns %s decides before anything is sent to the Receiver [B4]', async (_name, verify, isAllowed) => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender({ verify }), world.receiver()]
    sender.end.start({ stream: video(), dataChannel: true })
    receiver.end.start({ credentials: { ticket: 7 } })
    await world.advance(70_000)
    expect(receiver.count('stream')).toBe(isAllowed ? 1 : 0)
    expect(sender.machine.connections).toHaveLength(isAllowed ? 1 : 0)
    expect(sentTo(world, receiver.id).includes('offer')).toBe(isAllowed)
    if (!isAllowed) expect(sentTo(world, receiver.id)).toEqual([])
    if (!isAllowed) expect(sender.end.dropReasons.refused).toBeGreaterThanOrEqual(3) // at the start and at two pings
    await world.stop()
  })

  test.each<[string, () => boolean | Promise<boolean>, string]>([
    [
      'throws',
      () => {
        throw new Error('no database')
      },
      'verify() failed, so the Receiver is refused: no database',
    ],
    ['rejects', () => Promise.reject(new Error('no database')), 'verify() failed, so the Receiver is refused: no database'],
    [
      'never settles',
      () => new Promise(() => {}),
      'verify() did not settle within 5 s, so the Receiver is refused: let it return true or false, or a promise of one',
    ],
  ])('that %s refuses the Receiver, and the Sender tells why [B4] [Law 11]', async (_name, verify, text) => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender({ verify }), world.receiver()]
    sender.end.start({ stream: video() })
    receiver.end.start()
    await world.advance(10_000)
    expect(new Set(sender.all('error').map(({ id, error }) => `${id} ${error?.message}`))).toEqual(
      new Set([`${receiver.id} ${text}`]),
    )
    expect(world.net.connections).toHaveLength(0)
    await world.stop()
  })

  test('gets the id, the credentials and the proven identity, each once for a Receiver that asks twice at once [B4] [X14]', async () => {
    const world = new CallWorld()
    const calls: unknown[] = []
    const verify: VerifyReceiver = async (...args) => {
      calls.push(args)
      await new Promise<void>(resolve => void world.env.timer(100, resolve))
      return true
    }
    const [sender, receiver] = [world.sender({ verify }), world.receiver()]
    sender.end.start({ stream: video() })
    receiver.end.start({ credentials: { ticket: [7] } })
    await world.connected(sender, receiver)
    const [{ peerId } = { peerId: '' }] = sender.all('connect')
    expect(peerId).toMatch(/^[0-9a-f]{40}$/)
    expect(calls).toEqual([[receiver.id, { ticket: [7] }, { peerId }]])
    expect(world.net.connections).toHaveLength(2)
    await world.stop()
  })

  test('is asked again at each ping of a Receiver that it refused [B4]', async () => {
    const world = new CallWorld()
    let isOpen = false
    const [sender, receiver] = [world.sender({ verify: () => isOpen }), world.receiver({ pingInterval: 5 })]
    sender.end.start({ stream: video() })
    receiver.end.start()
    await world.advance(12_000)
    isOpen = true
    await world.connected(sender, receiver)
    expect(sender.end.dropReasons.refused).toBeGreaterThanOrEqual(3)
    await world.stop()
  })
})

describe('maxReceivers', () => {
  test('is told to the next Receiver, which comes in when one leaves [B4]', async () => {
    const world = new CallWorld()
    const sender = world.sender({ maxReceivers: 2 })
    sender.end.start({ stream: video() })
    await world.advance(10)
    const receivers = [
      world.receiver({ pingInterval: 5 }),
      world.receiver({ pingInterval: 5 }),
      world.receiver({ pingInterval: 5 }),
    ]
    for (const { end } of receivers) {
      end.start()
      await world.advance(200)
    }
    const [first, second, third] = receivers as [CallEndOf, CallEndOf, CallEndOf]
    expect([first, second, third].map(end => end.count('connect'))).toEqual([1, 1, 0])
    expect(third.all('full')).toEqual([{ id: sender.id }])
    await world.advance(20_000)
    expect([first, second].map(end => end.names.includes('dispose'))).toEqual([false, false])
    await first.end.stop()
    await world.connected(third)
    expect(sender.end.dropReasons.full).toBeGreaterThan(0)
    await world.stop()
  })

  test('makes room for a newcomer when a connection never worked [Law 6]', async () => {
    const world = new CallWorld()
    const sender = world.sender({ maxReceivers: 1 })
    sender.end.start({ stream: video() })
    const dead = world.receiver()
    dead.machine.cut()
    dead.end.start()
    await world.advance(6_000)
    const newcomer = world.receiver()
    newcomer.end.start()
    await world.connected(newcomer)
    expect(sender.all('dispose').map(({ id, reason }) => [id, reason])).toEqual([[dead.id, 'timeout']])
    await world.stop()
  })

  test('is not told to a Receiver that verify refuses [B4]', async () => {
    const world = new CallWorld()
    let isOpen = true
    const sender = world.sender({ maxReceivers: 1, verify: () => isOpen })
    sender.end.start({ stream: video() })
    const [first, second] = [world.receiver(), world.receiver()]
    first.end.start()
    await world.connected(first)
    isOpen = false
    second.end.start()
    await world.advance(40_000)
    expect(second.names).toEqual([])
    expect(sentTo(world, second.id)).toEqual([])
    expect(sender.end.dropReasons).toMatchObject({ refused: expect.any(Number) })
    await world.stop()
  })
})

type CallEndOf = ReturnType<CallWorld['receiver']>

describe('requireIdentity', () => {
  test('refuses ends without a signature, on both sides, and sends them nothing [X14]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender({ requireIdentity: true }), world.receiver({ requireIdentity: true })]
    sender.end.start({ stream: video() })
    receiver.end.start()
    await world.connected(sender, receiver)
    const stock = 'a stock end'
    world.write(['sender', 'default'], { type: 'invoke', id: stock })
    const offer = { type: 'offer', sdp: world.emitted.find(({ message }) => message.type === 'offer')!.message['offer'] }
    world.write(['receiver', 'default', receiver.id], { type: 'offer', id: stock, offer, state: 1 })
    world.write(['receiver', 'default', receiver.id], {
      type: 'offer',
      id: stock,
      ...(offer.sdp as object),
      offer: offer.sdp,
      state: 1,
    })
    await world.advance(10_000)
    expect(sentTo(world, stock)).toEqual([])
    expect(world.net.connections).toHaveLength(2)
    expect(sender.end.dropReasons.refused).toBe(1)
    expect(receiver.end.dropReasons).toMatchObject({ refused: 1, malformed: 1 })
    await world.stop()
  })
})

describe('options', () => {
  test('that are wrong are refused by name', () => {
    const world = new CallWorld()
    const wrong: Array<[object, RegExp]> = [
      [{ driver: {} }, /driver must be a driver with the methods on, off and emit/],
      [{ maxReceivers: 0 }, /maxReceivers must be/],
      [{ verify: 'yes' }, /verify must be a function/],
      [{ audioBitrate: 0 }, /audioBitrate must be/],
      [{ videoBitrate: '500' }, /videoBitrate must be/],
      [{ connectionTimeout: 0 }, /connectionTimeout must be/],
      [{ queueSize: 1.5 }, /queueSize must be/],
      [{ videoCodecs: 'VP8' }, /videoCodecs must be/],
      [{ participant: '' }, /participant must be/],
      [{ requireIdentity: 1 }, /requireIdentity must be/],
      [{ iceServer: [] }, /there is no option iceServer/],
    ]
    for (const [options, text] of wrong) expect(() => world.sender(options), JSON.stringify(options)).toThrow(text)
    for (const [options, text] of [
      [{ pingInterval: 0 }, /pingInterval must be/],
      [{ pingAttempts: -1 }, /pingAttempts must be/],
      [{ verify: () => true } as object, /there is no option verify/],
    ] as const)
      expect(() => world.receiver(options)).toThrow(text)
  })

  test('of start() and sync() that no message can carry are refused at once, and nothing else breaks [B5] [B6]', async () => {
    const world = new CallWorld()
    const [sender, receiver] = [world.sender(), world.receiver()]
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    expect(() => sender.end.start({ state: cyclic })).toThrow(/state must be what JSON.stringify takes/)
    expect(() => sender.end.start({ state: 5n })).toThrow(/state must be what JSON.stringify takes/)
    expect(() => sender.end.start({ state: 'x'.repeat(17_000) })).toThrow(/state has 17002 bytes of JSON, the limit is 16384: /)
    expect(() => receiver.end.start({ credentials: cyclic })).toThrow(/credentials must be/)
    expect(() => receiver.end.start({ credentials: 'x'.repeat(5_000) })).toThrow(
      /credentials has 5002 bytes of JSON, the limit is 4096: /,
    )
    sender.end.start({ stream: video(), state: { a: 1 } })
    receiver.end.start()
    await world.connected(sender, receiver)
    expect(() => sender.end.sync(cyclic)).toThrow(/state must be/)
    expect(() => sender.end.sync({ b: 'x'.repeat(17_000) }, true)).toThrow(/the limit is 16384/)
    sender.end.sync({ b: 2 }, true)
    await world.advance(100)
    expect(receiver.all('sync').map(({ state }) => state)).toEqual([{ a: 1, b: 2 }])
    await world.stop()
  })
})
