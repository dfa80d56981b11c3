import { beforeEach, describe, expect, test } from 'vitest'
import { decodeControl, encodeControl, type RestartFrame } from '../../../src/channel/control-wire.js'
import { randomId } from '../../../src/core/id.js'
import type { Role } from '../../../src/peer/negotiation.js'
import { RemotePeer } from '../../../src/peer/remote-peer.js'
import { Repair } from '../../../src/swarm/repair.js'
import { FakeConnection, FakeNet } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

interface Side {
  peer: RemotePeer
  connection: FakeConnection
  repair: Repair
  events: string[]
  /** What it said, by either way. */
  said: string[]
}

/** How the words of one side travel: not at all, or after so many milliseconds. */
type Way = number | undefined

interface Ways {
  direct: Way
  around: Way
}

/** Two peers that are connected; words on the connection and around it take 10 ms, unless a test says otherwise. */
async function pair({ restarts = true } = {}) {
  const env = new VirtualEnv()
  const net = new FakeNet(env)
  const ways: Record<Role, Ways> = { caller: { direct: 10, around: 10 }, callee: { direct: 10, around: 10 } }
  const passedOn: Uint8Array[] = []
  const side = (role: Role, connection: FakeConnection, other: () => Side): Side => {
    const announceId = randomId(env)
    const remote = { announceId, peerId: announceId, ours: true, verified: true }
    const first = role === 'caller' ? { first: connection.createChannel('first') } : {}
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
      pass: message => {
        passedOn.push(message)
        later(ways[role].around, () => other().repair.passed(message))
        return ways[role].around !== undefined
      },
    })
    peer.on('unwell', () => events.push('unwell'))
    peer.on('well', () => events.push('well'))
    peer.on('close', error => events.push(`close ${error?.code ?? 'quietly'}`))
    return { peer, connection, repair, events, said }
  }
  const later = (way: Way, act: () => void) => {
    if (way !== undefined) env.timer(way, act)
  }
  const caller: Side = side('caller', new FakeConnection(net, undefined, undefined, restarts), () => callee)
  const callee: Side = side('callee', new FakeConnection(net), () => caller)
  const signal = async () => {
    const answer = await callee.peer.createAnswer(await caller.connection.createOffer())
    await caller.peer.acceptAnswer(answer)
  }
  void signal()
  await env.until(() => caller.peer.state === 'open' && callee.peer.state === 'open')
  caller.repair.bind(`sha-256 ${callee.connection.fingerprint}`)
  callee.repair.bind(`sha-256 ${caller.connection.fingerprint}`)
  callee.repair.tellKey()
  await env.advance(100)
  for (const { said } of [caller, callee]) said.length = 0
  return { env, net, ways, passedOn, caller, callee }
}

const named = (frame: RestartFrame) => ('number' in frame ? `${frame.type} ${frame.number}` : frame.type)

let world: Awaited<ReturnType<typeof pair>>
beforeEach(async () => {
  world = await pair()
})

/** The path is lost, and this is how long it takes from there until both are well again. */
async function lose(within = 40_000): Promise<number> {
  const { env, caller, callee } = world
  caller.connection.cut()
  const at = env.now()
  await env.until(() => caller.events.includes('well') && callee.events.includes('well'), within)
  return env.now() - at
}

/** Every word on the connection itself is lost. */
function cutDirect(): void {
  for (const role of ['caller', 'callee'] as const) world.ways[role].direct = undefined
}

function cutAround(): void {
  for (const role of ['caller', 'callee'] as const) world.ways[role].around = undefined
}

describe('X2 a path that is lost', () => {
  test('X2 is replaced by way of others as soon as both have had a second to find back by themselves', async () => {
    cutDirect()
    expect(await lose()).toBeLessThan(6_200)
    expect([world.caller.events, world.callee.events]).toEqual([
      ['unwell', 'well'],
      ['unwell', 'well'],
    ])
  })

  test('X1 is replaced over the connection itself where that still carries something', async () => {
    cutAround()
    expect(await lose()).toBeLessThan(6_200)
  })

  test('X1 needs one restart when both notice at once', async () => {
    await lose()
    await world.env.advance(60_000)
    expect(world.caller.said).toEqual(['restart 1'])
    expect(world.callee.said.filter(word => word.startsWith('restarted'))).toEqual(['restarted 1'])
    expect(world.env.pendingTimers).toBe(0)
  })

  test('C5 is left to ICE when that finds back within a second', async () => {
    const { env, caller, callee } = world
    for (const { connection } of [caller, callee]) connection.turn('disconnected')
    await env.advance(900)
    for (const { connection } of [caller, callee]) connection.turn('connected')
    await env.advance(60_000)
    expect([caller.said, callee.said, env.pendingTimers]).toEqual([[], [], 0])
  })

  test('X2 is replaced when only the caller notices', async () => {
    const { env, caller, callee } = world
    caller.connection.turn('disconnected')
    await env.until(() => caller.events.includes('well'), 1_200)
    expect([callee.events, callee.said]).toEqual([[], ['restarted 1']])
  })

  test('X2 is replaced when only the callee notices: it asks for it', async () => {
    const { env, caller, callee } = world
    callee.connection.turn('disconnected')
    await env.until(() => callee.events.includes('well'), 1_700)
    expect([caller.events, caller.said, callee.said]).toEqual([[], ['restart 1'], ['restart-please 1', 'restarted 1']])
  })

  test('X2 is replaced a second after a restart that nobody heard of, when the callee asks for it', async () => {
    const { env, ways, caller, callee } = world
    ways.caller = { direct: undefined, around: undefined }
    caller.connection.cut()
    await env.until(() => caller.said.length === 1, 10_000)
    ways.caller = { direct: undefined, around: 10 }
    await env.until(() => caller.events.includes('well') && callee.events.includes('well'), 1_200)
    expect([caller.said, callee.said]).toEqual([
      ['restart 1', 'restart 2'],
      ['restart-please 1', 'restarted 2'],
    ])
  })

  test.each(['caller', 'callee'] as const)('X2 is replaced when nothing that the %s says on it arrives', async mute => {
    world.ways[mute].direct = undefined
    expect(await lose()).toBeLessThan(6_200)
  })

  test.each([
    ['half a minute where nobody passes words on', undefined, 8, 30_000],
    ['ten seconds from the first word that somebody passed on to nobody', 60_000, 3, 11_500],
  ])('X2 is tried to be replaced every four seconds, for %s', async (_, around, tries, patience) => {
    const { env, ways, caller, callee } = world
    cutDirect()
    ways.caller.around = around
    ways.callee.around = around
    caller.connection.cut()
    await env.until(() => caller.events.includes('unwell'), 6_000)
    await env.advance(patience)
    expect([caller.said.length, callee.said.length]).toEqual([tries, tries])
    expect([caller.events, callee.events]).toEqual([
      ['unwell', 'close ERR_ICE_FAILED'],
      ['unwell', 'close ERR_ICE_FAILED'],
    ])
    await env.advance(60_000) // words that are under way
    expect(env.pendingTimers).toBe(0)
  })

  test('X1 is given up soon when both can be met in another way, and once is enough to say so', async () => {
    const { env, caller } = world
    cutDirect()
    cutAround()
    caller.repair.hurry() // while it is well that means nothing
    caller.connection.cut()
    await env.until(() => caller.events.includes('unwell'), 6_000)
    await env.advance(10_000)
    caller.repair.hurry()
    await env.advance(1_000)
    caller.repair.hurry()
    await env.advance(999)
    expect(caller.events).toEqual(['unwell'])
    await env.advance(1)
    expect(caller.events).toEqual(['unwell', 'close ERR_ICE_FAILED'])
  })

  test('X2 is replaced as soon as there is somebody who passes words on', async () => {
    const { env, ways } = world
    cutDirect()
    cutAround()
    env.timer(20_000, () => {
      for (const role of ['caller', 'callee'] as const) ways[role].around = 10
    })
    expect(await lose()).toBeLessThan(24_500)
  })

  test('X2 the answer to an earlier restart is none', async () => {
    const { env, ways, caller } = world
    cutAround()
    ways.callee.direct = 4_500 // the second restart begins before the answer to the first is here
    const accepted: number[] = []
    caller.peer.acceptRestart = async () => void accepted.push(env.now())
    caller.connection.cut()
    await env.until(() => caller.said.length === 2, 11_000)
    await env.advance(1_000)
    expect(accepted).toEqual([])
  })

  test('X2 an offer that comes late is none', async () => {
    const { env, ways, callee, caller } = world
    caller.repair.begin()
    ways.caller = { direct: 3_000, around: undefined }
    await env.advance(1_500)
    ways.caller = { direct: 10, around: undefined }
    caller.repair.begin()
    await env.advance(10_000)
    expect(callee.said).toEqual(['restarted 2'])
  })

  test('X2 of several offers that come together the last is answered', async () => {
    const { env, ways, callee, caller } = world
    cutAround()
    ways.caller.direct = 4_000
    caller.repair.begin()
    await env.advance(1_000)
    ways.caller.direct = 3_005
    caller.repair.begin()
    await env.advance(1_000)
    ways.caller.direct = 2_010
    caller.repair.begin()
    await env.advance(10_000)
    expect([caller.said, callee.said]).toEqual([['restart 1', 'restart 2', 'restart 3'], ['restarted 3']])
  })

  test('X1 where an engine cannot restart nobody tries', async () => {
    world = await pair({ restarts: false })
    const { env, caller, callee } = world
    caller.repair.begin()
    callee.repair.begin()
    caller.connection.cut()
    await env.advance(10_001)
    expect([caller.said, callee.said]).toEqual([[], []])
    expect([caller.events, callee.events]).toEqual([
      ['unwell', 'close ERR_ICE_FAILED'],
      ['unwell', 'close ERR_ICE_FAILED'],
    ])
    expect(env.pendingTimers).toBe(0)
  })
})

describe('X1 a path that may be lost soon', () => {
  test.each(['caller', 'callee'] as const)('X1 is replaced while it stands, begun by the %s, and nobody notices', async who => {
    const { env, caller, callee } = world
    const accepted: string[] = []
    const { peer } = caller
    const accept = peer.acceptRestart.bind(peer)
    peer.acceptRestart = async answer => {
      await accept(answer)
      accepted.push('accepted')
    }
    world[who].repair.begin()
    await env.advance(200)
    expect([accepted, caller.events, callee.events, env.pendingTimers]).toEqual([['accepted'], [], [], 0])
  })

  test('X1 is replaced once a second at most, whoever asks', async () => {
    const { env, caller, callee } = world
    for (let ms = 0; ms < 10_000; ms += 100) {
      caller.repair.begin()
      callee.repair.begin()
      await env.advance(100)
    }
    expect(caller.said.length).toBe(10)
    expect(callee.said.filter(word => word.startsWith('restarted')).length).toBe(10)
  })
})

describe('Law 6 a remote that asks for more than it should', () => {
  const please = (number: number): RestartFrame => ({ type: 'restart-please', number })

  test('Law 6 has us restart once a second', async () => {
    const { env, caller } = world
    for (let number = 1; number <= 1_000; number++) {
      caller.repair.heard(please(number))
      await env.advance(10)
    }
    expect(caller.said.length).toBe(10)
  })

  test('Law 6 has us answer once a second, and the timer is one', async () => {
    const { env, caller, callee } = world
    cutDirect()
    cutAround()
    const offer = await newOffer()
    const before = env.pendingTimers
    for (let number = 1; number <= 1_000; number++) {
      callee.repair.heard({ type: 'restart', number, offer })
      expect(env.pendingTimers - before).toBeLessThanOrEqual(2) // and one of the fake engine's
      await env.advance(10)
    }
    expect(callee.said.length).toBeGreaterThan(8)
    expect(callee.said.length).toBeLessThanOrEqual(11)
    expect(caller.said).toEqual([])
  })

  test('Law 6 does not have its words heard in the wrong role', async () => {
    const { env, caller, callee } = world
    const offer = await newOffer()
    caller.repair.heard({ type: 'restart', number: 1, offer })
    callee.repair.heard(please(1))
    callee.repair.heard({ type: 'restarted', number: 1, answer: offer })
    callee.repair.heard({ type: 'repair-key', key: new Uint8Array(16) })
    await env.advance(5_000)
    expect([caller.said, callee.said, env.pendingTimers]).toEqual([[], [], 0])
    callee.repair.begin() // its key is still the one that it told
    cutDirect()
    await env.advance(100)
    expect(caller.said).toEqual(['restart 1'])
  })

  test('Law 6 does not get an engine to see what is no description', async () => {
    const { env, callee } = world
    callee.repair.heard({ type: 'restart', number: 1, offer: 'v=0' })
    await env.advance(5_000)
    expect([callee.said, callee.peer.state]).toEqual([[], 'open'])
  })
})

describe('X2 whoever passes words on', () => {
  test('X2 cannot put another certificate into them', async () => {
    const { env, caller, callee } = world
    const answered: string[] = []
    callee.peer.answerRestart = async offer => (answered.push(offer), offer)
    const offer = (await newOffer()).replace(/^a=fingerprint:sha-256 ../m, line =>
      line.endsWith('00') ? line.replace(/..$/, '11') : line.replace(/..$/, '00'),
    )
    callee.repair.heard({ type: 'restart', number: 1, offer })
    await env.advance(5_000)
    expect([answered, callee.said]).toEqual([[], []])

    const accepted: string[] = []
    caller.peer.acceptRestart = async answer => void accepted.push(answer)
    cutDirect()
    cutAround()
    caller.repair.begin()
    await env.advance(100)
    caller.repair.heard({ type: 'restarted', number: 1, answer: offer })
    await env.advance(100)
    expect(accepted).toEqual([])
  })

  test('X2 cannot say anything in the name of another', async () => {
    const { env, passedOn, caller, callee } = world
    cutDirect()
    caller.repair.begin()
    await env.advance(200)
    expect(callee.said).toEqual(['restarted 1'])
    const [sealed = new Uint8Array()] = passedOn
    callee.repair.passed(sealed) // what was said once
    for (let at = 0; at < sealed.length; at += 7) {
      const forged = sealed.slice()
      forged[at] = (forged[at] ?? 0) ^ 1
      callee.repair.passed(forged)
    }
    const unsealed = encodeControl({ type: 'restart', number: 9, offer: await newOffer() })
    for (let length = 0; length < 40; length++) callee.repair.passed(new Uint8Array([...new Uint8Array(length), ...unsealed]))
    callee.repair.passed(new Uint8Array())
    for (let i = 0; i < 10; i++) caller.repair.passed(encodeControl({ type: 'restart-please', number: i }))
    await env.advance(10_000)
    expect([caller.said, callee.said]).toEqual([['restart 1'], ['restarted 1']])
    caller.repair.begin() // and the numbers go on
    await env.advance(200)
    expect(callee.said).toEqual(['restarted 1', 'restarted 2'])
  })

  test('X2 is told nothing before there is a key', async () => {
    const { env, passedOn, caller } = world
    const { peer, connection } = caller
    const keyless = new Repair({
      env,
      peer,
      role: 'caller',
      say: () => {},
      pass: message => passedOn.push(message) > 0,
    })
    keyless.bind(`sha-256 ${connection.fingerprint}`)
    keyless.begin()
    keyless.passed(new Uint8Array(100))
    await env.advance(200)
    expect(passedOn).toEqual([])
  })

  test('Law 6 may pass on what makes no sense, if the other side sealed it', async () => {
    const { caller } = world
    expect(() => caller.repair.passed(new Uint8Array(5))).not.toThrow()
  })
})

describe('Law 5 destroyed at any moment', () => {
  test.each([5_500, 6_000, 6_003, 6_008, 6_015, 6_025, 6_040, 6_060, 10_005])(
    'Law 5 it leaves nothing behind (%d ms)',
    async at => {
      const { env, caller, callee } = world
      if (at > 10_000) cutDirect()
      if (at > 10_000) cutAround()
      caller.connection.cut()
      await env.advance(at)
      callee.peer.destroy()
      caller.peer.destroy()
      await env.advance(100) // words that are under way
      expect(env.pendingTimers).toBe(0)
      await env.advance(60_000)
      expect(caller.events.filter(event => event.startsWith('close'))).toEqual(['close quietly'])
    },
  )

  test('Law 5 it leaves no answer behind that was to be given a second later', async () => {
    const { env, callee } = world
    const offer = await newOffer()
    const before = env.pendingTimers
    for (const number of [1, 2]) {
      callee.repair.heard({ type: 'restart', number, offer })
      await env.advance(100)
    }
    expect([callee.said, env.pendingTimers - before]).toEqual([['restarted 1'], 1])
    callee.connection.vanish() // so that closing it takes no time
    callee.peer.destroy()
    expect(env.pendingTimers - before).toBeLessThanOrEqual(1) // of the remote's engine
    await env.advance(50)
    expect([callee.said, env.pendingTimers]).toEqual([['restarted 1'], 1])
  })
})

/** What the caller's engine gives; nobody is told. */
async function newOffer(): Promise<string> {
  const { env, caller } = world
  const offering = caller.connection.restart()
  await env.advance(50)
  return await offering
}
