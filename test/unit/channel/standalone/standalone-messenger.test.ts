import { describe, expect, test } from 'vitest'
import { CALL_TIMEOUT } from '../../../../src/channel/standalone/attempts.js'
import type { DataConnectionOptions } from '../../../../src/channel/messages/data-connection-options.js'
import { DataConnection } from '../../../../src/channel/messages/data-connection.js'
import type { Json } from '../../../../src/channel/messages/messenger.js'
import type { SignalData } from '../../../../src/channel/standalone/signals.js'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import { toId } from '../../../../src/core/id.js'
import { LEAVE_GRACE } from '../../../../src/peer/remote-peer.js'
import {
  FakeChannel,
  type FakeConnection,
  type FakeEngine,
  FakeNet,
  type FakeNetOptions,
  type Fault,
} from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

// The higher id (by its hash) first.
const [HIGH, LOW] = ['alice', 'bob'].toSorted((a, b) => (toId(a) > toId(b) ? -1 : 1)) as [string, string]

type Options = Partial<DataConnectionOptions>

interface Side {
  connection: DataConnection
  engine: FakeEngine
  signals: SignalData[]
  events: string[]
  heard: unknown[]
}

interface Setting extends FakeNetOptions {
  seed?: number
  high?: Options
  low?: Options
  /** The delays in milliseconds of each copy of a signal that arrives. */
  travel?: (env: VirtualEnv, data: SignalData) => number[]
  /** The fault of the engines. */
  fault?: Fault
  /** Milliseconds until the engine is loaded. */
  loading?: number
}

function setUp({ seed = 1, high = {}, low = {}, travel = () => [5], fault, loading = 0, ...net }: Setting = {}) {
  const env = new VirtualEnv({ seed })
  const fake = new FakeNet(env, net)
  const make = (localPeerId: string, remotePeerId: string, options: Options): Side => {
    const engine = fake.engine()
    engine.fault = () => fault
    const findEngine = () =>
      loading === 0 ? Promise.resolve(engine) : new Promise<FakeEngine>(resolve => env.timer(loading, () => resolve(engine)))
    const connection = new DataConnection({ localPeerId, remotePeerId, ...options }, { env, findEngine })
    const side: Side = { connection, engine, signals: [], events: [], heard: [] }
    connection.on('connect', () => side.events.push('connect'))
    connection.on('error', error => side.events.push(`error ${error.code}`))
    connection.on('close', error => side.events.push(`close ${error?.code ?? 'quietly'}`))
    connection.on('data', message => side.heard.push(message))
    return side
  }
  const a = make(HIGH, LOW, high)
  const b = make(LOW, HIGH, low)
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const)
    from.connection.on('signal', data => {
      from.signals.push(data)
      // As JSON, the only requirement for a signalling.
      for (const ms of travel(env, data)) env.timer(ms, () => to.connection.signal(JSON.parse(JSON.stringify(data))))
    })
  const connected = () => env.until(() => [a, b].every(({ events }) => events.includes('connect')))
  /** Both ends exchange messages and close, and nothing is left. */
  const finish = async () => {
    a.connection.send({ from: 'a' })
    b.connection.send('from b')
    await env.advance(100)
    expect([a.heard, b.heard]).toEqual([['from b'], [{ from: 'a' }]])
    await close()
    expect([a.events, b.events]).toEqual([
      ['connect', 'close quietly'],
      ['connect', 'close quietly'],
    ])
  }
  const close = async () => {
    let closed = false
    void Promise.all([a.connection.close(), b.connection.close()]).then(() => (closed = true))
    await env.advance(LEAVE_GRACE + 1_000)
    expect(closed).toBe(true)
    await env.advance(5_000) // pending signals arrive at the closed ends
    expect([fake.alive, env.pendingTimers]).toEqual([0, 0])
  }
  return { env, net: fake, a, b, connected, finish, close }
}

const kinds = ({ signals }: Side) => signals.map(data => ('type' in data ? data.type : 'candidate'))
const one = <T>(list: T[]): T => {
  const [first] = list
  if (first === undefined) throw new Error('there is none')
  return first
}

describe('a standalone DataConnection [A8]', () => {
  test('connects: the side with the higher id offers, the other answers [A8]', async () => {
    const { a, b, connected, finish } = setUp()
    await connected()
    expect([kinds(a), kinds(b)]).toEqual([['offer'], ['answer']])
    expect(a.connection).toMatchObject({ localPeerId: HIGH, remotePeerId: LOW, verified: false })
    await finish()
  })

  test('lets `initiator` choose the offerer [A8]', async () => {
    const { a, b, connected, finish } = setUp({ high: { initiator: false }, low: { initiator: true } })
    await connected()
    expect([kinds(a), kinds(b)]).toEqual([['answer'], ['offer']])
    await finish()
  })

  test('trickles candidates with `trickle`, and emits one signal per side without it [A7]', async () => {
    const slow = { gathering: 400 }
    const trickling = setUp(slow)
    await trickling.connected()
    expect([kinds(trickling.a), kinds(trickling.b)]).toEqual([
      ['offer', 'candidate'],
      ['answer', 'candidate'],
    ])
    for (const { signals } of [trickling.a, trickling.b]) {
      const [description, candidate] = signals
      if (description === undefined || !('sdp' in description)) throw new Error('a description comes first')
      expect(description.sdp).not.toMatch(/^a=candidate:/m)
      const ufrag = /^a=ice-ufrag:(.+)\r$/m.exec(description.sdp)?.[1]
      expect(candidate).toMatchObject({ candidate: { usernameFragment: ufrag, sdpMid: '0' } })
    }
    await trickling.finish()

    const complete = setUp({ ...slow, high: { trickle: false }, low: { trickle: false } })
    await complete.connected()
    expect([kinds(complete.a), kinds(complete.b)]).toEqual([['offer'], ['answer']])
    for (const { signals } of [complete.a, complete.b])
      expect(one(signals)).toHaveProperty('sdp', expect.stringMatching(/^a=candidate:/m))
    await complete.finish()
  })

  test('keeps candidates that arrive before their description, up to a limit [A8]', async () => {
    const { env, a, b, connected, finish } = setUp({
      gathering: 400,
      travel: (_env, data) => ['type' in data ? 900 : 5],
    })
    const more = { candidate: 'candidate:9 1 UDP 1 192.0.2.9 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
    for (let i = 0; i < 1_000; i++) b.connection.signal({ candidate: more })
    await env.advance(800)
    expect([a.events, b.events]).toEqual([[], []])
    const added: unknown[] = []
    const create = b.engine.createConnection.bind(b.engine)
    b.engine.createConnection = config => {
      const connection = create(config)
      const add = connection.addCandidate.bind(connection)
      connection.addCandidate = (...args: Parameters<FakeConnection['addCandidate']>) => {
        added.push(args)
        return add(...args)
      }
      return connection
    }
    await connected()
    expect(added.length).toBe(60)
    await finish()
  })

  test('delivers all events to listeners that are added in the tick of construction [Law 8]', async () => {
    const { a, connected, finish } = setUp({ loading: 0 })
    expect(a.signals).toEqual([])
    await connected()
    expect(a.signals.length).toBe(1)
    await finish()
  })

  test('keeps signals until the engine is loaded [A8]', async () => {
    const early = setUp({ high: { initiator: false }, low: { initiator: false }, loading: 50 })
    const offerer = setUp()
    await offerer.env.until(() => offerer.a.signals.length > 0)
    early.b.connection.signal(one(offerer.a.signals))
    await early.env.advance(60)
    expect(kinds(early.b)).toEqual(['answer'])
    await Promise.all([early.close(), offerer.close()])
  })
})

/** Random delays for crossing offers, by seed. */
function crossing(seed: number, trickle: boolean): Setting {
  return {
    seed,
    gathering: trickle ? 150 : 3,
    high: { initiator: true, trickle },
    low: { initiator: true, trickle },
    travel: env => [env.random() * 300],
  }
}

describe('a connection that fails before it is open [A8]', () => {
  /** Fails the newest connection at both ends, or at one of them, as soon as both descriptions are known. */
  const failSoon = async ({ env, a, b }: ReturnType<typeof setUp>, sides: Side[] = [a, b]) => {
    await env.until(() => kinds(b).includes('answer'))
    await env.advance(6) // the answer takes 5 ms
    for (const { engine } of sides) one(engine.alive).turn('failed')
  }

  test('is retried without the application noticing [A8]', async () => {
    const pair = setUp()
    await failSoon(pair)
    await pair.connected()
    expect([kinds(pair.a), kinds(pair.b)]).toEqual([
      ['offer', 'offer'],
      ['answer', 'answer'],
    ])
    await pair.finish()
  })

  test('is retried if only the offerer notices [A8]', async () => {
    const pair = setUp()
    await failSoon(pair, [pair.a])
    await pair.connected()
    expect(kinds(pair.a)).toEqual(['offer', 'offer'])
    await pair.finish()
  })

  test('is retried however long the engine took to apply the answer [A8]', async () => {
    const pair = setUp()
    const { env, a } = pair
    const create = a.engine.createConnection.bind(a.engine)
    a.engine.createConnection = config => {
      a.engine.createConnection = create
      const connection = create(config)
      connection.acceptAnswer = async () => {
        await new Promise<void>(resolve => env.timer(8_000, resolve)) // the machine stands still
        connection.turn('failed')
        throw new SwarmlinkError('ERR_ENGINE', 'the engine lost its connection')
      }
      return connection
    }
    await pair.connected()
    expect(kinds(a)).toEqual(['offer', 'offer'])
    await pair.finish()
  })

  test('ends at the deadline if only the answerer notices [A8]', async () => {
    const pair = setUp()
    const { env, a, b } = pair
    await failSoon(pair, [b])
    await env.advance(CALL_TIMEOUT)
    expect(b.events).toEqual(['error ERR_CONNECT_TIMEOUT', 'close ERR_CONNECT_TIMEOUT'])
    await a.connection.close()
    expect([pair.net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test.each([
    ['follow the answer of a browser with trickle', true, '-', [true, false]],
    ['stay in the offer without trickle', false, '-', [true, true]],
    ['stay in the offer for libdatachannel, which waits for this end before it sends checks', true, 'rtc', [true, true]],
  ])('is retried with candidates that %s [A8]', async (_, trickle, origin, expected) => {
    const pair = setUp({ high: { trickle }, low: { trickle }, origin })
    await failSoon(pair)
    await pair.connected()
    const offers = pair.a.signals.flatMap(data => ('type' in data ? data.sdp : []))
    expect(offers.map(sdp => sdp.includes('a=candidate:'))).toEqual(expected)
    await pair.finish()
  })

  test('ends with ERR_ICE_FAILED after six attempts [A8]', async () => {
    const pair = setUp()
    const { env, a, b, net } = pair
    for (let attempt = 1; attempt <= 6; attempt++) {
      await env.until(() => kinds(b).length === attempt)
      await env.advance(6)
      for (const { engine } of [a, b]) one(engine.alive).turn('failed')
    }
    await env.advance(CALL_TIMEOUT)
    const ended = ['error ERR_ICE_FAILED', 'close ERR_ICE_FAILED']
    expect([a.events, b.events]).toEqual([ended, ended])
    expect(kinds(a).filter(kind => kind === 'offer')).toHaveLength(6)
    expect([net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test('ends at the deadline of the first attempt if the remote end never answers again [A8]', async () => {
    let answers = 0
    const pair = setUp({ travel: (_env, data) => ('type' in data && data.type === 'answer' && ++answers > 1 ? [] : [5]) })
    const { env, a, b } = pair
    await failSoon(pair)
    await env.advance(CALL_TIMEOUT)
    expect(a.events).toEqual(['error ERR_CONNECT_TIMEOUT', 'close ERR_CONNECT_TIMEOUT'])
    await env.advance(CALL_TIMEOUT)
    expect(b.events).toEqual(['error ERR_ICE_FAILED', 'close ERR_ICE_FAILED']) // the fake never reports the end
    expect([pair.net.alive, env.pendingTimers]).toEqual([0, 0])
  })

  test('is not dropped if its offer arrives a second time [A8]', async () => {
    const pair = setUp({ travel: (_env, data) => ('type' in data && data.type === 'offer' ? [5, 12] : [40]) })
    await pair.connected()
    expect(kinds(pair.b)).toEqual(['answer'])
    await pair.finish()
  })
})

describe('offers that cross [A9]', () => {
  test.each([
    ['whole', false],
    ['with trickle', true],
  ])('leave exactly one connection, for any order of the signals: %s [A9]', async (_, trickle) => {
    let crossed = 0
    for (let seed = 1; seed <= 200; seed++) {
      const { net, a, b, connected, finish } = setUp(crossing(seed, trickle))
      await connected()
      expect([seed, net.connected, net.alive]).toEqual([seed, 1, 2])
      if (kinds(a).includes('offer') && kinds(b).includes('offer')) {
        crossed++
        // The offer of the higher id stays.
        expect([seed, kinds(a).includes('answer'), kinds(b).includes('answer')]).toEqual([seed, false, true])
      }
      await finish()
    }
    expect(crossed).toBeGreaterThan(100)
  })

  test('do not mix candidates of the dropped offer into the other connection [A9]', async () => {
    const { env, a, b, connected, finish } = setUp({
      gathering: 400,
      high: { initiator: true },
      low: { initiator: true },
      // The candidates of the dropped offer overtake the answer to the one that stays.
      travel: (_env, data) => ['type' in data && data.type === 'answer' ? 900 : 5],
    })
    await env.until(() => kinds(b).includes('offer'))
    const added: unknown[] = []
    for (const connection of a.engine.connections) {
      const add = connection.addCandidate.bind(connection)
      connection.addCandidate = async (...args: unknown[]) => {
        added.push(...args)
        return await add(...(args as []))
      }
    }
    await connected()
    const answer = b.signals.find(data => 'type' in data && data.type === 'answer')
    const ufrag = answer !== undefined && 'sdp' in answer ? /^a=ice-ufrag:(.+)\r$/m.exec(answer.sdp)?.[1] : undefined
    const followed = b.signals.filter(data => 'candidate' in data && data.candidate?.usernameFragment === ufrag)
    expect(ufrag).toBeDefined()
    expect(added.length).toBe(followed.length)
    await finish()
  })
})

describe('any signals [Law 6]', () => {
  test('lead to one connection, if each arrives three times in any order [A8]', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const { net, a, b, connected, finish } = setUp({
        ...crossing(seed, seed % 2 === 0),
        travel: env => [1, 2, 3].map(() => env.random() * 300),
      })
      await connected()
      expect([seed, net.connected, net.alive]).toEqual([seed, 1, 2])
      expect([kinds(a), kinds(b)].flat().length).toBeLessThan(10)
      await finish()
    }
  })

  test('that never arrive let both ends wait, without a timer, until close() [A8]', async () => {
    const { env, a, b, close } = setUp({ travel: () => [] })
    await env.advance(24 * 3_600_000)
    expect([a.events, b.events, env.pendingTimers]).toEqual([[], [], 0])
    await close()
    expect([a.events, b.events]).toEqual([['close quietly'], ['close quietly']])
  })

  test('with a lost answer end the answerer when its engine gives up, while the offerer waits [A8]', async () => {
    const { env, a, b, close } = setUp({ travel: (_env, data) => ('type' in data && data.type === 'answer' ? [] : [5]) })
    await env.advance(CALL_TIMEOUT)
    expect([a.events, b.events]).toEqual([[], ['error ERR_ICE_FAILED', 'close ERR_ICE_FAILED']])
    await close()
  })

  test('end with ERR_CONNECT_TIMEOUT on both sides if the channel never opens [A8]', async () => {
    const { env, net, a, b, close } = setUp()
    const create = a.engine.createConnection.bind(a.engine)
    a.engine.createConnection = config =>
      Object.assign(create(config), { createChannel: () => new FakeChannel(net, 'unconnected') })
    await env.advance(CALL_TIMEOUT - 1)
    expect([net.connected, a.events, b.events]).toEqual([1, [], []])
    await env.advance(100)
    for (const { events } of [a, b]) expect(events).toEqual(['error ERR_CONNECT_TIMEOUT', 'close ERR_CONNECT_TIMEOUT'])
    await close()
  })

  test('have no effect after connect [A8]', async () => {
    const { env, a, b, net, connected, finish } = setUp()
    await connected()
    const stranger = setUp()
    await stranger.connected()
    for (const side of [a, b])
      for (const data of [...stranger.a.signals, ...stranger.b.signals, ...a.signals, ...b.signals]) side.connection.signal(data)
    await env.advance(1_000)
    expect([net.connected, net.alive, kinds(a), kinds(b)]).toEqual([1, 2, ['offer'], ['answer']])
    await finish()
    await stranger.close()
  })

  test('of an unexpected answer are ignored [A8]', async () => {
    const stranger = setUp()
    await stranger.connected()
    const { b, connected, finish } = setUp()
    b.connection.signal(one(stranger.b.signals))
    await connected()
    expect(kinds(b)).toEqual(['answer'])
    await finish()
    await stranger.close()
  })

  const malformed: Array<[string, unknown]> = [
    ['nothing', undefined],
    ['null', null],
    ['a string', 'v=0'],
    ['a number', 7],
    ['an empty object', {}],
    ['an unknown type', { type: 'pranswer', sdp: 'v=0' }],
    ['an offer without a description', { type: 'offer' }],
    ['an invalid offer', { type: 'offer', sdp: 'v=0\r\n' }],
    ['an invalid answer', { type: 'answer', sdp: { length: 7 } }],
    ['a candidate that is a string', { candidate: 'candidate:1 1 UDP 1 192.0.2.9 9 typ host' }],
    ['a candidate with a host name', { candidate: { candidate: 'candidate:1 1 UDP 1 example.com 9 typ host' } }],
    ['a candidate that is too long', { candidate: { candidate: `candidate:1 1 UDP 1 192.0.2.9 9 typ host ${'x'.repeat(600)}` } }],
    ['a candidate that is an array', { candidate: { candidate: [] } }],
  ]
  test.each(malformed)('with %s cause an error event and no other effect [A8]', async (_, data) => {
    const { env, a, b, connected, close } = setUp()
    for (const { connection } of [a, b]) connection.signal(data as SignalData)
    await env.advance(6)
    for (const { connection } of [a, b]) connection.signal(data as SignalData)
    await connected()
    for (const { connection } of [a, b]) connection.signal(data as SignalData)
    const error = 'error ERR_BAD_SDP'
    expect([a.events, b.events]).toEqual([
      [error, error, 'connect', error],
      [error, error, 'connect', error],
    ])
    await close()
    for (const { connection } of [a, b]) connection.signal(data as SignalData)
    expect(a.events).toEqual([error, error, 'connect', error, 'close quietly'])
  })

  test('may end the candidates [A8]', async () => {
    const { a, connected, finish } = setUp()
    a.connection.signal({ candidate: null })
    a.connection.signal({ candidate: { candidate: '', sdpMid: '0' } })
    await connected()
    expect(a.events).toEqual(['connect'])
    await finish()
  })

  test('with an offer that the engine refuses cause an error, and the next offer is answered [A8]', async () => {
    const { env, b, net, close } = setUp({ high: { initiator: false }, low: { initiator: false } })
    const [bad, good] = [setUp(), setUp()]
    await Promise.all([bad, good].map(({ env: clock, a: { signals } }) => clock.until(() => signals.length > 0)))
    let asked = 0
    b.engine.fault = () => (asked++ === 0 ? 'describe' : undefined)
    b.connection.signal(one(bad.a.signals))
    await env.advance(100)
    expect([b.events, net.alive]).toEqual([['error ERR_ENGINE'], 0])
    b.connection.signal(one(good.a.signals))
    await env.advance(100)
    expect(kinds(b)).toEqual(['answer'])
    await Promise.all([close(), bad.close(), good.close()])
  })
})

describe('the end of a standalone DataConnection [Law 5]', () => {
  test('emits close once and leaves no connection and no timer, at any moment', async () => {
    for (let at = 0; at < 200; at += 2) {
      const { env, a, b, close } = setUp({ ...crossing(at, at % 4 === 0), loading: 20, travel: () => [10] })
      await env.advance(at)
      await close()
      const ends = [a, b].map(({ events }) => events.filter(event => event !== 'connect'))
      expect([at, ...ends]).toEqual([at, ['close quietly'], ['close quietly']])
      await Promise.all([a.connection.close(), b.connection[Symbol.asyncDispose]()])
    }
  })

  test('is possible before an engine is loaded, and without one', async () => {
    const env = new VirtualEnv()
    const findEngine = () => Promise.reject(new SwarmlinkError('ERR_NO_WEBRTC', 'there is no WebRTC here'))
    const connection = new DataConnection({ localPeerId: HIGH, remotePeerId: LOW }, { env, findEngine })
    const events: unknown[] = []
    connection.on('error', ({ code }) => events.push(code))
    connection.on('close', error => events.push(error?.code))
    await env.advance(1)
    expect(events).toEqual(['ERR_NO_WEBRTC', 'ERR_NO_WEBRTC'])
    await connection.close()
  })

  test.each([
    ['create', 'ERR_ENGINE'],
    ['describe', 'ERR_ENGINE'],
    ['mute', 'ERR_ENGINE'],
    ['accept', 'ERR_ENGINE'],
  ] as const)('when the engine of the offering side fails (%s)', async (fault, code) => {
    const { env, a, b, close } = setUp()
    a.engine.fault = () => fault
    await env.advance(20_000)
    expect(a.events).toEqual([`error ${code}`, `close ${code}`])
    await b.connection.close()
    await close()
  })

  test('has an error if no path is found', async () => {
    const { env, a, b, close } = setUp({ fault: 'ice' })
    await env.advance(CALL_TIMEOUT)
    for (const { events } of [a, b]) expect(events).toEqual(['error ERR_ICE_FAILED', 'close ERR_ICE_FAILED'])
    await close()
  })

  test('follows at once when the remote end closes', async () => {
    const { env, a, b, connected, close } = setUp()
    await connected()
    const closing = b.connection.close()
    await env.advance(100)
    expect(a.events).toEqual(['connect', 'close quietly'])
    await env.advance(LEAVE_GRACE)
    await closing
    await close()
  })

  test('follows when the remote end vanishes', async () => {
    const { env, a, b, connected, close } = setUp()
    await connected()
    one(b.engine.connections).vanish()
    await env.advance(15_000)
    expect(a.events).toEqual(['connect', 'error ERR_ICE_FAILED', 'close ERR_ICE_FAILED'])
    await close()
  })

  test('comes after the messages that were sent before close(), also on a slow network [A8]', async () => {
    const { env, a, b, connected, close } = setUp({ bandwidth: 100 })
    await connected()
    for (let i = 0; i < 20; i++) a.connection.send('x'.repeat(10_000))
    let closed = false
    void a.connection.close().then(() => (closed = true))
    await env.until(() => closed)
    expect(b.heard.length).toBe(20)
    await close()
  })
})

describe('a standalone DataConnection before connect [A8]', () => {
  test('refuses to send, and says what to do [A8]', async () => {
    const { a, b, connected, finish } = setUp()
    const early = expect.objectContaining({ code: 'ERR_CLOSED', message: expect.stringContaining("wait for 'connect'") })
    expect(() => a.connection.send('early')).toThrow(early)
    await expect(a.connection.request('early')).rejects.toThrow(early)
    await expect(a.connection.stream([])).rejects.toThrow(early)
    await expect(a.connection.ping()).rejects.toThrow(early)
    b.connection.respond(message => ['replied', message as Json])
    await connected()
    expect([a.connection.bufferedAmount, a.connection.maxMessageSize]).toEqual([expect.any(Number), 16 * 1024 * 1024])
    await finish()
    const late = expect.objectContaining({ code: 'ERR_CLOSED', message: 'the connection is closed' })
    expect(() => a.connection.send('late')).toThrow(late)
  })

  test('keeps a responder for later, and each side announces its limits [A11]', async () => {
    const { env, a, b, connected, finish } = setUp({ high: { maxMessageSize: 20_000 } })
    b.connection.respond(message => ['replied', message as Json])
    await connected()
    const reply = a.connection.request('hello?')
    await env.advance(100)
    expect(await reply).toEqual(['replied', 'hello?'])
    expect([a.connection.maxMessageSize, b.connection.maxMessageSize]).toEqual([16 * 1024 * 1024, 20_000])
    expect(() => b.connection.send('x'.repeat(20_000))).toThrow(expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }))
    await finish()
  })

  test.each([
    ['no options', undefined, /options must be an object/],
    ['no ids', {}, /localPeerId must be a non-empty string/],
    ['an id that is not a string', { localPeerId: 'a', remotePeerId: 7 }, /remotePeerId must be a non-empty string/],
    ['the same id twice', { localPeerId: 'a', remotePeerId: 'a' }, /remotePeerId must be different/],
    ['an unknown option', { localPeerId: 'a', remotePeerId: 'b', initator: true }, /there is no option initator/],
    ['an invalid flag', { localPeerId: 'a', remotePeerId: 'b', trickle: 1 }, /trickle must be true or false/],
    ['an invalid server', { localPeerId: 'a', remotePeerId: 'b', iceServers: [{ urls: 'http://x' }] }, /iceServers/],
    ['an invalid rtcConfig', { localPeerId: 'a', remotePeerId: 'b', rtcConfig: 7 }, /rtcConfig must be/],
    ['an invalid implementation', { localPeerId: 'a', remotePeerId: 'b', wrtc: {} }, /RTCPeerConnection/],
    ['a large limit', { localPeerId: 'a', remotePeerId: 'b', maxMessageSize: 2 ** 40 }, /maxMessageSize must be at most/],
  ])('refuses %s [Law 7]', (_, options, message) => {
    expect(() => new DataConnection(options as DataConnectionOptions)).toThrow(message)
  })
})
