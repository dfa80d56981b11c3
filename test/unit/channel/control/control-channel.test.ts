import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EXCHANGE, MAX_DESCRIPTION, MAX_HASHES, MAX_RELAY } from '../../../../src/channel/control/codec.js'
import { MAX_SHOWN } from '../../../../src/channel/control/control-outbox.js'
import { PING_DEADLINE } from '../../../../src/channel/control/control-ping.js'
import type { FakeChannel } from '../../../support/fakes/fake-engine.js'
import { outcome } from '../../../support/fakes/message-pair.js'
import { bytes, forged, hash, hashes, hello, LATENCY, pair, please, written } from './control-pair.js'

const KIB = 1024

describe('the control channel between two swarmlink peers [X1]', () => {
  test('is opened by the offerer when the connection is up, and carries one hello in each direction [X1]', async () => {
    const { env, here, there, sent } = pair()
    here.control.show([])
    here.control.hide(hashes(3))
    here.control.bye() // before the channel is open
    await env.advance(3_600_000)
    expect([here.opened, there.opened, sent(), env.pendingTimers]).toEqual([1, 0, 2, 0])
    expect([here.control.capabilities, there.control.capabilities]).toEqual([EXCHANGE, EXCHANGE])
    expect([here.heard, there.heard, here.greetings, there.greetings]).toEqual([[], [], 1, 1])
  })

  test('sends the frames of before the open event as one message, the hello first [X1]', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(20))
    await env.advance(LATENCY)
    here.control.show(hashes(5, 20))
    expect(here.control.relay(bytes(1, 2, 3, 4))).toBe(true)
    await env.advance(100)
    expect(there.heard).toEqual(['topics 25', 'relay 01020304 4'])
    expect(there.control.capabilities).toBe(EXCHANGE)
    expect(here.opened).toBe(1)
    expect([here.heard, here.control.capabilities, sent()]).toEqual([[], EXCHANGE, 2]) // the other end had no other frame
  })

  test('lets the answerer announce its topics as soon as the channel arrives [X1]', async () => {
    const { env, here, there, sent } = pair()
    there.control.show(hashes(2))
    await env.advance(2 * LATENCY)
    expect([here.heard, here.control.capabilities]).toEqual([['topics 2'], EXCHANGE])
    await env.advance(100)
    expect([here.opened, there.opened, sent()]).toEqual([1, 0, 2])
  })

  test('answers the first hello with a hello, even if no other frame is queued [X1]', async () => {
    const { env, here, told, say } = await forged()
    for (let i = 0; i < 3; i++) {
      say({ ...hello, capabilities: 0 })
      await env.advance(100)
    }
    expect([told, here.greetings, here.control.capabilities]).toEqual([[hello], 1, 0])
    expect([here.faults, env.pendingTimers]).toEqual([[], 0])
  })

  test('sends another hello to withdraw a capability, and ignores one that adds a capability [X1]', async () => {
    const { env, here, there } = pair()
    await env.advance(100)
    here.control.withdraw(EXCHANGE)
    await env.advance(100)
    expect([there.control.capabilities, there.greetings, here.control.capabilities]).toEqual([0, 2, EXCHANGE])
    const { env: time, here: end, say } = await forged()
    for (const capabilities of [0, EXCHANGE, 0]) say({ ...hello, capabilities })
    await time.advance(100)
    expect([end.control.capabilities, end.greetings, end.faults]).toEqual([0, 1, []])
  })

  test('batches the frames of one turn into one message, in order [X1]', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    const before = sent()
    for (let turn = 0; turn < 3; turn++) {
      here.control.relay(bytes(turn, 1))
      here.control.restart({ type: 'restart-please', number: 1 })
      here.control.relay(bytes(turn, 2))
      await Promise.resolve()
    }
    await env.advance(100)
    expect(sent() - before).toBe(3)
    expect(there.heard.slice(1)).toEqual(
      [0, 1, 2].flatMap(turn => [`relay 0${turn}01 2`, JSON.stringify(please), `relay 0${turn}02 2`]),
    )
  })

  test('sends topics ahead of the other frames of the same turn [X1]', async () => {
    const { env, here, there } = pair()
    here.control.relay(bytes(1))
    here.control.show(hashes(1))
    await env.advance(100)
    expect(there.heard).toEqual(['topics 1', 'relay 01 1'])
  })

  test('batches up to 16 KiB, and sends a larger frame alone [X1]', async () => {
    const { env, here, there } = pair()
    const sizes: number[] = []
    const { own } = here
    const send = own?.send.bind(own)
    if (own !== undefined)
      own.send = said => {
        sizes.push(said.length)
        send?.(said)
      }
    for (const size of [10 * KIB, 6 * KIB, 10, MAX_RELAY, 10, 10]) expect(here.control.relay(new Uint8Array(size))).toBe(true)
    await env.advance(100)
    expect(there.heard.map(each => Number(each.split(' ')[2]))).toEqual([10 * KIB, 6 * KIB, 10, MAX_RELAY, 10, 10])
    expect(sizes).toEqual([8 + 3 + 10 * KIB, 3 + 6 * KIB + 13, 3 + MAX_RELAY, 26])
  })

  test('carries frames of repair in both directions [X1]', async () => {
    const { env, here, there } = pair()
    const offer = 'v=0\r\n…'
    expect(here.control.restart({ type: 'restart', number: 7, offer })).toBe(true)
    await env.advance(100)
    expect(there.control.restart({ type: 'restarted', number: 7, answer: offer })).toBe(true)
    await env.advance(100)
    expect(there.heard).toEqual([JSON.stringify({ type: 'restart', number: 7, offer })])
    expect(here.heard).toEqual([JSON.stringify({ type: 'restarted', number: 7, answer: offer })])
  })

  test('refuses a frame that is too large, and sends nothing [X1]', async () => {
    const { env, here, sent } = pair()
    await env.advance(100)
    const before = sent()
    expect(here.control.relay(new Uint8Array(MAX_RELAY + 1))).toBe(false)
    expect(here.control.relay(new Uint8Array(70_000))).toBe(false) // its length does not fit into the head
    expect(here.control.restart({ type: 'restart', number: 7, offer: 'x'.repeat(MAX_DESCRIPTION + 1) })).toBe(false)
    await env.advance(100)
    expect(sent()).toBe(before)
  })
})

describe('topics in common [X1]', () => {
  test('are announced once, and withdrawn once [X1]', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(3))
    await env.advance(100)
    const before = sent()
    here.control.show(hashes(3))
    here.control.hide(hashes(3, 10))
    await env.advance(100)
    expect(sent()).toBe(before)
    here.control.hide(hashes(2))
    here.control.hide(hashes(2))
    await env.advance(100)
    expect([sent() - before, there.heard, [...there.control.topics]]).toEqual([1, ['topics 3'], [hash(2)]])
  })

  test('are not sent if added and withdrawn in one turn, but are if withdrawn and added again [X1]', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    const before = sent()
    here.control.show([hash(7)])
    here.control.hide([hash(7)])
    await env.advance(100)
    expect(sent()).toBe(before)
    here.control.hide(hashes(1))
    here.control.show(hashes(1))
    await env.advance(100)
    expect([sent() - before, there.heard.slice(1)]).toEqual([1, ['topics 1']])
  })

  test('are the same at both ends after any sequence, with any batching [X1]', async () => {
    const step = fc.record({
      show: fc.boolean(),
      from: fc.nat({ max: 8 }),
      count: fc.nat({ max: 4 }),
      wait: fc.constantFrom(-1, 0, 5, 50),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
        const { env, here, there } = pair()
        const mine = new Set<string>()
        for (const { show, from, count, wait } of steps) {
          const some = hashes(count, from)
          for (const each of some)
            if (show) mine.add(each)
            else mine.delete(each)
          if (show) here.control.show(some)
          else here.control.hide(some)
          if (wait >= 0) await env.advance(wait)
        }
        await env.advance(1_000)
        expect([...there.control.topics].toSorted()).toEqual([...mine].toSorted())
        expect([there.faults, env.pendingTimers]).toEqual([[], 0])
      }),
      { numRuns: 60 },
    )
  })

  test('are announced in five messages for 2 048, and no more until one is withdrawn [X1]', async () => {
    const { env, here, there, sent } = pair()
    here.control.show(hashes(MAX_SHOWN + 10))
    await env.advance(100)
    expect([there.control.topics.size, there.control.topics.has(hash(MAX_SHOWN))]).toEqual([MAX_SHOWN, false])
    expect(sent()).toBeLessThanOrEqual(5)
    here.control.hide(hashes(1))
    here.control.show(hashes(1, MAX_SHOWN))
    await env.advance(100)
    expect([there.control.topics.size, there.control.topics.has(hash(MAX_SHOWN))]).toEqual([MAX_SHOWN, true])
  })

  test('are all announced, within the rate limit, if a thousand are added one by one [X1]', async () => {
    const { env, here, there } = pair()
    for (let i = 0; i < 1_000; i++) {
      here.control.show([hash(i)])
      await env.advance(1)
    }
    await env.advance(20_000)
    expect([there.control.topics.size, there.faults, env.pendingTimers]).toEqual([1_000, [], 0])
  })
})

describe('a ping on the control channel [X1]', () => {
  test('measures the round-trip time, once for all calls meanwhile [X1]', async () => {
    const { env, here, there, sent } = pair()
    there.control.show(hashes(1))
    await env.advance(100)
    const before = sent()
    const pings = [outcome(here.control.ping()), outcome(here.control.ping())]
    await env.advance(2 * LATENCY - 1)
    expect(pings[0]?.settled).toBe(false)
    await env.advance(1)
    expect(pings.map(({ value }) => value)).toEqual([20, 20])
    expect([sent() - before, here.timers]).toEqual([2, 0])
  })

  test('is always answered by a swarmlink peer, at any rate of calls [X1]', async () => {
    const { env, here, there } = pair()
    const before = () => here.own?.sent ?? 0
    let answers = 0
    for (const end = env.now() + 10_000; env.now() < end;) {
      const ping = outcome(here.control.ping())
      await env.advance(25)
      if (ping.settled && ping.code === undefined) answers++
    }
    await env.advance(1_000)
    expect(answers).toBeGreaterThan(395) // the first one waits for the channel
    expect(before()).toBeLessThanOrEqual(101)
    expect([here.faults, there.faults]).toEqual([[], []])
  })

  test('rejects at its deadline without an answer, and at once if the channel closes [X1]', async () => {
    const { env, here, told } = await forged()
    const first = outcome(here.control.ping())
    await env.advance(PING_DEADLINE - 1)
    expect([first.settled, env.pendingTimers]).toEqual([false, 1])
    await env.advance(1)
    expect([first.code, env.pendingTimers]).toEqual(['ERR_UNRESPONSIVE', 0])
    const second = outcome(here.control.ping())
    await env.advance(100)
    here.control.close()
    await env.advance(0)
    expect([second.code, here.timers]).toEqual(['ERR_CLOSED', 0])
    expect(told.filter(({ type }) => type === 'ping')).toHaveLength(2)
    const third = outcome(here.control.ping())
    await env.advance(100)
    expect([third.code, env.pendingTimers]).toEqual(['ERR_CLOSED', 0])
  })

  test('ignores an unexpected pong and a late pong [X1]', async () => {
    const { env, here, say } = await forged()
    say(hello, { type: 'pong', token: 1 }, { type: 'pong', token: 2 })
    await env.advance(100)
    const ping = outcome(here.control.ping())
    await env.advance(PING_DEADLINE)
    const next = outcome(here.control.ping())
    say({ type: 'pong', token: 1 })
    await env.advance(100)
    expect([ping.code, next.settled, here.faults]).toEqual(['ERR_UNRESPONSIVE', false, []])
    say({ type: 'pong', token: 2 })
    await env.advance(LATENCY)
    expect(next.value).toBe(100 + LATENCY)
  })

  test('is not answered beyond ten per second [Law 6]', async () => {
    const { env, told, say } = await forged()
    say(hello)
    for (let i = 0; i < 50; i++) say({ type: 'ping', token: i })
    await env.advance(100)
    expect(told.filter(({ type }) => type === 'pong')).toHaveLength(10)
    expect(told[0]).toEqual(hello) // the first frame, though only a reply
    await env.advance(10_000)
    say({ type: 'ping', token: 99 })
    await env.advance(100)
    expect(told.at(-1)).toEqual({ type: 'pong', token: 99 })
  })
})

describe('the end of a control channel [X1]', () => {
  test('sends bye in the same turn, behind the queued frames [X1]', async () => {
    const { env, here, there } = pair()
    there.control.show(hashes(1))
    await env.advance(100)
    here.control.relay(bytes(1))
    here.control.bye()
    here.control.close()
    await env.advance(100)
    expect(there.heard).toEqual(['relay 01 1', 'bye'])
  })

  test('does not wait for the channel to send bye [X1]', async () => {
    const { env, here, there } = pair()
    here.control.bye()
    here.control.show(hashes(1))
    here.control.bye() // the channel is still opening
    await env.advance(100)
    expect(there.heard).toEqual(['topics 1'])
  })

  test('drops the remaining frames of a message when a handler closes it [X1]', async () => {
    const { env, here, say } = await forged()
    here.bye = () => {
      here.heard.push('bye')
      here.control.close()
    }
    say(hello, { type: 'bye' }, please, { type: 'topics', hashes: hashes(1) })
    await env.advance(100)
    expect([here.heard, env.pendingTimers]).toEqual([['bye'], 0])
  })

  test('leaves no timer and calls no handler, whenever it closes [X1]', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 80 }), fc.boolean(), fc.boolean(), async (at, both, twice) => {
        const { env, here, there } = pair()
        here.control.show(hashes(3))
        if (both) there.control.show(hashes(5))
        const pings = [here, there].map(({ control }) => outcome(control.ping()))
        for (let i = 0; i < 400; i++) here.control.relay(bytes(i & 255))
        await env.advance(at)
        here.control.close()
        if (twice) here.control.close()
        await env.advance(0)
        expect(here.timers).toBe(0)
        const heard = here.heard.length
        here.control.show(hashes(1, 50))
        await env.advance(1_000)
        there.control.close() // the end of a connection closes both
        await env.advance(1_000)
        expect([here.heard.length, env.pendingTimers]).toEqual([heard, 0])
        expect(pings.every(({ settled }) => settled)).toBe(true)
        expect([here.faults, there.faults]).toEqual([[], []])
      }),
      { numRuns: 60 },
    )
  })

  test('may close while it waits for the rate limit [X1]', async () => {
    const { env, here } = pair()
    for (let i = 0; i < 400; i++) {
      here.control.show([hash(i)])
      await env.advance(0)
      if (i === 0) await env.advance(100)
    }
    expect(here.timers).toBe(1)
    here.control.close()
    expect(here.timers).toBe(0)
  })
})

describe('limits for a remote peer on the control channel [Law 6]', () => {
  test.each<[string, (channel: FakeChannel) => void]>([
    ['texts', channel => channel.send('hello')],
    ['random bytes', channel => channel.send(bytes(1, 2, 3, 4))],
    ['no hello', channel => channel.send(written({ type: 'bye' }))],
    ['only unknown frames', channel => channel.send(bytes(99, 0, 0))],
  ])('tolerate a few faults, and one per minute: %s [Law 6]', async (_, offend) => {
    const { env, here, channel } = await forged()
    for (let i = 0; i < 10; i++) offend(channel)
    await env.advance(100)
    expect(here.faults).toEqual([])
    for (let i = 0; i < 100; i++) {
      await env.advance(60_000)
      offend(channel)
    }
    await env.advance(100)
    expect([here.faults, channel.state]).toEqual([[], 'open'])
    for (let i = 0; i < 5; i++) offend(channel)
    await env.advance(100)
    expect([here.faults, here.heard, channel.state, env.pendingTimers]).toEqual([['ERR_BAD_FRAME'], [], 'closed', 0])
  })

  test('do not count unknown frames behind a hello as a fault [Law 6]', async () => {
    const { env, here, channel, say } = await forged()
    say(hello)
    for (let i = 0; i < 50; i++) channel.send(bytes(99, 0, 2, 1, 1))
    say({ type: 'bye' })
    await env.advance(100)
    expect([here.faults, here.heard]).toEqual([[], ['bye']])
  })

  test('keep the capabilities of the first hello, on any channel [Law 6]', async () => {
    const { env, here, say } = await forged()
    say({ type: 'hello', version: 9, capabilities: 0 }, hello)
    await env.advance(100)
    expect(here.control.capabilities).toBe(0)
  })

  test('read a burst of a flood, then 100 frames per second, and end it after 10 s [Law 6]', async () => {
    const { env, here, say } = await forged()
    say(hello)
    let seconds = 0
    const read: number[] = []
    while (here.faults.length === 0 && seconds < 60) {
      const before = here.heard.length
      for (let i = 0; i < 50; i++) {
        if (here.faults.length === 0) say(...Array.from({ length: 20 }, () => please))
        await env.advance(20)
      }
      read.push(here.heard.length - before)
      seconds++
    }
    expect(read[0]).toBeGreaterThanOrEqual(400)
    expect(read[0]).toBeLessThanOrEqual(500)
    expect(Math.max(...read.slice(1))).toBeLessThanOrEqual(101)
    expect(seconds).toBeGreaterThanOrEqual(10)
    expect(seconds).toBeLessThanOrEqual(12)
    expect(here.faults).toEqual(['ERR_BAD_FRAME'])
  })

  test('count frames of later versions like others [Law 6]', async () => {
    const { env, here, channel, say } = await forged()
    say(hello)
    for (let i = 0; i < 500; i++) channel.send(bytes(99, 0, 0))
    say({ type: 'bye' })
    await env.advance(100)
    expect(here.heard).toEqual([])
  })

  test('leave room for other frames in a flood of peer exchange [Law 6]', async () => {
    const { env, here, say } = await forged()
    say(hello)
    for (let i = 0; i < 1_000; i++) say({ type: 'relay', message: bytes(1) })
    say({ type: 'topics', hashes: hashes(2) }, { type: 'bye' })
    await env.advance(100)
    expect(here.heard.slice(-2)).toEqual(['topics 2', 'bye'])
    expect(here.heard.length).toBeLessThanOrEqual(352)
    expect(here.faults).toEqual([])
  })

  test('ignore the 2 049th topic of a peer, until it withdraws one [Law 6]', async () => {
    const { env, here, say } = await forged()
    say(hello)
    for (let i = 0; i < 10; i++) say({ type: 'topics', hashes: hashes(MAX_HASHES, i * MAX_HASHES) })
    await env.advance(100)
    expect(here.control.topics.size).toBe(MAX_SHOWN)
    say(
      { type: 'gone', hashes: [hash(0), hash(0), hash(5_000)] },
      { type: 'topics', hashes: hashes(9, 1) }, // announced before
      { type: 'topics', hashes: [hash(5_000), hash(5_001), hash(1)] },
    )
    await env.advance(100)
    expect([here.control.topics.size, here.heard.slice(4)]).toEqual([MAX_SHOWN, ['topics 1']])
  })
})

describe('limits for the queue to a slow peer [Law 6]', () => {
  test('queue 256 KiB before the channel opens [Law 6]', async () => {
    const { env, here, there } = pair()
    let taken = 0
    while (here.control.relay(new Uint8Array(MAX_RELAY))) taken++
    expect(taken).toBe(12)
    await env.advance(100)
    expect(there.heard).toHaveLength(12)
    expect(here.control.relay(new Uint8Array(MAX_RELAY))).toBe(true)
  })

  test('queue 256 KiB while nothing leaves, and announce all topics in the end [Law 6]', async () => {
    const { env, here, there } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    here.own?.hold()
    let taken = 0
    for (let i = 0; i < 100; i++) {
      if (here.control.relay(new Uint8Array(MAX_RELAY))) taken++
      await env.advance(10)
    }
    expect(taken).toBe(12)
    for (let i = 0; i < 400; i++) {
      here.control.show(hashes(100, 1))
      await env.advance(25)
      here.control.hide(hashes(100, 1))
      await env.advance(25)
    }
    here.control.show(hashes(9, 100))
    await env.advance(10_000)
    expect(here.own?.bufferedAmount).toBeLessThan(300 * KIB)
    here.own?.release()
    await env.advance(10_000)
    expect([...there.control.topics].toSorted()).toEqual([hash(0), ...hashes(9, 100)])
    expect([there.faults, env.pendingTimers]).toEqual([[], 0])
  })

  test('queue small payloads up to the rate limit, and leave room for other frames [Law 6]', async () => {
    const { env, here, there } = pair()
    let taken = 0
    for (let i = 0; i < 1_000; i++) if (here.control.relay(bytes(1))) taken++
    expect(taken).toBe(250)
    expect(here.control.restart({ type: 'restart-please', number: 1 })).toBe(true)
    here.control.show(hashes(MAX_SHOWN))
    const ping = outcome(here.control.ping())
    await env.advance(100)
    expect([there.heard.length, there.control.topics.size, ping.settled, there.faults]).toEqual([255, MAX_SHOWN, true, []])
  })

  test('reject a ping that does not fit into the queue [Law 6]', async () => {
    const { env, here } = pair()
    here.control.show(hashes(1))
    await env.advance(100)
    here.own?.hold()
    while (here.control.relay(new Uint8Array(MAX_RELAY)));
    while (here.control.relay(new Uint8Array(100)));
    while (here.control.relay(new Uint8Array(0)));
    const ping = outcome(here.control.ping())
    await env.advance(100)
    expect(ping.code).toBe('ERR_QUEUE_FULL')
  })
})
