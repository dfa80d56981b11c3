import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Message } from '../../../../src/channel/messages/messenger.js'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import {
  forgedPair,
  gist,
  messagePair,
  outcome,
  pattern,
  type End,
  type PairOptions,
} from '../../../support/fakes/message-pair.js'

const MIB = 1024 * 1024
const line = fc.record<PairOptions>({
  latency: fc.integer({ min: 0, max: 200 }),
  bandwidth: fc.constantFrom(5_000, 50_000, Number.POSITIVE_INFINITY),
})

/** Both directions of an open connection. */
async function connected(options: PairOptions = {}) {
  const pair = messagePair(options)
  await pair.env.advance(1_000)
  return { ...pair, heard: [pair.here.listen(), pair.there.listen()] as const, ends: [pair.here, pair.there] as const }
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of readable) bytes += chunk.byteLength
  return bytes
}

/** The same at both ends. */
const both = <T>(each: T): [T, T] => [each, each]
const sizes = fc.array(fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 300_000 })), { maxLength: 30 })

describe('close() [A8]', () => {
  test('delivers 500 messages of both ends, in order, when both send and close in one tick [A8]', async () => {
    const { env, ends, heard } = await connected()
    const closing = ends.map(({ connection }) => {
      for (let i = 0; i < 500; i++) connection.send({ i })
      return connection.close()
    })
    await env.advance(200)
    await Promise.all(closing)
    const all = Array.from({ length: 500 }, (_, i) => ({ i }))
    expect(heard).toEqual([all, all])
    expect(ends.map(({ closed, errors }) => [closed, errors])).toEqual([
      [[undefined], []],
      [[undefined], []],
    ])
    expect(env.pendingTimers).toBe(0)
  })

  test('delivers all messages of before the close, for any moment of close() and any network [A8]', async () => {
    await fc.assert(
      fc.asyncProperty(line, sizes, sizes, fc.nat({ max: 500 }), fc.boolean(), async (options, forth, back, later, mutual) => {
        const { env, ends, heard } = await connected(options)
        const [here, there] = ends
        for (const size of forth) here.connection.send(pattern(size))
        for (const size of back) there.connection.send(pattern(size))
        const closing = [here.connection.close()]
        await env.advance(later)
        if (mutual) closing.push(there.connection.close())
        await env.until(() => ends.every(({ closed }) => closed.length > 0), 60_000)
        await env.advance(20)
        await Promise.all(closing)
        const arrived = heard.map(messages => messages.map(gist).toSorted())
        expect(arrived).toEqual([back, forth].map(said => said.map(size => gist(pattern(size))).toSorted()))
        expect(ends.map(({ closed }) => closed)).toEqual([[undefined], [undefined]])
        await env.advance(5_000)
        expect(env.pendingTimers).toBe(0)
      }),
      { numRuns: 40 },
    )
  }, 30_000)

  test('waits for replies that come at once or after 30 ms [A8]', async () => {
    const { env, ends } = await connected({ latency: 30 })
    for (const { connection } of ends)
      connection.respond(message =>
        message === 'soon' ? new Promise(resolve => env.timer(30, () => resolve('late'))) : ['echo', message as string],
      )
    const asked = ends.map(({ connection }) => {
      const answers = ['now', 'soon'].map(each => outcome(connection.request(each)))
      void connection.close()
      return answers
    })
    await env.until(() => ends.every(({ closed }) => closed.length > 0))
    const expected = [['echo', 'now'], 'late']
    expect(asked.map(pair => pair.map(({ value, code }) => value ?? code))).toEqual(both(expected))
  })

  test('does not wait for a slow responder [A8]', async () => {
    const { env, here, there } = await connected({ latency: 10 })
    there.connection.respond(() => new Promise(() => {}))
    const asked = outcome(here.connection.request('what happens next?'))
    await env.advance(100)
    const from = env.now()
    void here.connection.close()
    await env.until(() => asked.settled)
    expect([asked.code, env.now() - from < 100]).toEqual(['ERR_CLOSED', true])
  })

  test('lets a stream whose source has ended be read, and ends one whose source goes on [A8]', async () => {
    const { env, ends } = await connected({ bandwidth: 5_000 })
    const got = ends.map(({ connection }) => {
      const read: Array<ReturnType<typeof outcome<number>>> = []
      connection.on('stream', ({ readable }) => read.push(outcome(readAll(readable))))
      return read
    })
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      yield pattern(10)
      await new Promise(() => {})
    }
    const sent = ends.map(({ connection }) => [[pattern(200_000)], endless()].map(each => outcome(connection.stream(each))))
    await env.advance(5)
    for (const { connection } of ends) void connection.close()
    await env.until(() => ends.every(({ closed }) => closed.length > 0))
    await env.advance(10)
    expect(sent.map(each => each.map(({ settled, code }) => code ?? settled))).toEqual(both([true, 'ERR_CLOSED']))
    expect(got.map(each => each.map(({ value, code }) => code ?? value))).toEqual(both([200_000, 'ERR_CLOSED']))
  })

  test('leaves a stream readable that has arrived in full [A8]', async () => {
    const { env, here, there } = await connected()
    const arrived = new Promise<ReadableStream<Uint8Array>>(resolve =>
      there.connection.on('stream', ({ readable }) => resolve(readable)),
    )
    const sent = outcome(here.connection.stream([pattern(100_000)]))
    await env.advance(50)
    void here.connection.close()
    await env.advance(10_000)
    expect([there.closed, sent.code]).toEqual([[undefined], 'ERR_CLOSED']) // not read before the close
    expect(await readAll(await arrived)).toBe(100_000)
  })

  test('does not wait for messages that have no listener [A8]', async () => {
    const { env, here, there } = messagePair()
    await env.advance(100)
    for (let i = 0; i < 40; i++) there.connection.send(pattern(100_000, i)) // more than the window of plain messages
    await env.advance(100)
    const from = env.now()
    const closing = here.connection.close()
    await env.until(() => here.closed.length > 0)
    await closing
    expect(env.now() - from).toBeLessThan(200)
  })

  test('closes the channel only after the peer has acknowledged all messages, because a close may overtake them [A8]', async () => {
    const { env, here, forger } = forgedPair()
    await env.advance(100)
    here.connection.send('last')
    const closing = here.connection.close()
    forger.say(writer => writer.word('bye', 0)) // the peer closes before our messages have arrived
    await env.advance(100)
    expect([here.closed, forger.told('bye').map(({ value }) => value)]).toEqual([[], [0, 1]])
    forger.say(writer => writer.word('bye', 1))
    await env.advance(50)
    await closing
    expect([here.closed, env.pendingTimers]).toEqual([[undefined], 0])
  })

  test('acknowledges the bye of the peer when its own requests are answered, or 40 ms later [A8]', async () => {
    for (const answers of [true, false]) {
      const { env, here, forger } = forgedPair({ latency: 1 })
      const reply = outcome(here.connection.request('?'))
      await env.advance(100)
      void here.connection.close()
      forger.say(writer => writer.word('bye', 1))
      await env.advance(20)
      const told = () => forger.told('bye').map(({ value }) => value)
      expect(told()).toEqual([0])
      const exchange = forger.told('message')[0]?.head.exchange ?? 0
      if (answers) forger.say(writer => writer.message({ form: 'json', purpose: 'reply', exchange }, '1'))
      await env.advance(answers ? 25 : 60)
      expect([reply.value ?? reply.code, told()]).toEqual([answers ? 1 : 'ERR_CLOSED', [0, 1]])
    }
  })

  test('delivers received messages if an engine refuses to send before its close event [A8]', async () => {
    const { env, here, there } = await connected({ latency: 20 })
    const heard = there.listen()
    for (let i = 0; i < 10; i++) here.connection.send(i)
    await env.advance(5)
    // As libdatachannel does while messages, and the close behind them, wait for the event loop.
    there.channel.send = () => {
      throw new SwarmlinkError('ERR_CLOSED', 'DataChannel is closed')
    }
    there.connection.send('into the void')
    void there.connection.close()
    await env.advance(5)
    expect([heard, there.closed]).toEqual([[], []])
    await env.advance(20)
    here.channel.close()
    await env.advance(50)
    expect([heard.length, there.closed, there.errors]).toEqual([10, [undefined], []])
  })

  test('ends within 2 s if an engine refuses to send and never fires close [Law 5]', async () => {
    const { env, here, there } = await connected()
    there.channel.send = () => {
      throw new SwarmlinkError('ERR_CLOSED', 'DataChannel is closed')
    }
    there.connection.send('into the void')
    await env.advance(2_100)
    expect([there.closed, here.closed]).toEqual([[undefined], [undefined]])
    await env.advance(5_000)
    expect(env.pendingTimers).toBe(0)
  })

  test('waits 1.5 s for a silent peer, and 5 s for one that never stops sending [Law 6]', async () => {
    const silent = forgedPair()
    await silent.env.advance(100)
    let closing = silent.here.connection.close()
    await silent.env.advance(1_400)
    expect(silent.here.closed).toEqual([])
    await silent.env.advance(200)
    await closing
    expect([silent.here.closed, silent.env.pendingTimers]).toEqual([[undefined], 0])

    const endless = forgedPair()
    const heard = endless.here.listen()
    closing = endless.here.connection.close()
    for (let i = 0; i < 49; i++) {
      endless.forger.say(writer => writer.message({ form: 'json', purpose: 'plain', exchange: 0 }, '"more"'))
      await endless.env.advance(100)
    }
    expect([endless.here.closed, heard.length > 40]).toEqual([[], true])
    await endless.env.advance(200)
    await closing
    expect([endless.here.closed, endless.env.pendingTimers]).toEqual([[undefined], 0])
  })

  test('ends 1.5 s after the bye of a peer that keeps its channel open, and refuses to send meanwhile [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    await env.advance(100)
    forger.say(writer => writer.word('bye', 0) && writer.word('bye', 1))
    await env.advance(100)
    expect(() => here.connection.send('late')).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
    expect(forger.told('bye')).toHaveLength(1)
    await env.advance(1_600)
    expect([here.closed, env.pendingTimers]).toEqual([[undefined], 0])
  })

  test('closes the remote end too, after the messages of both directions have arrived [A8]', async () => {
    const { env, ends, heard } = await connected({ latency: 50, bandwidth: 10_000 })
    const [here, there] = ends
    const order: Array<Message | undefined> = []
    there.connection.on('data', message => order.push((message as Uint8Array).byteLength))
    there.connection.on('close', () => order.push('close'))
    here.connection.send(pattern(3 * MIB))
    for (let i = 0; i < 10; i++) there.connection.send(pattern(100_000))
    void here.connection.close()
    await env.until(() => there.closed.length > 0)
    expect(order).toEqual([3 * MIB, 'close'])
    expect(heard[0].length).toBe(10)
  })

  test.each(['here', 'there'] as const)('closes once if it is called twice and in a close listener, by %s [Law 5]', async who => {
    const pair = await connected()
    const end: End = pair[who]
    end.connection.on('close', () => void end.connection.close())
    await Promise.all([pair.here.connection.close(), pair.here.connection.close(), pair.env.advance(200)])
    expect([pair.here.closed, pair.there.closed, pair.env.pendingTimers]).toEqual([[undefined], [undefined], 0])
  })
})
