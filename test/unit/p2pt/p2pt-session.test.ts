import { describe, expect, test } from 'vitest'
import { HIGH_WATER } from '../../../src/engine/engine.js'
import type { P2PTMessage } from '../../../src/room/p2pt-link.js'
import type { P2PTPeer } from '../../../src/room/p2pt-peer.js'
import { Session } from '../../../src/room/p2pt-session.js'
import { bodyOf, encode, MAX_TEXT_LENGTH, P2PTFrameError } from '../../../src/room/p2pt-wire.js'
import { StockLink } from '../../../src/room/stock-link.js'
import { channelPair, FakeNet, type FakeChannel, type FakeNetOptions } from '../../support/fake-engine.js'
import { VirtualEnv } from '../../support/virtual-env.js'

const REMOTE = { announceId: 'ab'.repeat(20), peerId: 'ab'.repeat(20), ours: false, verified: false }

interface End {
  session: Session
  channel: FakeChannel
  /** What was said without being asked for. */
  heard: Array<[P2PTPeer, P2PTMessage]>
  data: Array<string | Uint8Array>
  warnings: string[]
}

/** Both ends speak as the published package does. */
function setUp({ maxMessageSize = 262_144, ...net }: FakeNetOptions & { maxMessageSize?: number } = {}) {
  const env = new VirtualEnv()
  const end = (channel: FakeChannel): End => {
    const link = new StockLink({ env, channel, maxMessageSize, jsonLimit: 1024 * 1024 })
    const session = new Session({ env, link, remote: REMOTE, requestTimeout: 30_000, hangUp: () => channel.close() })
    const [heard, data, warnings]: [End['heard'], End['data'], string[]] = [[], [], []]
    session.on('message', (peer, message) => heard.push([peer, message]))
    session.on('data', each => data.push(each))
    session.on('warning', error => warnings.push(error instanceof P2PTFrameError ? error.fault : error.code))
    channel.on('close', () => session.close())
    return { session, channel, heard, data, warnings }
  }
  const [a, b] = channelPair(new FakeNet(env, net))
  return { env, here: end(a), there: end(b) }
}

/** What becomes of a promise, as far as it is known. */
function outcome(promise: Promise<[P2PTPeer, P2PTMessage]>): string[] {
  const found: string[] = []
  promise.then(
    ([, message]) => found.push(JSON.stringify(message)),
    (error: { code: string }) => found.push(error.code),
  )
  return found
}

const lengths = (end: End) => messages(end).map(message => (typeof message === 'string' ? message.length : message))

const messages = ({ heard }: End) => heard.map(([, message]) => message)

/** As users of the published package write it: no `catch` anywhere. */
const CARELESS: Array<(answer: Promise<[P2PTPeer, P2PTMessage]>) => unknown> = [
  answer => answer.then(([peer]) => peer.respond('thanks')),
  answer => answer.then(([peer]) => peer.respond('thanks')).then(([peer]) => peer.respond('bye')),
  answer => answer.finally(() => {}),
  answer => answer.then(() => {}).finally(() => {}),
]

describe('E3 a talk', () => {
  test('goes on in chains of any length, and only its beginning is a message for everybody', async () => {
    const { env, here, there } = setUp()
    const said: P2PTMessage[] = []
    const answerBack = async (peer: P2PTPeer, message: P2PTMessage): Promise<void> => {
      said.push(message)
      if (typeof message !== 'number' || message === 10) return
      const [next, answer] = await peer.respond(message + 1)
      await answerBack(next, answer)
    }
    there.session.on('message', (peer, message) => void answerBack(peer, message))
    void here.session.send(0).then(([peer, message]) => answerBack(peer, message))
    await env.advance(1_000)
    expect(said).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect([messages(there), messages(here)]).toEqual([[0], []])
  })

  test('keeps each answer with its question, however late it comes and whatever came meanwhile', async () => {
    const { env, here, there } = setUp()
    const answers = ['one', 'two', 'three'].map(question => outcome(here.session.send(question)))
    await env.advance(100)
    for (const [peer, message] of there.heard.toReversed()) void peer.respond(message === 'one' ? 1 : message === 'two' ? 2 : 3)
    await env.advance(100)
    expect(answers).toEqual([['1'], ['2'], ['3']])
  })

  test('can be answered through the peer of peerconnect: that answers what came last', async () => {
    const { env, here, there } = setUp()
    const answers = ['first', 'last'].map(question => outcome(here.session.send(question)))
    await env.advance(100)
    void there.session.peer.respond('an answer')
    await env.advance(100)
    expect(answers).toEqual([[], ['"an answer"']])
  })

  test('cannot be answered before anything was said', async () => {
    const { here } = setUp()
    await expect(here.session.peer.respond('what?')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('ends with an error at its deadline, and an answer after that is a message like any other', async () => {
    const { env, here, there } = setUp()
    const answer = outcome(here.session.send('question'))
    await env.advance(29_990)
    expect(answer).toEqual([])
    await env.advance(20)
    expect(answer).toEqual(['ERR_REQUEST_TIMEOUT'])
    void there.heard[0]?.[0].respond('too late')
    await env.advance(100)
    expect(messages(here)).toEqual(['too late'])
  })

  test('ends with an error when the peer goes; nothing can be said afterwards, and no timer stays', async () => {
    const { env, here, there } = setUp()
    const answers = [here.session.send('one'), here.session.send('two')].map(outcome)
    const [peer] = await new Promise<[P2PTPeer, P2PTMessage]>(resolve => {
      there.session.on('message', (...args) => resolve(args))
      void env.advance(20)
    })
    there.channel.close()
    await env.advance(100)
    expect(answers).toEqual([['ERR_CLOSED'], ['ERR_CLOSED']])
    expect([here.session.peer.connected, peer.connected]).toEqual([false, false])
    await expect(here.session.peer.send('hello?')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(peer.respond('hello?')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(env.pendingTimers).toBe(0)
  })

  test('warns once for each reason of a message that was not sent and whose promise has no catch [E3]', async () => {
    const { env, here } = setUp()
    const { peer } = here.session
    const map = { items: [new Map()] } as unknown as P2PTMessage
    for (let i = 0; i < 3; i++) {
      void peer.send(map)
      void peer.send(map).then(() => {})
      void peer.send(new Uint8Array(300_000)).finally(() => {})
    }
    await expect(peer.send('x'.repeat(MAX_TEXT_LENGTH + 1))).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
    await expect(peer.send(map)).rejects.toThrow('message.items[0] is a Map: send [...map]')
    await env.advance(100)
    expect(here.warnings).toEqual(['ERR_INVALID_ARGUMENT', 'ERR_MESSAGE_TOO_LARGE'])
  })

  test('with a peer that runs the published package carries no bytes inside, and says so with their path [E5]', async () => {
    const { here } = setUp()
    const sent = here.session.peer.send({ name: 'x.bin', parts: [Uint8Array.of(1)] })
    await expect(sent).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/^message\.parts\[0\] is bytes: this peer runs the published p2pt, .* as a text$/),
    })
  })

  test('that nobody looks at is nobody’s unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const note = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', note)
    try {
      const { env, here, there } = setUp()
      void here.session.peer.send('never answered')
      void here.session.peer.respond('to nothing')
      void here.session.peer.send(undefined as unknown as P2PTMessage)
      void here.session.peer.send(Uint8Array.of(1))
      await env.advance(60_000)
      void here.session.peer.send('waits for its end')
      for (const use of CARELESS) use(here.session.peer.send('waits for its end'))
      there.channel.close()
      await env.advance(100)
      void here.session.peer.send('after the end')
      await env.advance(100)
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })

  test('Law 6 has a bound on those who wait: the oldest gives way', async () => {
    const { env, here } = setUp()
    const first = outcome(here.session.send('first'))
    const second = outcome(here.session.send('second'))
    for (let i = 0; i < 4_095; i++) void here.session.send(i)
    await env.advance(0)
    expect([first, second]).toEqual([['ERR_QUEUE_FULL'], []])
  })

  test('ends when the application hangs up, once', async () => {
    const { env, here, there } = setUp()
    here.session.peer.destroy()
    here.session.peer.destroy()
    await env.advance(100)
    expect([here.session.open, there.session.open]).toEqual([false, false])
  })
})

describe('E4 messages to a peer with the published p2pt', () => {
  test('wait while the channel is full, and keep their order', async () => {
    const { env, here, there } = setUp({ bandwidth: 5_000 })
    const large = 'ж'.repeat(2_000_000)
    void here.session.send(large)
    void here.session.send('small')
    expect(here.channel.bufferedAmount).toBeGreaterThan(HIGH_WATER)
    expect(here.channel.bufferedAmount).toBeLessThan(HIGH_WATER + 100_000)
    await env.advance(10_000)
    expect(lengths(there)).toEqual([2_000_000, 5])
    expect(messages(there)[0] === large).toBe(true)
  })

  test('Law 6 are refused when they are too large, or too many wait; those before them still arrive', async () => {
    const { env, here, there } = setUp()
    here.channel.hold()
    const most = 'x'.repeat(MAX_TEXT_LENGTH)
    await expect(here.session.send(`${most}x`)).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
    for (let i = 0; i < 4; i++) void here.session.send(most)
    await expect(here.session.send('one more')).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
    here.channel.release()
    await env.advance(100)
    expect(lengths(there)).toEqual([1, 1, 1, 1].map(() => MAX_TEXT_LENGTH))
    const late = outcome(here.session.send('goes again'))
    await env.advance(100)
    expect([messages(there).at(-1), late]).toEqual(['goes again', []])
  }, 20_000)

  test('that are bytes leave as they are, and nobody waits for an answer', async () => {
    const { env, here, there } = setUp({ bandwidth: 10_000 })
    void here.session.send('x'.repeat(2_000_000)) // so that the bytes have to wait
    const bytes = Uint8Array.of(1, 2, 3)
    const answer = here.session.send(bytes)
    bytes.fill(9)
    await expect(answer).rejects.toMatchObject({ code: 'ERR_REQUEST_FAILED', message: expect.stringContaining('on their way') })
    await env.advance(1_000)
    expect(there.data.at(-1)).toEqual(Uint8Array.of(1, 2, 3))
    expect(lengths(there)).toEqual([2_000_000])
    await expect(here.session.send(new Uint8Array(262_145))).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
  })

  test('that are bytes of another name are bytes too', async () => {
    const { env, here, there } = setUp()
    const bytes = Uint8Array.of(1, 2, 3, 4)
    for (const message of [bytes.buffer, new DataView(bytes.buffer), new Uint16Array(bytes.buffer)])
      await expect(here.session.send(message)).rejects.toMatchObject({ code: 'ERR_REQUEST_FAILED' })
    await env.advance(100)
    expect(there.data).toEqual([bytes, bytes, bytes])
    await expect(here.session.send(new Map() as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('go in smaller pieces to somebody who takes little', async () => {
    const { env, here, there } = setUp({ maxMessageSize: 16_384 })
    void here.session.send('\u0000'.repeat(30_000))
    await env.advance(100)
    expect(messages(there)).toEqual(['\u0000'.repeat(30_000)])
    expect(Math.max(...there.data.map(({ length }) => length))).toBeLessThanOrEqual(16_384)
  })

  test('that cannot leave are told to whoever waits, and the next ones go on', async () => {
    const { env, here, there } = setUp()
    const send = here.channel.send.bind(here.channel)
    here.channel.send = () => {
      throw new Error('the engine has enough')
    }
    const answer = outcome(here.session.send('refused'))
    await env.advance(0)
    expect(answer).toEqual(['ERR_ENGINE'])
    here.channel.send = send
    void here.session.send('taken')
    await env.advance(100)
    expect(messages(there)).toEqual(['taken'])
  })

  test('have ids that the package never gives, and none twice', async () => {
    const { env, here, there } = setUp()
    for (let i = 0; i < 1_000; i++) void here.session.send(i)
    await env.advance(100)
    const ids = there.data.map(data => (JSON.parse(String(data).slice(1)) as { id: number }).id)
    expect(new Set(ids).size).toBe(1_000)
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(200_000)
  })
})

describe('E2 what a peer with the published p2pt sends', () => {
  test('is data as it came, and a message when it is whole', async () => {
    const { env, here, there } = setUp()
    const frames = [...encode(123_456, bodyOf('x'.repeat(40)), 20)]
    for (const each of ['no frame', ...frames, Uint8Array.of(0x5e, 0x7b)]) here.channel.send(each)
    await env.advance(100)
    expect(there.data).toEqual(['no frame', ...frames, Uint8Array.of(0x5e, 0x7b)])
    expect(messages(there)).toEqual(['x'.repeat(40)])
  })

  test('E5 is answered under the very id that it has, whatever kind that is', async () => {
    const { env, here, there } = setUp()
    for (const id of [0, 123_456, -1.5, 'a name', '__proto__'])
      for (const frame of encode(id, bodyOf('?'))) here.channel.send(frame)
    await env.advance(100)
    for (const [peer] of there.heard) void peer.respond('!')
    await env.advance(100)
    expect(here.data.map(data => (JSON.parse(String(data).slice(1)) as { id: unknown }).id)).toEqual([
      0,
      123_456,
      -1.5,
      'a name',
      '__proto__',
    ])
  })

  test('Law 6 is counted when it is of no use, and told once a kind; what follows is heard', async () => {
    const { env, here, there } = setUp()
    for (let i = 0; i < 50; i++) {
      here.channel.send('^{')
      here.channel.send('^{"id":1,"msg":"x","c":5}')
    }
    here.channel.send('^{"id":1,"msg":"fine","c":0,"last":true}')
    await env.advance(100)
    expect(there.warnings).toEqual(['not-json', 'out-of-order'])
    expect(there.session.dropped).toEqual({ 'not-json': 50, 'out-of-order': 50 })
    expect(messages(there)).toEqual(['fine'])
  })

  test('Law 6 is forgotten when its rest does not come', async () => {
    const { env, here, there } = setUp()
    here.channel.send('^{"id":1,"msg":"begun","c":0}')
    await env.advance(20_000)
    here.channel.send('^{"id":2,"msg":"begun later","c":0}')
    await env.advance(20_000)
    expect(there.session.dropped).toEqual({ stalled: 1 })
    here.channel.send('^{"id":2,"msg":" and finished","c":1,"last":true}')
    await env.advance(60_000)
    expect([messages(there), there.session.dropped]).toEqual([['begun later and finished'], { stalled: 1 }])
    expect(env.pendingTimers).toBe(0)
  })

  test('Law 5 leaves nothing behind when the peer goes in the middle of it', async () => {
    const { env, here, there } = setUp()
    here.channel.send('^{"id":1,"msg":"begun","c":0}')
    await env.advance(100)
    there.channel.close()
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('is not mixed with what another peer sends under the same id', async () => {
    const [one, two] = [setUp(), setUp()]
    for (const { env, here } of [one, two]) {
      here.channel.send('^{"id":1,"msg":"a","c":0}')
      await env.advance(100)
    }
    two.here.channel.send('^{"id":1,"msg":"b","c":1,"last":true}')
    await two.env.advance(100)
    expect([messages(one.there), messages(two.there)]).toEqual([[], ['ab']])
  })
})
