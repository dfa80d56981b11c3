import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../src/core/errors.js'
import { randomId } from '../../../src/core/id.js'
import type { EngineChannel } from '../../../src/engine/engine.js'
import { CONNECT_TIMEOUT, LEAVE_GRACE, OUR_LABEL, RemotePeer } from '../../../src/peer/remote-peer.js'
import { FakeConnection, FakeNet, type Fault } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

interface Side {
  peer: RemotePeer
  connection: FakeConnection
  events: string[]
  errors: Array<SwarmlinkError | undefined>
  channels: EngineChannel[]
}

function setUp({ fault, explain }: { fault?: Fault; explain?: () => string | undefined } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const side = (connection: FakeConnection, first?: EngineChannel): Side => {
    const announceId = randomId(env)
    const remote = { announceId, peerId: announceId, ours: true, verified: false }
    const peer = new RemotePeer({
      env,
      connection,
      remote,
      maxMessageSize: 1_000,
      explain,
      ...(first !== undefined && { first }),
    })
    const [events, errors, channels]: [string[], Side['errors'], EngineChannel[]] = [[], [], []]
    peer.on('connect', () => events.push('connect'))
    peer.on('channel', channel => {
      events.push(`channel ${channel.label}`)
      channels.push(channel)
    })
    peer.on('unwell', () => events.push('unwell'))
    peer.on('well', () => events.push('well'))
    peer.on('close', error => {
      events.push(`close ${error?.code ?? 'quietly'}`)
      errors.push(error)
    })
    return { peer, connection, events, errors, channels }
  }
  const called = new FakeConnection(net, fault)
  const callee = side(new FakeConnection(net))
  const caller = side(called, called.createChannel('first'))
  /** Offer and answer travel at once. */
  const signal = async () => {
    const offer = called.createOffer()
    offer.catch(() => {}) // whoever destroys the peer meanwhile
    await env.advance(20)
    const answering = callee.peer.createAnswer(await offer)
    answering.catch(() => {})
    await env.advance(20)
    await caller.peer.acceptAnswer(await answering)
  }
  const connect = async () => {
    await signal()
    await env.until(() => caller.peer.state === 'open' && callee.peer.state === 'open')
  }
  return { env, net, caller, callee, signal, connect }
}

describe('A7 a peer', () => {
  test('A7 connects once on both sides, and its deadline is gone', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    await env.advance(10 * CONNECT_TIMEOUT)
    expect([caller.events, callee.events]).toEqual([['connect'], ['connect']])
    expect(callee.peer.first?.label).toBe('first')
    expect(env.pendingTimers).toBe(0)
  })

  test.each(['ice', undefined] as const)('A5 that does not connect in time is closed with an error (fault: %s)', async fault => {
    const { env, net, caller, callee, signal } = setUp(fault === undefined ? {} : { fault })
    if (fault === 'ice') await signal() // otherwise the answer never comes
    await env.advance(CONNECT_TIMEOUT + 1)
    expect(caller.events).toEqual(['close ERR_CONNECT_TIMEOUT'])
    expect(callee.events).toEqual(['close ERR_CONNECT_TIMEOUT'])
    await env.advance(100)
    expect([net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test('A5 whose path was not found is closed with ERR_ICE_FAILED at once', async () => {
    const { caller, signal } = setUp({ fault: 'ice' })
    await signal()
    caller.connection.turn('failed')
    expect(caller.events).toEqual(['close ERR_ICE_FAILED'])
  })

  test.each(['at its deadline', 'when the engine gives up'] as const)(
    'is closed %s with ERR_ICE_FAILED and the reason that the candidates give, the plain error as its cause [A5]',
    async when => {
      const { env, caller, signal } = setUp({ fault: 'ice', explain: () => 'both sides are behind NATs' })
      await signal()
      if (when === 'at its deadline') await env.advance(CONNECT_TIMEOUT)
      else caller.connection.turn('failed')
      const cause = when === 'at its deadline' ? 'ERR_CONNECT_TIMEOUT' : 'ERR_ICE_FAILED'
      expect(caller.errors).toMatchObject([
        { code: 'ERR_ICE_FAILED', message: 'both sides are behind NATs', cause: { code: cause } },
      ])
    },
  )

  test('C5 whose path breaks after it was open is lost with ERR_ICE_FAILED', async () => {
    const { caller, connect } = setUp()
    await connect()
    caller.connection.turn('failed')
    expect(caller.events).toEqual(['connect', 'close ERR_ICE_FAILED'])
  })

  test('C5 that is disconnected for a moment stays, and says so each time', async () => {
    const { env, caller, connect } = setUp()
    await connect()
    for (let spell = 0; spell < 2; spell++) {
      caller.connection.turn('disconnected')
      expect([caller.peer.state, caller.peer.isWell]).toEqual(['open', false])
      await env.advance(4_900)
      caller.connection.turn('connected')
      expect(caller.peer.isWell).toBe(true)
      await env.advance(60_000)
    }
    expect(caller.events).toEqual(['connect', 'unwell', 'well', 'unwell', 'well'])
    expect(env.pendingTimers).toBe(0)
  })

  test('C5 that is disconnected for too long is lost', async () => {
    const { env, caller, connect } = setUp()
    await connect()
    caller.connection.turn('disconnected')
    await env.advance(4_999)
    expect(caller.events).toEqual(['connect', 'unwell'])
    await env.advance(1)
    expect([caller.events, caller.peer.isWell]).toEqual([['connect', 'unwell', 'close ERR_ICE_FAILED'], false])
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('C5 that somebody repairs has as long as that takes, each time', async () => {
    const { env, caller, connect } = setUp()
    await connect()
    caller.peer.bear(1) // while it is well that means nothing
    await env.advance(100)
    caller.peer.on('unwell', () => caller.peer.bear(30_000))
    caller.connection.turn('disconnected')
    await env.advance(29_999)
    caller.connection.turn('connected')
    await env.advance(60_000)
    caller.connection.turn('disconnected')
    await env.advance(29_999)
    expect(caller.events).toEqual(['connect', 'unwell', 'well', 'unwell'])
    await env.advance(1)
    expect(caller.events.at(-1)).toBe('close ERR_ICE_FAILED')
    caller.peer.bear(1_000)
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('X1 gets another path under its channels, and what was sent meanwhile arrives', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    expect([caller.peer.canRestart, callee.peer.canRestart]).toEqual([true, true])
    const heard: unknown[] = []
    callee.peer.first?.on('message', message => heard.push(message))
    for (const { peer } of [caller, callee]) peer.on('unwell', () => peer.bear(30_000))
    caller.connection.cut()
    await env.until(() => callee.events.includes('unwell'), 10_000)
    caller.peer.first?.send('meanwhile')
    const restart = async () => {
      const answer = await callee.peer.answerRestart(await caller.peer.restart())
      await caller.peer.acceptRestart(answer)
    }
    const restarting = restart()
    await env.advance(500)
    await restarting
    expect([caller.events, callee.events]).toEqual([1, 2].map(() => ['connect', 'unwell', 'well']))
    expect(heard).toEqual(['meanwhile'])
    caller.peer.destroy()
    expect(caller.peer.canRestart).toBe(false)
    await expect(caller.peer.restart()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('C3 a remote that vanishes is noticed', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    callee.connection.vanish()
    await env.advance(15_000)
    expect(caller.events).toEqual(['connect', 'unwell', 'close ERR_ICE_FAILED'])
  })

  test('C3 a remote that closes is noticed at once and quietly', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    callee.peer.destroy()
    await env.advance(50)
    expect(caller.events).toEqual(['connect', 'close quietly'])
  })

  test('is over when its last channel closes, and not before', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    const second = caller.peer.openChannel('messages')
    await env.advance(100)
    expect(callee.events).toEqual(['connect', `channel ${OUR_LABEL}messages`])
    caller.peer.first?.close()
    await env.advance(100)
    expect([caller.peer.state, callee.peer.state]).toEqual(['open', 'open'])
    second.close()
    await env.advance(100)
    expect([caller.peer.state, callee.peer.state]).toEqual(['closed', 'closed'])
  })

  test('A8 that leaves stays until the remote has gone, for what was sent last', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    caller.peer.leave()
    caller.peer.first?.close()
    expect(caller.events).toEqual(['connect'])
    await env.advance(50) // the callee sees the channel close, and the caller that the callee has gone
    expect(callee.events).toEqual(['connect', 'close quietly'])
    await env.advance(LEAVE_GRACE)
    expect([caller.events, env.pendingTimers]).toEqual([['connect', 'close quietly'], 0])
  })

  test('A8 that leaves waits only so long for a remote that does not go', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    callee.peer.openChannel('something else')
    await env.advance(100)
    caller.peer.leave()
    for (const channel of [...caller.connection.channels]) channel.close()
    callee.connection.vanish()
    await env.advance(LEAVE_GRACE - 1)
    expect(caller.peer.state).toBe('leaving')
    await env.advance(1)
    expect(caller.events.at(-1)).toBe('close quietly')
  })

  test('Law 8 messages that come with a channel are kept for a listener added later', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    const channel = caller.peer.openChannel('early')
    await env.until(() => channel.state === 'open')
    channel.send('before anybody listens')
    await env.advance(1_000)
    const heard: unknown[] = []
    callee.channels[0]?.on('message', message => heard.push(message))
    await env.advance(0)
    expect(heard).toEqual(['before anybody listens'])
  })

  test('B12 candidates that its answer did not wait for follow it until it is connected', async () => {
    const env = new VirtualEnv()
    const net = new FakeNet(env, { gathering: 100 })
    const remote = { announceId: randomId(env), peerId: randomId(env), ours: true, verified: false }
    const called = new FakeConnection(net)
    const caller = new RemotePeer({
      env,
      connection: called,
      remote,
      maxMessageSize: 1_000,
      first: called.createChannel('first'),
    })
    const callee = new RemotePeer({ env, connection: new FakeConnection(net, undefined, 10), remote, maxMessageSize: 1_000 })
    const late: RTCIceCandidateInit[] = []
    const offering = called.createOffer()
    await env.advance(200)
    const answering = callee.createAnswer(await offering, candidate => late.push(candidate))
    await env.advance(10)
    await caller.acceptAnswer(await answering)
    await env.advance(50)
    expect([late, caller.state]).toEqual([[], 'connecting']) // nobody knows where the callee is
    await env.until(() => late.length === 1)
    for (const candidate of late) caller.addCandidate(candidate)
    await env.until(() => caller.state === 'open' && callee.state === 'open')
    caller.destroy()
    for (const candidate of late) caller.addCandidate(candidate) // too late
    callee.destroy()
    await env.advance(100)
    expect([net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test('Law 6 a remote opens no more channels than we want, and the others go on', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    const opened = Array.from({ length: 500 }, (_, nth) => caller.connection.createChannel(`${OUR_LABEL}${nth}`))
    await env.advance(1_000)
    expect(callee.channels.length).toBe(419)
    expect(opened.filter(({ state }) => state === 'open').length).toBe(419)
    expect(callee.peer.state).toBe('open')
  })

  test('Law 6 a second channel without our name is closed: the first one is the wire', async () => {
    const { env, caller, callee, connect } = setUp()
    await connect()
    const second = caller.connection.createChannel('another')
    await env.advance(1_000)
    expect([second.state, callee.channels.length, callee.peer.first?.label]).toEqual(['closed', 0, 'first'])
  })

  test('Law 5 destroyed at any moment it closes once and leaves nothing behind', async () => {
    for (let at = 0; at < 120; at += 3) {
      const { env, net, caller, callee, signal } = setUp()
      const signalling = signal().catch(() => {})
      await env.advance(at)
      caller.peer.destroy()
      caller.peer.destroy()
      callee.peer.destroy()
      await env.advance(100)
      await signalling
      expect([caller, callee].map(({ events }) => events.filter(event => event.startsWith('close')))).toEqual([
        ['close quietly'],
        ['close quietly'],
      ])
      expect([at, net.alive, env.pendingTimers]).toEqual([at, 0, 0])
    }
  })
})
