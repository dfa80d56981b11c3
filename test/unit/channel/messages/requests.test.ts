import { describe, expect, test } from 'vitest'
import type { Message } from '../../../../src/channel/messages/messenger.js'
import { MESSAGE_WINDOW } from '../../../../src/channel/messages/outbox.js'
import { MAX_PACKET, type Form } from '../../../../src/channel/messages/frame-codec.js'
import { forgedPair, gist, messagePair, outcome, pattern } from '../../../support/fakes/message-pair.js'

const MIB = 1024 * 1024
const echo = (message: Message) => message
/** Never answers; its signal aborts. */
const silent = (_message: Message, { signal }: { signal: AbortSignal }) =>
  new Promise<Message>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))

async function connected(options = {}) {
  const pair = messagePair(options)
  await pair.env.advance(200)
  return pair
}

describe('requests [E4]', () => {
  test('are answered, both ways at once, for any size [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 20_000 })
    here.connection.respond(message => ({ here: gist(message) }))
    there.connection.respond(echo)
    const questions = [null, false, 0, '', 'x', { a: [1] }, pattern(3), pattern(100_000), 'é'.repeat(100_000), pattern(5 * MIB)]
    const replies = Promise.all(questions.map(each => here.connection.request(each)))
    const back = Promise.all(questions.map(each => there.connection.request(each)))
    const [answers, backAnswers] = [outcome(replies), outcome(back)]
    await env.until(() => answers.settled && backAnswers.settled)
    expect(answers.value?.map(gist)).toEqual(questions.map(gist))
    expect(backAnswers.value).toEqual(questions.map(each => ({ here: gist(each) })))
    await env.advance(100)
    expect(env.pendingTimers).toBe(2) // the keepalive timers
  })

  test('overtake unread plain messages, small and large, in both directions [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 10_000 })
    here.connection.respond(echo)
    there.connection.respond(echo)
    for (let i = 0; i < 3_000; i++) here.connection.send(pattern(1_000, i))
    for (let i = 0; i < 5; i++) here.connection.send(pattern(MIB, i))
    await env.advance(5_000)
    const questions = ['small', pattern(100_000), pattern(3 * MIB)]
    const asked = [here, there].flatMap(({ connection }) => questions.map(each => outcome(connection.request(each))))
    await env.until(() => asked.every(({ settled }) => settled))
    expect(asked.map(({ value, code }) => code ?? gist(value as never))).toEqual([...questions, ...questions].map(gist))
    const heard = there.listen()
    await env.until(() => heard.length === 3_005)
  })

  test('are cancelled together with a reply that is being sent [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 1_000 })
    there.connection.respond(() => pattern(15 * MIB))
    const abort = new AbortController()
    const asked = outcome(here.connection.request('all', { signal: abort.signal }))
    const errors: string[] = []
    for (const { connection } of [here, there]) connection.on('error', ({ code }) => errors.push(code))
    await env.advance(3_000)
    expect(there.connection.bufferedAmount).toBeGreaterThan(5 * MIB)
    abort.abort()
    await env.advance(3_000)
    expect([asked.code, there.connection.bufferedAmount, errors]).toEqual(['ERR_ABORTED', 0, []])
    const again = outcome(here.connection.request('again', { timeout: 60_000 }))
    await env.until(() => again.settled)
    expect(gist(again.value as never)).toEqual(gist(pattern(15 * MIB)))
  })

  test('of a peer that does not read get replies of at most one largest message [Law 6]', async () => {
    const { env, here, there } = await connected({ bandwidth: 100 })
    there.connection.respond(() => pattern(MIB))
    const asked = Array.from({ length: 100 }, () => outcome(here.connection.request('more', { timeout: 600_000 })))
    await env.advance(2_000)
    expect(there.connection.bufferedAmount).toBeLessThan(20 * MIB)
    await env.until(() => asked.every(({ settled }) => settled), 600_000)
    const answered = asked.filter(({ value }) => value !== undefined).length
    expect(answered).toBeGreaterThan(10)
    expect(asked.filter(({ code }) => code === 'ERR_REQUEST_FAILED').length).toBe(100 - answered)
  })

  test('get their own reply each, hundreds at once, at any delay [E4]', async () => {
    const { env, here, there } = await connected()
    there.connection.respond(
      message => new Promise(resolve => env.timer((Number(message) * 7_919) % 1_000, () => resolve(message))),
    )
    const wanted = Array.from({ length: 250 }, (_, i) => i)
    const replies = outcome(Promise.all(wanted.map(each => here.connection.request(each))))
    await env.until(() => replies.settled)
    expect(replies.value).toEqual(wanted)
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no such file')
      },
      /no such file/,
    ],
    [
      'throws later',
      async () => {
        await Promise.resolve()
        throw new Error('no such file')
      },
      /no such file/,
    ],
    [
      'throws a value that is not an Error',
      () => {
        throw 'tantrum' // oxlint-disable-line typescript/only-throw-error -- as applications may
      },
      /tantrum/,
    ],
    ['throws a value that cannot be a string', () => Promise.reject(Object.create(null) as Error), /no reason given$/],
    ['throws an Error without a message', () => Promise.reject(new Error()), /no reason given$/],
    ['returns a function', () => () => {}, /message is a function: send/],
    [
      'returns a circular reference',
      () => {
        const circle: unknown[] = []
        circle.push(circle)
        return circle
      },
      /message\[0\] is a circular reference: send/,
    ],
    ['returns more than the limit of the requester', () => new Uint8Array(2 * MIB), /above the 1048576/],
    [
      'throws a very long text',
      () => {
        throw new Error('x'.repeat(10_000))
      },
      /^.{200,400}$/,
    ],
  ])('fail with the reason if the responder %s [E4]', async (_, respond, reason) => {
    const { env, here, there } = await connected({ maxMessageSize: MIB })
    there.connection.respond(respond as never) // as an untyped application may
    const reply = outcome(here.connection.request('please'))
    await env.advance(1_000)
    expect(reply.code).toBe('ERR_REQUEST_FAILED')
    const { message } = reply.error as Error
    expect(message).toMatch(reason)
    expect(message).toMatch(/^the peer could not answer: [^:\s]/) // one colon, and then the reason
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('are answered with null if the responder returns nothing, at once or later [E4]', async () => {
    const { env, here, there } = await connected()
    const heard: Message[] = []
    there.connection.respond(message => void heard.push(message))
    const replies = [outcome(here.connection.request(1))]
    await env.advance(100)
    there.connection.respond(async () => {})
    replies.push(outcome(here.connection.request(2)))
    await env.advance(100)
    expect([heard, replies.map(({ value, code }) => code ?? value)]).toEqual([[1], [null, null]])
  })

  test('carry each type of bytes as bytes, in request and reply [E4]', async () => {
    const { env, here, there } = await connected()
    there.connection.respond(message => (message as Uint8Array).slice().buffer)
    const replies = [new DataView(Uint8Array.of(9, 1, 2).buffer, 1), Uint16Array.of(0x0101), new ArrayBuffer(2)].map(each =>
      outcome(here.connection.request(each)),
    )
    await env.advance(100)
    expect(replies.map(({ value }) => value)).toEqual([Uint8Array.of(1, 2), Uint8Array.of(1, 1), Uint8Array.of(0, 0)])
  })

  test('fail at once without a responder [E4]', async () => {
    const { env, here, there } = await connected()
    const replies = [outcome(here.connection.request(1))]
    await env.advance(100)
    there.connection.respond(echo)
    replies.push(outcome(here.connection.request(2)))
    await env.advance(100)
    there.connection.respond(undefined)
    replies.push(outcome(here.connection.request(3)))
    await env.advance(100)
    expect(replies.map(({ code }) => code)).toEqual(['ERR_REQUEST_FAILED', undefined, 'ERR_REQUEST_FAILED'])
  })

  test('time out at the deadline, and ignore the late reply [E4]', async () => {
    const { env, here, there } = await connected()
    let answer: (message: Message) => void = () => {}
    there.connection.respond(() => new Promise(resolve => (answer = resolve)))
    const reply = outcome(here.connection.request('slow', { timeout: 500 }))
    await env.advance(499)
    expect(reply.settled).toBe(false)
    await env.advance(1)
    expect(reply.code).toBe('ERR_REQUEST_TIMEOUT')
    answer('late')
    await env.advance(100)
    there.connection.respond(echo)
    const next = outcome(here.connection.request('next'))
    await env.advance(100)
    expect(next.value).toBe('next')
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('abort the signal of the responder at the deadline, by abort and at the end of the connection [E4]', async () => {
    const { env, here, there } = await connected()
    const reasons: string[] = []
    there.connection.respond((_message, { signal }) => {
      signal.addEventListener('abort', () => reasons.push((signal.reason as { code: string }).code))
      return new Promise(() => {})
    })
    const abort = new AbortController()
    const replies = [
      outcome(here.connection.request(1, { timeout: 100 })),
      outcome(here.connection.request(2, { signal: abort.signal })),
      outcome(here.connection.request(3)),
    ]
    await env.advance(200)
    expect(reasons).toEqual(['ERR_ABORTED'])
    abort.abort(new Error('changed my mind'))
    await env.advance(100)
    expect(reasons).toEqual(['ERR_ABORTED', 'ERR_ABORTED'])
    void here.connection.close()
    await env.advance(100)
    expect(reasons).toEqual(['ERR_ABORTED', 'ERR_ABORTED', 'ERR_CLOSED'])
    expect(replies.map(({ code }) => code)).toEqual(['ERR_REQUEST_TIMEOUT', 'ERR_ABORTED', 'ERR_CLOSED'])
    expect(replies[1]?.error).toHaveProperty('cause', new Error('changed my mind'))
    expect(env.pendingTimers).toBe(0)
  })

  test('reject with ERR_CLOSED if the peer closes the connection [E4]', async () => {
    const { env, here, there } = await connected()
    there.connection.respond(silent)
    const reply = outcome(here.connection.request(1))
    await env.advance(100)
    void there.connection.close()
    await env.advance(100)
    expect(reply.code).toBe('ERR_CLOSED')
    const after = outcome(here.connection.request(1))
    await env.advance(0)
    expect(after.code).toBe('ERR_CLOSED')
  })

  test('are not sent if aborted before [E4]', async () => {
    const { env, here, there } = await connected()
    let asked = 0
    there.connection.respond(() => ++asked)
    const reply = outcome(here.connection.request(1, { signal: AbortSignal.abort() }))
    await env.advance(100)
    expect([reply.code, asked]).toEqual(['ERR_ABORTED', 0])
  })

  test('are not answered if aborted before they left, although their cancel overtakes them [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 1_000 })
    for (let i = 0; i < 100; i++) here.connection.send('x'.repeat(10_000))
    await env.advance(0) // later messages wait behind them
    let working = 0
    there.connection.respond((_message, { signal }) => {
      working++
      signal.addEventListener('abort', () => working--)
      return new Promise(() => {})
    })
    const abort = new AbortController()
    const replies = Array.from({ length: 10 }, (_, i) => outcome(here.connection.request(i, { signal: abort.signal })))
    abort.abort()
    const last = outcome(here.connection.request('last', { timeout: 3_000 }))
    await env.advance(2_000)
    expect(new Set(replies.map(({ code }) => code))).toEqual(new Set(['ERR_ABORTED']))
    expect([working, last.settled]).toEqual([1, false])
  })

  test('stop if aborted while they are sent, without effect on later messages [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 5_000 })
    let asked = 0
    there.connection.respond(() => ++asked)
    const heard = there.listen()
    const abort = new AbortController()
    const reply = outcome(here.connection.request(pattern(8 * MIB), { signal: abort.signal }))
    await env.advance(500)
    abort.abort()
    await env.advance(0)
    expect(reply.code).toBe('ERR_ABORTED')
    const left = env.now()
    here.connection.send(pattern(12 * MIB)) // does not fit beside the rest of the first one
    await env.until(() => heard.length === 1)
    expect(env.now() - left).toBeLessThan((12 * MIB) / 5_000 + 500)
    expect(heard.map(gist)).toEqual([gist(pattern(12 * MIB))])
    expect([asked, here.errors, there.errors]).toEqual([0, [], []])
  })

  test('send an abort for a large one, even among hundreds of small ones [E4]', async () => {
    const { env, here, there } = await connected({ bandwidth: 5_000 })
    const heard = there.listen()
    there.connection.respond(silent)
    const abort = new AbortController()
    const requests = Array.from({ length: 1_000 }, (_, i) => here.connection.request(i, { signal: abort.signal }))
    requests.push(here.connection.request(pattern(12 * MIB), { signal: abort.signal }))
    const replies = outcome(Promise.allSettled(requests))
    await env.advance(500)
    abort.abort()
    await env.until(() => replies.settled)
    here.connection.send(pattern(12 * MIB))
    await env.until(() => heard.length === 1)
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('fail if the peer refuses them, even after they have left [E4]', async () => {
    const { env, here, there } = messagePair({ thereMax: 100_000, latency: 50 })
    const replies = [500_000, 3 * MIB, 3 * MIB].map(size => outcome(here.connection.request(pattern(size))))
    await env.advance(5_000)
    expect(replies.map(({ code }) => code)).toEqual(['ERR_MESSAGE_TOO_LARGE', 'ERR_MESSAGE_TOO_LARGE', 'ERR_MESSAGE_TOO_LARGE'])
    expect(here.errors).toEqual([])
    expect(new Set(there.errors)).toEqual(new Set(['ERR_MESSAGE_TOO_LARGE']))
    const late = outcome(here.connection.request(pattern(100_001)))
    await env.advance(0)
    expect(late.code).toBe('ERR_MESSAGE_TOO_LARGE')
  })

  test('overtake messages that wait for a listener [E4]', async () => {
    const { env, here, there } = await connected()
    for (let i = 0; i < 10; i++) here.connection.send(pattern(100_000, i))
    for (let i = 0; i < 10; i++) there.connection.send(i)
    await env.advance(1_000)
    here.connection.respond(echo)
    there.connection.respond(echo)
    const replies = [outcome(here.connection.request('a')), outcome(there.connection.request('b'))]
    await env.advance(100)
    expect(replies.map(({ value }) => value)).toEqual(['a', 'b'])
    const heard = there.listen()
    await env.advance(1_000)
    expect(heard.length).toBe(10)
  })

  test('are answered a thousand at once, by a synchronous and by an asynchronous responder [E4]', async () => {
    const { env, here, there } = await connected()
    const later = (message: Message) => new Promise<Message>(resolve => env.timer(20, () => resolve(message)))
    for (const responder of [echo, async (message: Message) => message, later]) {
      there.connection.respond(responder)
      const replies = outcome(Promise.all(Array.from({ length: 1_000 }, (_, i) => here.connection.request(i))))
      await env.advance(300)
      expect(replies.value).toEqual(Array.from({ length: 1_000 }, (_, i) => i))
    }
  })

  test('are answered one by one by a synchronous responder [E4]', async () => {
    const { env, here, forger } = forgedPair({ latency: 1 })
    await env.advance(10)
    here.connection.respond(echo)
    forger.say(writer => {
      for (let i = 1; i <= 500; i++) writer.message({ form: 'json', purpose: 'request', exchange: i }, `${i}`)
    })
    await env.advance(2)
    expect(forger.told('message').map(({ head: { purpose } }) => purpose)).toEqual(Array(500).fill('reply'))
  })

  test('are not answered if cancelled in the queue [E4]', async () => {
    const { env, here, there } = await connected()
    const asked: Message[] = []
    const answers: Array<() => void> = []
    there.connection.respond(message => {
      asked.push(message)
      return new Promise(resolve => answers.push(() => resolve(message)))
    })
    const abort = new AbortController()
    const replies = Array.from({ length: 260 }, (_, i) =>
      outcome(here.connection.request(i, i >= 256 && i < 259 ? { signal: abort.signal } : {})),
    )
    await env.advance(100)
    abort.abort()
    await env.advance(100)
    expect(asked).toHaveLength(256)
    for (const answer of answers) answer()
    await env.advance(100)
    for (const answer of answers) answer()
    await env.advance(100)
    expect(asked.slice(256)).toEqual([259])
    expect(replies.slice(255).map(({ value, code }) => code ?? value)).toEqual([255, ...Array(3).fill('ERR_ABORTED'), 259])
  })

  test('are refused beyond 4096 queued ones, or beyond 16 MiB [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    here.connection.respond(() => new Promise(() => {}))
    const refused = () => forger.told('message').filter(({ head: { purpose } }) => purpose === 'failure').length
    let exchange = 0
    const ask = async (count: number) => {
      forger.flood(count, writer => writer.message({ form: 'json', purpose: 'request', exchange: ++exchange }, '1'))
      await env.advance(50)
    }
    await ask(256)
    for (let i = 0; i < 20; i++) {
      forger.say(writer => writer.begin(i, { form: 'bytes', purpose: 'request', exchange: ++exchange }, MIB))
      for (let at = 0; at < MIB; at += 16_000) forger.say(writer => writer.part(i, pattern(Math.min(16_000, MIB - at))))
      await env.advance(50)
    }
    expect(refused()).toBe(4)
    for (let i = 257; i <= exchange; i++) forger.say(writer => writer.word('cancel', i)) // drops the large ones
    await ask(4_096)
    expect(refused()).toBe(4)
    await ask(10)
    expect([refused(), here.errors]).toEqual([14, []])
  })

  test('run 4 MiB of large ones at a time, a larger one alone, and small ones meanwhile [Law 6]', async () => {
    const { env, here, there } = await connected()
    const running: number[] = []
    const open: Array<() => void> = []
    there.connection.respond(async message => {
      running.push((message as Uint8Array).byteLength)
      await new Promise<void>(resolve => open.push(resolve))
    })
    const MiB = 1024 * 1024
    const sizes = [1.5 * MiB, 1.5 * MiB, 1.5 * MiB, 5 * MiB, 1_000]
    const replies = outcome(Promise.all(sizes.map(size => here.connection.request(new Uint8Array(size)))))
    await env.advance(3_000)
    expect(running).toEqual([1_000, 1.5 * MiB, 1.5 * MiB])
    for (const end of open.splice(0)) end()
    await env.advance(1_000)
    expect(running.slice(3)).toEqual([1.5 * MiB])
    for (const end of open.splice(0)) end()
    await env.advance(1_000)
    expect(running.slice(4)).toEqual([5 * MiB])
    for (const end of open.splice(0)) end()
    await env.until(() => replies.settled)
    expect(replies.code).toBeUndefined()
  })

  test('wait for at most 4096 replies, and run at most 256 at a time [Law 6]', async () => {
    const { env, here, there } = await connected()
    let running = 0
    there.connection.respond((_message, { signal }) => {
      running++
      return silent(_message, { signal })
    })
    const replies = Array.from({ length: 4_097 }, (_, i) => outcome(here.connection.request(i)))
    await env.advance(1_000)
    const count = (code: string | undefined) => replies.filter(reply => reply.settled && reply.code === code).length
    expect(replies.at(-1)?.code).toBe('ERR_QUEUE_FULL')
    expect([count('ERR_QUEUE_FULL'), count('ERR_REQUEST_FAILED'), running]).toEqual([1, 0, 256])
    await env.advance(30_000)
    expect(count('ERR_REQUEST_TIMEOUT')).toBe(4_096)
    there.connection.respond(echo) // the aborted ones were dropped
    const next = outcome(here.connection.request('next'))
    await env.advance(100)
    expect(next.value).toBe('next')
  })

  test('are answered once if repeated, and ignore an unexpected reply [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    let asked = 0
    here.connection.respond(async () => {
      asked++
      return await new Promise(resolve => env.timer(100, () => resolve('done')))
    })
    forger.say(writer => {
      for (let i = 0; i < 50; i++) writer.message({ form: 'json', purpose: 'request', exchange: 7 }, '"again"')
      for (let i = 0; i < 50; i++) writer.message({ form: 'json', purpose: i % 2 ? 'reply' : 'failure', exchange: i }, '"what"')
      for (let i = 0; i < 50; i++) writer.word('cancel', 1_000 + i)
    })
    await env.advance(1_000)
    expect(asked).toBe(1)
    expect(forger.told('message').length).toBe(1)
    expect([here.errors, here.closed]).toEqual([[], []])
  })

  test('ignore a second reply, and a reply after a failure [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const replies = ['reply', 'failure'].map(() => outcome(here.connection.request('?')))
    await env.advance(100)
    const [first, second] = forger.told('message').map(({ head: { exchange } }) => exchange)
    forger.say(writer => {
      writer.message({ form: 'json', purpose: 'reply', exchange: first ?? 0 }, '1')
      writer.message({ form: 'json', purpose: 'failure', exchange: first ?? 0 }, '"no"')
      writer.message({ form: 'bytes', purpose: 'failure', exchange: second ?? 0 }, pattern(9))
      writer.message({ form: 'json', purpose: 'reply', exchange: second ?? 0 }, '2')
    })
    await env.advance(100)
    expect(replies.map(({ value, code }) => value ?? code)).toEqual([1, 'ERR_REQUEST_FAILED'])
    expect(here.errors).toEqual([])
  })

  test('fail with the reason of the peer as one printable line of bounded length [E4]', async () => {
    const { env, here, forger } = forgedPair()
    const replies = ['one', 'two'].map(() => outcome(here.connection.request('?')))
    await env.advance(100)
    const asked = forger.told('message').map(({ head: { exchange } }) => exchange)
    const texts = ['\u001b]0;title\u0007\u001b[2J\r\nFAKE\u2028LINE \u202egnp.exe \u0000\u009b', 'x'.repeat(4_000)]
    for (const [index, text] of texts.entries())
      forger.say(writer =>
        writer.message({ form: 'json', purpose: 'failure', exchange: asked[index] ?? 0 }, JSON.stringify(text)),
      )
    await env.advance(100)
    const words = 'the peer could not answer: '
    expect(replies.map(({ error }) => (error as Error).message)).toEqual([
      `${words}]0;title [2J FAKE LINE gnp.exe`,
      words + 'x'.repeat(256),
    ])
  })

  test('queue a bounded number of replies to a peer that never reads [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    let i = 0
    for (let packets = 0; packets < 100 && here.channel.state === 'open'; packets++) {
      forger.flood(2_000, writer => writer.message({ form: 'json', purpose: 'request', exchange: ++i }, '1'))
      await env.advance(50)
    }
    expect(i).toBe(200_000)
    expect(here.connection.bufferedAmount).toBeLessThan(MESSAGE_WINDOW + MAX_PACKET)
  })

  test('are refused at once if their JSON is too deep, as are replies [E4]', async () => {
    const { env, here, there } = await connected()
    let deep: Message = 1
    for (let i = 0; i < 501; i++) deep = [deep]
    there.connection.respond(() => deep)
    const replies = [outcome(here.connection.request(deep)), outcome(here.connection.request('deep'))]
    await env.advance(50)
    expect(replies.map(({ code }) => code)).toEqual(['ERR_INVALID_ARGUMENT', 'ERR_REQUEST_FAILED'])
    for (const { error } of replies)
      expect(error).toHaveProperty('message', expect.stringMatching(/nested deeper than 500 lists and objects/))
    expect([here.errors, there.errors, here.closed]).toEqual([[], [], []])
  })

  test.each<[string, Form, string]>([
    ['JSON that is too deep', 'json', `${'['.repeat(501)}${']'.repeat(501)}`],
    ['invalid JSON', 'json', '{'],
    ['an attachment without a place', 'mixed', '\0\0\0\u000a[1,[[0,0]]]'],
    ['a form of a later version', 'unknown', 'x'],
  ])('fail with the reason if the request or the reply is malformed: %s [E4]', async (_, form, text) => {
    const { env, here, forger } = forgedPair()
    const reply = outcome(here.connection.request('?'))
    here.connection.respond(echo)
    await env.advance(100)
    const [asked] = forger.told('message')
    forger.say(writer => {
      writer.message({ form, purpose: 'request', exchange: 5 }, text)
      writer.message({ form, purpose: 'reply', exchange: asked?.head.exchange ?? 0 }, text)
    })
    await env.advance(50)
    expect(reply.code).toBe('ERR_BAD_FRAME')
    const [, answer] = forger.told('message')
    expect(answer?.head).toEqual({ form: 'json', purpose: 'failure', exchange: 5 })
    expect(new TextDecoder().decode(answer?.payload)).toMatch(/^"the request cannot be read: the peer sent .*"$/)
    expect([here.errors, here.closed]).toEqual([['ERR_BAD_FRAME', 'ERR_BAD_FRAME'], []])
  })

  test('fail at once if the reply is above the own limit [E4]', async () => {
    const { env, here, forger } = forgedPair({ maxMessageSize: MIB })
    const reply = outcome(here.connection.request('?'))
    await env.advance(100)
    const [asked] = forger.told('message')
    forger.say(writer => writer.begin(9, { form: 'bytes', purpose: 'reply', exchange: asked?.head.exchange ?? 0 }, 2 * MIB))
    await env.advance(50)
    expect([reply.code, here.errors]).toEqual(['ERR_MESSAGE_TOO_LARGE', ['ERR_MESSAGE_TOO_LARGE']])
  })

  test('check the types of responder, timeout and signal [Law 7]', async () => {
    const { here } = await connected()
    const invalid = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
    expect(() => here.connection.respond('yes' as never)).toThrow(invalid)
    await expect(here.connection.request(1, { timeout: Number.NaN })).rejects.toThrow(invalid)
    await expect(here.connection.request(1, { timeout: -1 })).rejects.toThrow(invalid)
    await expect(here.connection.request(1, { signal: {} as never })).rejects.toThrow(invalid)
    await expect(here.connection.request(1, { timout: 1 } as never)).rejects.toThrow(invalid)
    await expect(here.connection.request(undefined as never)).rejects.toThrow(invalid)
  })
})
