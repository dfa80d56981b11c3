import { describe, expect, test } from 'vitest'
import { HIGH_WATER } from '../../../src/engine/engine.js'
import type { P2PTMessage } from '../../../src/p2pt/room-messenger.js'
import type { P2PTPeer } from '../../../src/p2pt/p2pt-peer.js'
import { P2PTSession } from '../../../src/p2pt/p2pt-session.js'
import { bodyOf, encode, MAX_TEXT_LENGTH, P2PTFrameError } from '../../../src/p2pt/stock-codec.js'
import { StockMessenger } from '../../../src/p2pt/stock-messenger.js'
import { channelPair, FakeNet, type FakeChannel, type FakeNetOptions } from '../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'

const REMOTE = { announceId: 'ab'.repeat(20), peerId: 'ab'.repeat(20), isSwarmlink: false, verified: false }

interface End {
  session: P2PTSession
  channel: FakeChannel
  /** Messages that were no answers. */
  heard: Array<[P2PTPeer, P2PTMessage]>
  data: Array<string | Uint8Array>
  warnings: string[]
}

/** Two ends with the protocol of the published package. */
function setUp({ maxMessageSize = 262_144, ...net }: FakeNetOptions & { maxMessageSize?: number } = {}) {
  const env = new VirtualEnv()
  const end = (channel: FakeChannel): End => {
    const messenger = new StockMessenger({ env, channel, maxMessageSize, jsonLimit: 1024 * 1024 })
    const session = new P2PTSession({ env, messenger, remote: REMOTE, requestTimeout: 30_000, disconnect: () => channel.close() })
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

/** The outcome of a promise, empty while it is pending. */
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

/** How users of the published package write it, without a `catch`. */
const CARELESS: Array<(answer: Promise<[P2PTPeer, P2PTMessage]>) => unknown> = [
  answer => answer.then(([peer]) => peer.respond('thanks')),
  answer => answer.then(([peer]) => peer.respond('thanks')).then(([peer]) => peer.respond('bye')),
  answer => answer.finally(() => {}),
  answer => answer.then(() => {}).finally(() => {}),
]

describe('messages and answers [E3]', () => {
  test('form chains of any length, of which only the first message causes the event', async () => {
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

  test('match each answer to its message, however late it arrives', async () => {
    const { env, here, there } = setUp()
    const answers = ['one', 'two', 'three'].map(question => outcome(here.session.send(question)))
    await env.advance(100)
    for (const [peer, message] of there.heard.toReversed()) void peer.respond(message === 'one' ? 1 : message === 'two' ? 2 : 3)
    await env.advance(100)
    expect(answers).toEqual([['1'], ['2'], ['3']])
  })

  test('are answered through the peer of peerconnect, which answers the last message', async () => {
    const { env, here, there } = setUp()
    const answers = ['first', 'last'].map(question => outcome(here.session.send(question)))
    await env.advance(100)
    void there.session.peer.respond('an answer')
    await env.advance(100)
    expect(answers).toEqual([[], ['"an answer"']])
  })

  test('cannot be answered before one arrived', async () => {
    const { here } = setUp()
    await expect(here.session.peer.respond('what?')).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('reject at the timeout; a later answer is an ordinary message', async () => {
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

  test('reject when the peer disconnects, also those sent later, and leave no timer', async () => {
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

  test('cause one warning per reason when they are not sent and their promise has no catch [E3]', async () => {
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

  test('refuse bytes inside a message to a peer with the published package, with their path [E5]', async () => {
    const { here } = setUp()
    const sent = here.session.peer.send({ name: 'x.bin', parts: [Uint8Array.of(1)] })
    await expect(sent).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(/^message\.parts\[0\] is bytes: this peer runs the published p2pt, .* as a text$/),
    })
  })

  test('cause no unhandled rejection when their promise is ignored', async () => {
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

  test('reject the oldest when too many wait for an answer [Law 6]', async () => {
    const { env, here } = setUp()
    const first = outcome(here.session.send('first'))
    const second = outcome(here.session.send('second'))
    for (let i = 0; i < 4_095; i++) void here.session.send(i)
    await env.advance(0)
    expect([first, second]).toEqual([['ERR_QUEUE_FULL'], []])
  })

  test('end when the application disconnects the peer, once', async () => {
    const { env, here, there } = setUp()
    here.session.peer.destroy()
    here.session.peer.destroy()
    await env.advance(100)
    expect([here.session.open, there.session.open]).toEqual([false, false])
  })
})

describe('messages to a peer with the published p2pt [E4]', () => {
  test('wait while the send buffer is full, and keep their order', async () => {
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

  test('are refused when they are too large or the queue is full; earlier ones still arrive [Law 6]', async () => {
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

  test('are sent raw when they are bytes, without waiting for an answer', async () => {
    const { env, here, there } = setUp({ bandwidth: 10_000 })
    void here.session.send('x'.repeat(2_000_000)) // queues the bytes behind it
    const bytes = Uint8Array.of(1, 2, 3)
    const answer = here.session.send(bytes)
    bytes.fill(9)
    await expect(answer).rejects.toMatchObject({ code: 'ERR_REQUEST_FAILED', message: expect.stringContaining('were sent') })
    await env.advance(1_000)
    expect(there.data.at(-1)).toEqual(Uint8Array.of(1, 2, 3))
    expect(lengths(there)).toEqual([2_000_000])
    await expect(here.session.send(new Uint8Array(262_145))).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' })
  })

  test('are sent raw for every type of bytes', async () => {
    const { env, here, there } = setUp()
    const bytes = Uint8Array.of(1, 2, 3, 4)
    for (const message of [bytes.buffer, new DataView(bytes.buffer), new Uint16Array(bytes.buffer)])
      await expect(here.session.send(message)).rejects.toMatchObject({ code: 'ERR_REQUEST_FAILED' })
    await env.advance(100)
    expect(there.data).toEqual([bytes, bytes, bytes])
    await expect(here.session.send(new Map() as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('are cut into smaller chunks for a peer with a small message limit', async () => {
    const { env, here, there } = setUp({ maxMessageSize: 16_384 })
    void here.session.send('\u0000'.repeat(30_000))
    await env.advance(100)
    expect(messages(there)).toEqual(['\u0000'.repeat(30_000)])
    expect(Math.max(...there.data.map(({ length }) => length))).toBeLessThanOrEqual(16_384)
  })

  test('reject their promise when they cannot be sent, and later ones are sent', async () => {
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

  test('have unique ids outside the range of the package', async () => {
    const { env, here, there } = setUp()
    for (let i = 0; i < 1_000; i++) void here.session.send(i)
    await env.advance(100)
    const ids = there.data.map(data => (JSON.parse(String(data).slice(1)) as { id: number }).id)
    expect(new Set(ids).size).toBe(1_000)
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(200_000)
  })
})

describe('messages of a peer with the published p2pt [E2]', () => {
  test('cause data for each frame, and one message when they are complete', async () => {
    const { env, here, there } = setUp()
    const frames = [...encode(123_456, bodyOf('x'.repeat(40)), 20)]
    for (const each of ['no frame', ...frames, Uint8Array.of(0x5e, 0x7b)]) here.channel.send(each)
    await env.advance(100)
    expect(there.data).toEqual(['no frame', ...frames, Uint8Array.of(0x5e, 0x7b)])
    expect(messages(there)).toEqual(['x'.repeat(40)])
  })

  test('are answered under their own id, number or text [E5]', async () => {
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

  test('are dropped and counted when malformed, with one warning per kind [Law 6]', async () => {
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

  test('are dropped when their remaining chunks do not arrive [Law 6]', async () => {
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

  test('leave nothing behind when the peer disconnects in between [Law 5]', async () => {
    const { env, here, there } = setUp()
    here.channel.send('^{"id":1,"msg":"begun","c":0}')
    await env.advance(100)
    there.channel.close()
    await env.advance(100)
    expect(env.pendingTimers).toBe(0)
  })

  test('are kept apart from those of another peer with the same id', async () => {
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
