import { describe, expect, test } from 'vitest'
import type { SwarmlinkError } from '../../../src/core/errors.js'
import { randomId } from '../../../src/core/id.js'
import type { EngineChannel } from '../../../src/engine/engine.js'
import { CONNECT_TIMEOUT, LEAVE_GRACE, OUR_LABEL, RemotePeer } from '../../../src/peer/remote-peer.js'
import { FakeConnection, FakeNet, type Fault } from '../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

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
    const remote = { announceId, peerId: announceId, isSwarmlink: true, verified: false }
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
  const answerer = side(new FakeConnection(net))
  const offerer = side(called, called.createChannel('first'))
  /** Offer and answer travel at once. */
  const signal = async () => {
    const offer = called.createOffer()
    offer.catch(() => {}) // the peer may be destroyed meanwhile
    await env.advance(20)
    const answering = answerer.peer.createAnswer(await offer)
    answering.catch(() => {})
    await env.advance(20)
    await offerer.peer.acceptAnswer(await answering)
  }
  const connect = async () => {
    await signal()
    await env.until(() => offerer.peer.state === 'open' && answerer.peer.state === 'open')
  }
  return { env, net, offerer, answerer, signal, connect }
}

describe('RemotePeer', () => {
  test('connects once on both sides, and clears its deadline [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    await env.advance(10 * CONNECT_TIMEOUT)
    expect([offerer.events, answerer.events]).toEqual([['connect'], ['connect']])
    expect(answerer.peer.first?.label).toBe('first')
    expect(env.pendingTimers).toBe(0)
  })

  test.each(['ice', undefined] as const)('is closed with an error at the deadline (fault: %s) [A5] [A7]', async fault => {
    const { env, net, offerer, answerer, signal } = setUp(fault === undefined ? {} : { fault })
    if (fault === 'ice') await signal() // otherwise the answer never arrives
    await env.advance(CONNECT_TIMEOUT + 1)
    expect(offerer.events).toEqual(['close ERR_CONNECT_TIMEOUT'])
    expect(answerer.events).toEqual(['close ERR_CONNECT_TIMEOUT'])
    await env.advance(100)
    expect([net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test('is closed with ERR_ICE_FAILED at once when no path was found [A5] [A7]', async () => {
    const { offerer, signal } = setUp({ fault: 'ice' })
    await signal()
    offerer.connection.turn('failed')
    expect(offerer.events).toEqual(['close ERR_ICE_FAILED'])
  })

  test.each(['at its deadline', 'when the engine gives up'] as const)(
    'is closed %s with ERR_ICE_FAILED and the reason from the candidates, the plain error as its cause [A5] [A7]',
    async when => {
      const { env, offerer, signal } = setUp({ fault: 'ice', explain: () => 'both sides are behind NATs' })
      await signal()
      if (when === 'at its deadline') await env.advance(CONNECT_TIMEOUT)
      else offerer.connection.turn('failed')
      const cause = when === 'at its deadline' ? 'ERR_CONNECT_TIMEOUT' : 'ERR_ICE_FAILED'
      expect(offerer.errors).toMatchObject([
        { code: 'ERR_ICE_FAILED', message: 'both sides are behind NATs', cause: { code: cause } },
      ])
    },
  )

  test('is lost with ERR_ICE_FAILED when its path breaks after opening [C5] [A7]', async () => {
    const { offerer, connect } = setUp()
    await connect()
    offerer.connection.turn('failed')
    expect(offerer.events).toEqual(['connect', 'close ERR_ICE_FAILED'])
  })

  test('survives a short disconnection, and reports each one [C5] [A7]', async () => {
    const { env, offerer, connect } = setUp()
    await connect()
    for (let spell = 0; spell < 2; spell++) {
      offerer.connection.turn('disconnected')
      expect([offerer.peer.state, offerer.peer.isWell]).toEqual(['open', false])
      await env.advance(4_900)
      offerer.connection.turn('connected')
      expect(offerer.peer.isWell).toBe(true)
      await env.advance(60_000)
    }
    expect(offerer.events).toEqual(['connect', 'unwell', 'well', 'unwell', 'well'])
    expect(env.pendingTimers).toBe(0)
  })

  test('is lost when it is disconnected for too long [C5] [A7]', async () => {
    const { env, offerer, connect } = setUp()
    await connect()
    offerer.connection.turn('disconnected')
    await env.advance(4_999)
    expect(offerer.events).toEqual(['connect', 'unwell'])
    await env.advance(1)
    expect([offerer.events, offerer.peer.isWell]).toEqual([['connect', 'unwell', 'close ERR_ICE_FAILED'], false])
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('has as long as a repair takes, each time [C5] [A7]', async () => {
    const { env, offerer, connect } = setUp()
    await connect()
    offerer.peer.bear(1) // no effect while the peer is well
    await env.advance(100)
    offerer.peer.on('unwell', () => offerer.peer.bear(30_000))
    offerer.connection.turn('disconnected')
    await env.advance(29_999)
    offerer.connection.turn('connected')
    await env.advance(60_000)
    offerer.connection.turn('disconnected')
    await env.advance(29_999)
    expect(offerer.events).toEqual(['connect', 'unwell', 'well', 'unwell'])
    await env.advance(1)
    expect(offerer.events.at(-1)).toBe('close ERR_ICE_FAILED')
    offerer.peer.bear(1_000)
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('gets another path under its channels, and messages sent meanwhile arrive [X1] [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    expect([offerer.peer.canRestart, answerer.peer.canRestart]).toEqual([true, true])
    const heard: unknown[] = []
    answerer.peer.first?.on('message', message => heard.push(message))
    for (const { peer } of [offerer, answerer]) peer.on('unwell', () => peer.bear(30_000))
    offerer.connection.cut()
    await env.until(() => answerer.events.includes('unwell'), 10_000)
    offerer.peer.first?.send('meanwhile')
    const restart = async () => {
      const answer = await answerer.peer.answerRestart(await offerer.peer.restart())
      await offerer.peer.acceptRestart(answer)
    }
    const restarting = restart()
    await env.advance(500)
    await restarting
    expect([offerer.events, answerer.events]).toEqual([1, 2].map(() => ['connect', 'unwell', 'well']))
    expect(heard).toEqual(['meanwhile'])
    offerer.peer.destroy()
    expect(offerer.peer.canRestart).toBe(false)
    await expect(offerer.peer.restart()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('notices a remote that vanishes [C3] [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    answerer.connection.vanish()
    await env.advance(15_000)
    expect(offerer.events).toEqual(['connect', 'unwell', 'close ERR_ICE_FAILED'])
  })

  test("notices a remote's close at once, without an error [C3] [A7]", async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    answerer.peer.destroy()
    await env.advance(50)
    expect(offerer.events).toEqual(['connect', 'close quietly'])
  })

  test('closes when its last channel closes, and not before [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    const second = offerer.peer.openChannel('messages')
    await env.advance(100)
    expect(answerer.events).toEqual(['connect', `channel ${OUR_LABEL}messages`])
    offerer.peer.first?.close()
    await env.advance(100)
    expect([offerer.peer.state, answerer.peer.state]).toEqual(['open', 'open'])
    second.close()
    await env.advance(100)
    expect([offerer.peer.state, answerer.peer.state]).toEqual(['closed', 'closed'])
  })

  test('stays after leave() until the remote has gone, so that the last messages arrive [A8] [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    offerer.peer.leave()
    offerer.peer.first?.close()
    expect(offerer.events).toEqual(['connect'])
    await env.advance(50) // the answerer sees the channel close, and the offerer sees the answerer go
    expect(answerer.events).toEqual(['connect', 'close quietly'])
    await env.advance(LEAVE_GRACE)
    expect([offerer.events, env.pendingTimers]).toEqual([['connect', 'close quietly'], 0])
  })

  test('goes after leave() as soon as the engine tells that the remote has everything [A8] [A7]', async () => {
    const { offerer, connect } = setUp()
    await connect()
    offerer.peer.leave()
    offerer.peer.first?.close()
    expect(offerer.peer.state).toBe('leaving')
    offerer.connection.idle()
    expect(offerer.peer.state).toBe('closed')
    expect(offerer.events.at(-1)).toBe('close quietly')
  })

  test('leaves within the grace, whatever channels the remote opens meanwhile [Law 5] [Law 6]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    offerer.peer.on('channel', channel => channel.close()) // as a standalone connection does
    await connect()
    offerer.peer.leave()
    offerer.peer.first?.close()
    answerer.connection.close = () => {} // a hostile remote stays
    for (let i = 0; i < 10; i++) {
      if (offerer.peer.state !== 'closed') answerer.connection.createChannel(`${OUR_LABEL}more`)
      await env.advance(0.9 * LEAVE_GRACE)
    }
    expect(offerer.peer.state).toBe('closed')
  })

  test('stays when all its channels are closed and it does not leave [A8]', async () => {
    const { offerer, connect } = setUp()
    await connect()
    offerer.connection.idle()
    expect(offerer.peer.state).toBe('open')
  })

  test('closes at the end of the leave grace when the remote does not go [A8] [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    answerer.peer.openChannel('something else')
    await env.advance(100)
    offerer.peer.leave()
    for (const channel of [...offerer.connection.channels]) channel.close()
    answerer.connection.vanish()
    await env.advance(LEAVE_GRACE - 1)
    expect(offerer.peer.state).toBe('leaving')
    await env.advance(1)
    expect(offerer.events.at(-1)).toBe('close quietly')
  })

  test("keeps a channel's early messages for a listener added later [Law 8] [A7]", async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    const channel = offerer.peer.openChannel('early')
    await env.until(() => channel.state === 'open')
    channel.send('before there is a listener')
    await env.advance(1_000)
    const heard: unknown[] = []
    answerer.channels[0]?.on('message', message => heard.push(message))
    await env.advance(0)
    expect(heard).toEqual(['before there is a listener'])
  })

  test('sends the candidates that its answer did not wait for, until it is connected [B12] [A7]', async () => {
    const env = new VirtualEnv()
    const net = new FakeNet(env, { gathering: 100 })
    const remote = { announceId: randomId(env), peerId: randomId(env), isSwarmlink: true, verified: false }
    const called = new FakeConnection(net)
    const offerer = new RemotePeer({
      env,
      connection: called,
      remote,
      maxMessageSize: 1_000,
      first: called.createChannel('first'),
    })
    const answerer = new RemotePeer({ env, connection: new FakeConnection(net, undefined, 10), remote, maxMessageSize: 1_000 })
    const late: RTCIceCandidateInit[] = []
    const offering = called.createOffer()
    await env.advance(200)
    const answering = answerer.createAnswer(await offering, candidate => late.push(candidate))
    await env.advance(10)
    await offerer.acceptAnswer(await answering)
    await env.advance(50)
    expect([late, offerer.state]).toEqual([[], 'connecting']) // the answerer's address is unknown
    await env.until(() => late.length === 1)
    for (const candidate of late) offerer.addCandidate(candidate)
    await env.until(() => offerer.state === 'open' && answerer.state === 'open')
    offerer.destroy()
    for (const candidate of late) offerer.addCandidate(candidate) // too late
    answerer.destroy()
    await env.advance(100)
    expect([net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test('limits the channels that a remote opens, and keeps the others [Law 6] [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    const opened = Array.from({ length: 500 }, (_, nth) => offerer.connection.createChannel(`${OUR_LABEL}${nth}`))
    await env.advance(1_000)
    expect(answerer.channels.length).toBe(419)
    expect(opened.filter(({ state }) => state === 'open').length).toBe(419)
    expect(answerer.peer.state).toBe('open')
  })

  test('closes a second channel without our prefix: the first one is the wire [Law 6] [A7]', async () => {
    const { env, offerer, answerer, connect } = setUp()
    await connect()
    const second = offerer.connection.createChannel('another')
    await env.advance(1_000)
    expect([second.state, answerer.channels.length, answerer.peer.first?.label]).toEqual(['closed', 0, 'first'])
  })

  test('closes once and leaves nothing behind when destroyed at any moment [Law 5] [A7]', async () => {
    for (let at = 0; at < 120; at += 3) {
      const { env, net, offerer, answerer, signal } = setUp()
      const signalling = signal().catch(() => {})
      await env.advance(at)
      offerer.peer.destroy()
      offerer.peer.destroy()
      answerer.peer.destroy()
      await env.advance(100)
      await signalling
      expect([offerer, answerer].map(({ events }) => events.filter(event => event.startsWith('close')))).toEqual([
        ['close quietly'],
        ['close quietly'],
      ])
      expect([at, net.alive, env.pendingTimers]).toEqual([at, 0, 0])
    }
  })
})
