import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { signMessage } from '../../src/media/bus/message-signer.js'
import { newAnnounceId } from '../../src/identity/announce-id.js'
import { createIdentity } from '../../src/identity/key-pair.js'
import { CallWorld } from '../support/fakes/call-world.js'
import { newStream } from '../support/fakes/fake-rtc.js'
import { hostileMessage, TYPES, type Scene } from '../support/hostile/hostile-call-messages.js'

const EACH = inject('attacks')

/** A room with two Senders and two Receivers that are all connected. Those without the credentials are refused. */
async function room(options: { requireIdentity?: boolean } = {}) {
  const world = new CallWorld()
  let verified = 0
  const verify = (_id: string, credentials: unknown) => {
    verified++
    return credentials === 'the secret'
  }
  const senders = [world.sender({ verify, ...options }), world.sender({ verify, ...options })]
  const receivers = [world.receiver(options), world.receiver(options)]
  for (const { end } of senders) end.start({ stream: newStream('audio', 'video'), state: 'genuine', dataChannel: true })
  for (const { end } of receivers) end.start({ credentials: 'the secret' })
  await world.env.until(() => [...senders, ...receivers].every(end => end.count('connect') === 2))
  // Recorded, too: states, mutes, a restart.
  for (const { end } of senders) {
    end.sync('newer')
    end.enable('audio', false)
  }
  await world.advance(500)
  senders[0]!.machine.move()
  await world.env.until(() => receivers.every(end => end.count('reconnected') === 1))
  for (const { end } of senders) {
    end.enable('audio', true)
    end.sync('newest')
  }
  await world.advance(1_000)
  const ends = [...senders, ...receivers]
  return { world, senders, receivers, ends, verified: () => verified }
}

afterEach(() => void vi.restoreAllMocks())

describe('a room of four ends on a hostile bus', () => {
  test.each(TYPES)(`withstands ${EACH} malformed, forged and recorded messages of type %s [X14] [Law 6]`, async type => {
    const { world, senders, receivers, ends } = await room({ requireIdentity: true })
    const before = ends.map(({ told }) => told.length)
    const connections = [...world.net.open]
    const scene = sceneOf(world, ends, TYPES.indexOf(type) + 1)
    for (let sent = 0; sent < EACH; sent++) {
      const { namespace, message } = hostileMessage(type, scene)
      if (message !== undefined) world.write(namespace, message)
      if (sent % 150 === 0) await world.advance(1_000)
    }
    await world.advance(2_000)
    const told = ends.map(end => end.told.slice(before[ends.indexOf(end)]).map(({ name }) => name))
    // Any client of the bus may say that a Sender is full: the Receiver tells its application, and nothing else changes.
    expect(told.flat().filter(name => name !== 'full')).toEqual([])
    expect(world.net.open).toEqual(connections)
    expect(world.net.connections).toHaveLength(connections.length)
    expect(world.env.pendingTimers).toBeLessThan(60)
    for (const { end, id } of senders) expect(end.send(`from ${id}`)).toBe(true)
    for (const { end } of senders) end.sync('the last')
    await world.advance(1_000)
    for (const end of receivers) {
      expect(end.messages.map(String).toSorted()).toEqual(senders.map(({ id }) => `from ${id}`).toSorted())
      expect(
        end
          .all('sync')
          .slice(-2)
          .map(({ state }) => state),
      ).toEqual(['the last', 'the last'])
    }
    expect(Object.values(ends[0]!.end.dropReasons).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(EACH / 10)
    await world.stop()
    expect(world.net.open).toHaveLength(0)
    expect(world.env.pendingTimers).toBe(0)
  })

  test('keeps its calls where the platform has no Ed25519, so that no message has a proof [X14] [Law 6]', async () => {
    vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new DOMException('unknown algorithm', 'NotSupportedError'))
    const { world, ends } = await room()
    expect(ends[0]!.all('connect')[0]!['peerId']).toBeUndefined()
    const before = ends.map(({ told }) => told.length)
    const connections = [...world.net.open]
    const scene = sceneOf(world, ends, 99)
    for (let sent = 0; sent < EACH; sent++) {
      const { namespace, message } = hostileMessage(TYPES[sent % 6]!, scene)
      if (message !== undefined) world.write(namespace, message)
      if (sent % 150 === 0) await world.advance(1_000)
    }
    // Strangers may connect: what they send can have the credentials of others. That changes nothing between the ends of the room.
    const partners = (i: number) => ends.filter((_end, other) => i < 2 !== other < 2).map(({ id }) => id)
    const told = ends.flatMap((end, i) => end.told.slice(before[i]).filter(({ detail }) => partners(i).includes(detail.id)))
    expect(told.map(({ name }) => name).filter(name => name !== 'full')).toEqual([])
    expect(world.net.open).toEqual(expect.arrayContaining(connections))
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })

  test('lets a new Receiver in while strangers without identity write [X14]', async () => {
    const { world, senders } = await room()
    const newcomer = world.receiver()
    newcomer.end.start({ credentials: 'the secret' })
    await world.advance(1)
    // Before and while its own messages are handled.
    const flood = () => {
      for (let i = 0; i < 10; i++) {
        for (const { id } of senders) world.write(['receiver', 'default', newcomer.id], { type: 'sync', id, swarmlink: 1 })
        world.write(['sender', 'default'], { type: 'beat', id: newcomer.id, swarmlink: 1 })
      }
      if (newcomer.count('connect') < 2) world.env.timer(100, flood)
    }
    flood()
    // In the name of the newcomer, before its own messages are handled.
    for (let i = 0; i < 20; i++)
      world.write(['sender', 'default'], { type: 'invoke', id: newcomer.id, swarmlink: 1, credentials: 'the secret' })
    await world.env.until(() => newcomer.count('connect') === 2, 5_000)
    await world.advance(1_000)
    for (const sender of senders)
      expect(sender.all('connect').at(-1)).toMatchObject({ id: newcomer.id, peerId: expect.stringMatching(/^[0-9a-f]{40}$/) })
    await world.stop()
  })

  test('asks verify() at most as often as the rate limits allow, for one id and for many [Law 6]', async () => {
    const { world, senders, verified } = await room()
    const from = verified()
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 500; i++) world.write(['sender', 'default'], { type: 'invoke', id: 'one', credentials: 'wrong' })
      await world.advance(1_000)
    }
    const ofOne = verified() - from
    expect(ofOne).toBeGreaterThan(0)
    expect(ofOne).toBeLessThanOrEqual(2 * (60 + 10 * 10))
    for (let second = 0; second < 10; second++) {
      for (let i = 0; i < 500; i++)
        world.write(['sender', 'default'], { type: 'invoke', id: `${second} ${i}`, credentials: 'wrong' })
      await world.advance(1_000)
    }
    expect(verified() - from - ofOne).toBeLessThanOrEqual(2 * (600 + 200 * 10))
    expect(senders[0]!.end.dropReasons).toMatchObject({ rate: expect.any(Number), refused: expect.any(Number) })
    expect(world.net.open).toHaveLength(8)
    await world.stop()
  })

  test('keeps at most eight calls of verify() open, and refuses those beyond 64 that wait [Law 6]', async () => {
    const world = new CallWorld()
    let open = 0
    let most = 0
    const sender = world.sender({
      verify: async () => {
        most = Math.max(most, ++open)
        await new Promise<void>(resolve => void world.env.timer(1_000, resolve))
        open--
        return false
      },
    })
    sender.end.start({ stream: newStream('video') })
    await world.advance(10)
    for (let i = 0; i < 500; i++) world.write(['sender', 'default'], { type: 'invoke', id: `${i}` })
    await world.advance(30_000)
    expect(most).toBe(8)
    expect(sender.end.dropReasons.refused).toBe(500)
    expect(world.net.connections).toHaveLength(0)
    await world.stop()
  })

  test('gives up connections to Senders that never work, so that a genuine one has room [Law 6]', async () => {
    const world = new CallWorld()
    const receiver = world.receiver()
    receiver.end.start()
    await world.advance(10)
    const [{ identity, id }] = [await stranger(world)]
    const offerOf = async (index: number) => {
      const own = index === 0 ? { identity, id } : await stranger(world)
      const namespace = ['receiver', 'default', receiver.id]
      const offer = { type: 'offer', sdp: (await sample()).replaceAll('OTYZ', `ufrag${index}`) }
      world.write(
        namespace,
        await signMessage(own.identity, namespace, {
          type: 'offer',
          id: own.id,
          swarmlink: 1,
          offer,
          session: 'ab'.repeat(8),
          attempt: 1,
        }),
      )
    }
    for (let i = 0; i < 100; i++) await offerOf(i)
    await world.advance(6_000)
    expect(receiver.machine.open).toHaveLength(64)
    const sender = world.sender()
    sender.end.start({ stream: newStream('video') })
    await world.connected(sender)
    expect(receiver.all('connect').map(told => told.id)).toEqual([sender.id])
    await world.stop()
    expect(world.net.open).toHaveLength(0)
  })

  test('drops messages whose size no driver carries, and objects whose members throw [Law 6]', async () => {
    const { world, ends, senders } = await room()
    const before = ends.map(({ told }) => told.length)
    // A bus within the page hands over the very objects.
    const handlers = new Map<string, (message: unknown) => unknown>()
    const direct = world.sender({
      driver: {
        on: (namespace, handler) => void handlers.set(namespace.join('/'), handler),
        off: () => {},
        emit: () => {},
      },
    })
    direct.end.start({ stream: newStream('video') })
    await world.advance(10)
    const receive = handlers.get('sender/default')!
    const bad = (): never => {
      throw new Error('a getter')
    }
    let reads = 0
    const cyclic: Record<string, unknown> = { type: 'invoke', id: 'cyclic' }
    cyclic['credentials'] = cyclic
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    for (const value of [
      cyclic,
      revoked.proxy,
      {
        type: 'invoke',
        id: 'x',
        get credentials() {
          return bad()
        },
      },
      {
        get type() {
          return bad()
        },
        id: 'x',
      },
      // Reads well at first, and throws while it is verified.
      {
        type: 'invoke',
        id: 'later',
        key: 'k'.repeat(43),
        signature: 's'.repeat(86),
        get swarmlink() {
          return reads++ === 0 ? 1 : bad()
        },
      },
      new Proxy({ type: 'invoke', id: 'keys' }, { ownKeys: bad, has: bad }),
      { type: 'invoke', id: 'x'.repeat(100_000) },
      { type: 'invoke', id: 'big', credentials: 'x'.repeat(10_000_000) },
      { type: 'invoke', id: 'signed and big', key: 'k'.repeat(43), signature: 's'.repeat(86), more: 'x'.repeat(10_000_000) },
      { type: 'invoke', id: 'e'.repeat(40), key: 'k'.repeat(43), signature: 's'.repeat(86), more: cyclic },
    ])
      receive(value)
    await world.advance(1_000)
    expect(direct.names).toEqual([])
    expect(direct.machine.connections).toHaveLength(0)
    // The id whose message threw is not blocked.
    receive({ type: 'invoke', id: 'later' })
    await world.advance(100)
    expect(direct.machine.connections).toHaveLength(1)
    expect(ends.map(({ told }) => told.length)).toEqual(before)
    expect(senders).toHaveLength(2)
    await world.stop()
  })
})

function sceneOf(world: CallWorld, ends: Array<{ id: string }>, seed: number): Scene {
  return {
    env: world.env.fork({ seed }),
    ids: ends.map(({ id }) => id),
    namespaces: [
      ['sender', 'default'],
      ['receiver', 'default'],
      ...ends.map(({ id }, i) => [i < 2 ? 'sender' : 'receiver', 'default', id]),
    ],
    recorded: [...world.emitted],
  }
}

async function stranger(world: CallWorld) {
  const identity = await createIdentity({ env: world.env })
  return { identity, id: newAnnounceId(identity, world.env) }
}

async function sample(): Promise<string> {
  const { mediaSamples } = await import('../support/media-sdp-samples.js')
  return mediaSamples[0]!.offer
}
