import { beforeEach, describe, expect, test } from 'vitest'
import { decodeControl, encodeControl, type RestartFrame } from '../../../../src/channel/control/codec.js'
import { randomId } from '../../../../src/core/id.js'
import type { Role } from '../../../../src/peer/negotiation.js'
import { RemotePeer } from '../../../../src/peer/remote-peer.js'
import { Repair } from '../../../../src/swarm/session/repair.js'
import { FakeConnection, FakeNet } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

interface Side {
  peer: RemotePeer
  connection: FakeConnection
  repair: Repair
  events: string[]
  /** Messages that it sent, by either route. */
  said: string[]
}

/** How the messages of one side travel: lost, or delayed by this many milliseconds. */
type Delay = number | undefined

interface Ways {
  direct: Delay
  around: Delay
}

/** Two connected peers. Messages take 10 ms over the connection and over relays, unless a test says otherwise. */
async function pair({ restarts = true } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const ways: Record<Role, Ways> = { offerer: { direct: 10, around: 10 }, answerer: { direct: 10, around: 10 } }
  const passedOn: Uint8Array[] = []
  const side = (role: Role, connection: FakeConnection, other: () => Side): Side => {
    const announceId = randomId(env)
    const remote = { announceId, peerId: announceId, isSwarmlink: true, verified: true }
    const first = role === 'offerer' ? { first: connection.createChannel('first') } : {}
    const peer = new RemotePeer({ env, connection, remote, maxMessageSize: 1_000, ...first })
    const events: string[] = []
    const said: string[] = []
    const repair = new Repair({
      env,
      peer,
      role,
      say: frame => {
        said.push(named(frame))
        const [told] = decodeControl(encodeControl(frame))
        if (told !== undefined) later(ways[role].direct, () => other().repair.heard(told))
      },
      forward: message => {
        passedOn.push(message)
        later(ways[role].around, () => other().repair.forwarded(message))
        return ways[role].around !== undefined
      },
    })
    peer.on('unwell', () => events.push('unwell'))
    peer.on('well', () => events.push('well'))
    peer.on('close', error => events.push(`close ${error?.code ?? 'quietly'}`))
    return { peer, connection, repair, events, said }
  }
  const later = (way: Delay, act: () => void) => {
    if (way !== undefined) env.timer(way, act)
  }
  const offerer: Side = side('offerer', new FakeConnection(net, undefined, undefined, restarts), () => answerer)
  const answerer: Side = side('answerer', new FakeConnection(net), () => offerer)
  const signal = async () => {
    const answer = await answerer.peer.createAnswer(await offerer.connection.createOffer())
    await offerer.peer.acceptAnswer(answer)
  }
  void signal()
  await env.until(() => offerer.peer.state === 'open' && answerer.peer.state === 'open')
  offerer.repair.bind(`sha-256 ${answerer.connection.fingerprint}`)
  answerer.repair.bind(`sha-256 ${offerer.connection.fingerprint}`)
  answerer.repair.tellKey()
  await env.advance(100)
  for (const { said } of [offerer, answerer]) said.length = 0
  return { env, net, ways, passedOn, offerer, answerer }
}

const named = (frame: RestartFrame) => ('number' in frame ? `${frame.type} ${frame.number}` : frame.type)

let world: Awaited<ReturnType<typeof pair>>
beforeEach(async () => {
  world = await pair()
})

/** Cuts the path. Returns how long both sides take to be well again. */
async function lose(within = 40_000): Promise<number> {
  const { env, offerer, answerer } = world
  offerer.connection.cut()
  const at = env.now()
  await env.until(() => offerer.events.includes('well') && answerer.events.includes('well'), within)
  return env.now() - at
}

/** Loses every message on the connection itself. */
function cutDirect(): void {
  for (const role of ['offerer', 'answerer'] as const) world.ways[role].direct = undefined
}

function cutAround(): void {
  for (const role of ['offerer', 'answerer'] as const) world.ways[role].around = undefined
}

describe('Repair of a lost path', () => {
  test('restarts over relays once both sides have had 1 s to recover by themselves [X2]', async () => {
    cutDirect()
    expect(await lose()).toBeLessThan(6_200)
    expect([world.offerer.events, world.answerer.events]).toEqual([
      ['unwell', 'well'],
      ['unwell', 'well'],
    ])
  })

  test('restarts over the connection itself where that still delivers something [X1] [X2]', async () => {
    cutAround()
    expect(await lose()).toBeLessThan(6_200)
  })

  test('needs one restart when both sides notice at once [X1] [X2]', async () => {
    await lose()
    await world.env.advance(60_000)
    expect(world.offerer.said).toEqual(['restart 1'])
    expect(world.answerer.said.filter(word => word.startsWith('restarted'))).toEqual(['restarted 1'])
    expect(world.env.pendingTimers).toBe(0)
  })

  test('leaves the path to ICE when that recovers within 1 s [C5] [X2]', async () => {
    const { env, offerer, answerer } = world
    for (const { connection } of [offerer, answerer]) connection.turn('disconnected')
    await env.advance(900)
    for (const { connection } of [offerer, answerer]) connection.turn('connected')
    await env.advance(60_000)
    expect([offerer.said, answerer.said, env.pendingTimers]).toEqual([[], [], 0])
  })

  test('restarts when only the offerer notices [X2]', async () => {
    const { env, offerer, answerer } = world
    offerer.connection.turn('disconnected')
    await env.until(() => offerer.events.includes('well'), 1_200)
    expect([answerer.events, answerer.said]).toEqual([[], ['restarted 1']])
  })

  test("restarts at the answerer's request when only the answerer notices [X2]", async () => {
    const { env, offerer, answerer } = world
    answerer.connection.turn('disconnected')
    await env.until(() => answerer.events.includes('well'), 1_700)
    expect([offerer.events, offerer.said, answerer.said]).toEqual([[], ['restart 1'], ['restart-please 1', 'restarted 1']])
  })

  test('restarts 1 s after a lost restart when the answerer asks for it [X2]', async () => {
    const { env, ways, offerer, answerer } = world
    ways.offerer = { direct: undefined, around: undefined }
    offerer.connection.cut()
    await env.until(() => offerer.said.length === 1, 10_000)
    ways.offerer = { direct: undefined, around: 10 }
    await env.until(() => offerer.events.includes('well') && answerer.events.includes('well'), 1_200)
    expect([offerer.said, answerer.said]).toEqual([
      ['restart 1', 'restart 2'],
      ['restart-please 1', 'restarted 2'],
    ])
  })

  test.each(['offerer', 'answerer'] as const)('restarts when the connection loses the messages of the %s [X2]', async mute => {
    world.ways[mute].direct = undefined
    expect(await lose()).toBeLessThan(6_200)
  })

  test.each([
    ['30 s where there is no relay', undefined, 8, 30_000],
    ['10 s from the first forwarded message without a reply', 60_000, 3, 11_500],
  ])('retries every 4 s, for %s [X2]', async (_, around, tries, patience) => {
    const { env, ways, offerer, answerer } = world
    cutDirect()
    ways.offerer.around = around
    ways.answerer.around = around
    offerer.connection.cut()
    await env.until(() => offerer.events.includes('unwell'), 6_000)
    await env.advance(patience)
    expect([offerer.said.length, answerer.said.length]).toEqual([tries, tries])
    expect([offerer.events, answerer.events]).toEqual([
      ['unwell', 'close ERR_ICE_FAILED'],
      ['unwell', 'close ERR_ICE_FAILED'],
    ])
    await env.advance(60_000) // messages in transit
    expect(env.pendingTimers).toBe(0)
  })

  test('gives up soon when both sides can meet in another way, after one report [X1] [X2]', async () => {
    const { env, offerer } = world
    cutDirect()
    cutAround()
    offerer.repair.hurry() // no effect while the path is well
    offerer.connection.cut()
    await env.until(() => offerer.events.includes('unwell'), 6_000)
    await env.advance(10_000)
    offerer.repair.hurry()
    await env.advance(1_000)
    offerer.repair.hurry()
    await env.advance(999)
    expect(offerer.events).toEqual(['unwell'])
    await env.advance(1)
    expect(offerer.events).toEqual(['unwell', 'close ERR_ICE_FAILED'])
  })

  test('restarts as soon as there is a relay [X2]', async () => {
    const { env, ways } = world
    cutDirect()
    cutAround()
    env.timer(20_000, () => {
      for (const role of ['offerer', 'answerer'] as const) ways[role].around = 10
    })
    expect(await lose()).toBeLessThan(24_500)
  })

  test('ignores the answer to an earlier restart [X2]', async () => {
    const { env, ways, offerer } = world
    cutAround()
    ways.answerer.direct = 4_500 // the second restart begins before the first answer arrives
    const accepted: number[] = []
    offerer.peer.acceptRestart = async () => void accepted.push(env.now())
    offerer.connection.cut()
    await env.until(() => offerer.said.length === 2, 11_000)
    await env.advance(1_000)
    expect(accepted).toEqual([])
  })

  test('ignores a late offer [X2]', async () => {
    const { env, ways, answerer, offerer } = world
    offerer.repair.begin()
    ways.offerer = { direct: 3_000, around: undefined }
    await env.advance(1_500)
    ways.offerer = { direct: 10, around: undefined }
    offerer.repair.begin()
    await env.advance(10_000)
    expect(answerer.said).toEqual(['restarted 2'])
  })

  test('answers the last of several offers that arrive together [X2]', async () => {
    const { env, ways, answerer, offerer } = world
    cutAround()
    ways.offerer.direct = 4_000
    offerer.repair.begin()
    await env.advance(1_000)
    ways.offerer.direct = 3_005
    offerer.repair.begin()
    await env.advance(1_000)
    ways.offerer.direct = 2_010
    offerer.repair.begin()
    await env.advance(10_000)
    expect([offerer.said, answerer.said]).toEqual([['restart 1', 'restart 2', 'restart 3'], ['restarted 3']])
  })

  test('does not try where an engine cannot restart [X1] [X2]', async () => {
    world = await pair({ restarts: false })
    const { env, offerer, answerer } = world
    offerer.repair.begin()
    answerer.repair.begin()
    offerer.connection.cut()
    await env.advance(10_001)
    expect([offerer.said, answerer.said]).toEqual([[], []])
    expect([offerer.events, answerer.events]).toEqual([
      ['unwell', 'close ERR_ICE_FAILED'],
      ['unwell', 'close ERR_ICE_FAILED'],
    ])
    expect(env.pendingTimers).toBe(0)
  })
})

describe('Repair of a path that may be lost soon', () => {
  test.each(['offerer', 'answerer'] as const)('replaces it unnoticed while it is up, begun by the %s [X1]', async who => {
    const { env, offerer, answerer } = world
    const accepted: string[] = []
    const { peer } = offerer
    const accept = peer.acceptRestart.bind(peer)
    peer.acceptRestart = async answer => {
      await accept(answer)
      accepted.push('accepted')
    }
    world[who].repair.begin()
    await env.advance(200)
    expect([accepted, offerer.events, answerer.events, env.pendingTimers]).toEqual([['accepted'], [], [], 0])
  })

  test('replaces the path at most once a second, whichever side asks [X1]', async () => {
    const { env, offerer, answerer } = world
    for (let ms = 0; ms < 10_000; ms += 100) {
      offerer.repair.begin()
      answerer.repair.begin()
      await env.advance(100)
    }
    expect(offerer.said.length).toBe(10)
    expect(answerer.said.filter(word => word.startsWith('restarted')).length).toBe(10)
  })
})

describe('Repair and a remote that asks too much', () => {
  const please = (number: number): RestartFrame => ({ type: 'restart-please', number })

  test('restarts at most once a second [Law 6]', async () => {
    const { env, offerer } = world
    for (let number = 1; number <= 1_000; number++) {
      offerer.repair.heard(please(number))
      await env.advance(10)
    }
    expect(offerer.said.length).toBe(10)
  })

  test('answers at most once a second, with one timer [Law 6]', async () => {
    const { env, offerer, answerer } = world
    cutDirect()
    cutAround()
    const offer = await newOffer()
    const before = env.pendingTimers
    for (let number = 1; number <= 1_000; number++) {
      answerer.repair.heard({ type: 'restart', number, offer })
      expect(env.pendingTimers - before).toBeLessThanOrEqual(2) // and one of the fake engine's
      await env.advance(10)
    }
    expect(answerer.said.length).toBeGreaterThan(8)
    expect(answerer.said.length).toBeLessThanOrEqual(11)
    expect(offerer.said).toEqual([])
  })

  test('ignores messages in the wrong role [Law 6]', async () => {
    const { env, offerer, answerer } = world
    const offer = await newOffer()
    offerer.repair.heard({ type: 'restart', number: 1, offer })
    answerer.repair.heard(please(1))
    answerer.repair.heard({ type: 'restarted', number: 1, answer: offer })
    answerer.repair.heard({ type: 'repair-key', key: new Uint8Array(16) })
    await env.advance(5_000)
    expect([offerer.said, answerer.said, env.pendingTimers]).toEqual([[], [], 0])
    answerer.repair.begin() // its key is still the one it sent
    cutDirect()
    await env.advance(100)
    expect(offerer.said).toEqual(['restart 1'])
  })

  test('gives the engine no invalid description [Law 6]', async () => {
    const { env, answerer } = world
    answerer.repair.heard({ type: 'restart', number: 1, offer: 'v=0' })
    await env.advance(5_000)
    expect([answerer.said, answerer.peer.state]).toEqual([[], 'open'])
  })
})

describe('Repair and a hostile relay', () => {
  test('accepts no other certificate [X2]', async () => {
    const { env, offerer, answerer } = world
    const answered: string[] = []
    answerer.peer.answerRestart = async offer => (answered.push(offer), offer)
    const offer = (await newOffer()).replace(/^a=fingerprint:sha-256 ../m, line =>
      line.endsWith('00') ? line.replace(/..$/, '11') : line.replace(/..$/, '00'),
    )
    answerer.repair.heard({ type: 'restart', number: 1, offer })
    await env.advance(5_000)
    expect([answered, answerer.said]).toEqual([[], []])

    const accepted: string[] = []
    offerer.peer.acceptRestart = async answer => void accepted.push(answer)
    cutDirect()
    cutAround()
    offerer.repair.begin()
    await env.advance(100)
    offerer.repair.heard({ type: 'restarted', number: 1, answer: offer })
    await env.advance(100)
    expect(accepted).toEqual([])
  })

  test("accepts no message in another's name [X2]", async () => {
    const { env, passedOn, offerer, answerer } = world
    cutDirect()
    offerer.repair.begin()
    await env.advance(200)
    expect(answerer.said).toEqual(['restarted 1'])
    const [sealed = new Uint8Array()] = passedOn
    answerer.repair.forwarded(sealed) // a replay
    for (let at = 0; at < sealed.length; at += 7) {
      const forged = sealed.slice()
      forged[at] = (forged[at] ?? 0) ^ 1
      answerer.repair.forwarded(forged)
    }
    const unsealed = encodeControl({ type: 'restart', number: 9, offer: await newOffer() })
    for (let length = 0; length < 40; length++)
      answerer.repair.forwarded(new Uint8Array([...new Uint8Array(length), ...unsealed]))
    answerer.repair.forwarded(new Uint8Array())
    for (let i = 0; i < 10; i++) offerer.repair.forwarded(encodeControl({ type: 'restart-please', number: i }))
    await env.advance(10_000)
    expect([offerer.said, answerer.said]).toEqual([['restart 1'], ['restarted 1']])
    offerer.repair.begin() // the numbers continue
    await env.advance(200)
    expect(answerer.said).toEqual(['restarted 1', 'restarted 2'])
  })

  test('sends the relay nothing before there is a key [X2]', async () => {
    const { env, passedOn, offerer } = world
    const { peer, connection } = offerer
    const keyless = new Repair({
      env,
      peer,
      role: 'offerer',
      say: () => {},
      forward: message => passedOn.push(message) > 0,
    })
    keyless.bind(`sha-256 ${connection.fingerprint}`)
    keyless.begin()
    keyless.forwarded(new Uint8Array(100))
    await env.advance(200)
    expect(passedOn).toEqual([])
  })

  test('does not throw on a payload that is too short for a seal [Law 6] [X2]', async () => {
    const { offerer } = world
    expect(() => offerer.repair.forwarded(new Uint8Array(5))).not.toThrow()
  })
})

describe('Repair that is destroyed at any moment', () => {
  test.each([5_500, 6_000, 6_003, 6_008, 6_015, 6_025, 6_040, 6_060, 10_005])(
    'leaves nothing behind (%d ms) [Law 5]',
    async at => {
      const { env, offerer, answerer } = world
      if (at > 10_000) cutDirect()
      if (at > 10_000) cutAround()
      offerer.connection.cut()
      await env.advance(at)
      answerer.peer.destroy()
      offerer.peer.destroy()
      await env.advance(100) // messages in transit
      expect(env.pendingTimers).toBe(0)
      await env.advance(60_000)
      expect(offerer.events.filter(event => event.startsWith('close'))).toEqual(['close quietly'])
    },
  )

  test('leaves no delayed answer behind [Law 5]', async () => {
    const { env, answerer } = world
    const offer = await newOffer()
    const before = env.pendingTimers
    for (const number of [1, 2]) {
      answerer.repair.heard({ type: 'restart', number, offer })
      await env.advance(100)
    }
    expect([answerer.said, env.pendingTimers - before]).toEqual([['restarted 1'], 1])
    answerer.connection.vanish() // so that closing it takes no time
    answerer.peer.destroy()
    expect(env.pendingTimers - before).toBeLessThanOrEqual(1) // of the remote's engine
    await env.advance(50)
    expect([answerer.said, env.pendingTimers]).toEqual([['restarted 1'], 1])
  })
})

/** An offer of the offerer's engine that is not sent. */
async function newOffer(): Promise<string> {
  const { env, offerer } = world
  const offering = offerer.connection.restart()
  await env.advance(50)
  return await offering
}
