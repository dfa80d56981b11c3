import { describe, expect, test } from 'vitest'
import type { ControlFrame } from '../../../../src/channel/control/codec.js'
import { CONTROL_PATIENCE } from '../../../../src/channel/control/control-channel.js'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import { OPEN_DEADLINE } from '../../../../src/peer/lasting-channel.js'
import { FakeNet } from '../../../support/fakes/fake-engine.js'
import { outcome } from '../../../support/fakes/message-pair.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'
import { bytes, dial, End, forged, hash, hashes, hello, LATENCY, pair, please } from './control-pair.js'

/** The first wait before the channel is opened again. */
const AGAIN = 100

function refuseToSend(): never {
  throw new SwarmlinkError('ERR_CLOSED', 'the channel swarmlink:control is closed')
}

describe('a control channel that is lost', () => {
  test('while it opens is opened again, and its first message is sent on the next one [X1]', async () => {
    const { env, here, there, arrived } = pair()
    const { own } = here
    // As libdatachannel behaves if a channel was opened twice: `open` here, `close` on both sides, and a `send` that throws.
    own?.on('open', () => own.end())
    if (own !== undefined) own.send = refuseToSend
    here.control.show(hashes(3))
    here.control.relay(bytes(1, 2))
    there.control.show(hashes(2, 10))
    await env.advance(2 * LATENCY + AGAIN + 3 * LATENCY)
    expect([own?.state, here.opened, arrived.length]).toEqual(['closed', 2, 2])
    expect([...there.control.topics].toSorted()).toEqual(hashes(3))
    expect([...here.control.topics].toSorted()).toEqual(hashes(2, 10))
    expect(there.heard.filter(said => said.startsWith('relay'))).toEqual(['relay 0102 2'])
    await env.advance(60_000)
    expect([here.faults, there.faults, env.pendingTimers]).toEqual([[], [], 0])
  })

  test('before it was open is opened again [X1]', async () => {
    const { env, here, there } = pair()
    here.own?.end()
    there.control.show(hashes(1))
    await env.advance(AGAIN + 3 * LATENCY)
    expect([here.opened, here.heard]).toEqual([2, ['topics 1']])
  })

  test.each(['offerer', 'answerer'])('because the %s closed it is opened again by the offerer [X1]', async side => {
    const { env, here, there, arrived } = pair()
    await env.advance(3_600_000)
    if (side === 'offerer') here.own?.close()
    else arrived[0]?.close()
    await env.advance(LATENCY + AGAIN + 2 * LATENCY)
    here.control.relay(bytes(7))
    there.control.relay(bytes(8))
    await env.advance(LATENCY)
    expect([here.opened, there.heard, here.heard]).toEqual([2, ['relay 07 1'], ['relay 08 1']])
    expect([here.greetings, there.greetings, here.renewals, there.renewals]).toEqual([1, 1, 2, 2])
  })

  test('by a failed send is closed, and the unsent frames leave once on the next one, in order [X1]', async () => {
    const { env, here, there } = pair()
    await env.advance(100)
    const { own } = here
    if (own !== undefined) own.send = refuseToSend
    here.control.relay(bytes(1))
    here.control.restart({ type: 'restart-please', number: 1 })
    here.control.show(hashes(1))
    await env.advance(0)
    expect(own?.state).toBe('closed')
    expect(here.control.relay(bytes(2))).toBe(true)
    await env.advance(1_000)
    expect(there.heard).toEqual(['topics 1', 'relay 01 1', JSON.stringify(please), 'relay 02 1'])
  })

  test('leaves both ends with the current topics, including changes meanwhile [X1]', async () => {
    const { env, here, there } = pair()
    there.control.show(hashes(4))
    await env.advance(100)
    here.own?.close()
    there.control.hide([hash(0)]) // on a channel that is closed at the other end
    await env.advance(2 * LATENCY)
    there.control.hide([hash(1)]) // while there is no channel
    there.control.show([hash(9)])
    await env.advance(1_000)
    expect([...here.control.topics].toSorted()).toEqual([hash(2), hash(3), hash(9)])
  })

  test('does not fail a ping, but delays it [X1]', async () => {
    const { env, here } = pair()
    await env.advance(100)
    here.own?.hold()
    const ping = outcome(here.control.ping())
    await env.advance(10)
    here.own?.close()
    await env.advance(AGAIN + 4 * LATENCY)
    expect(ping.value).toBe(10 + AGAIN + 4 * LATENCY)
  })

  test('is not opened again after close(), and leaves no timer [X1]', async () => {
    for (const at of [0, 5, 15, 50, 130, 145]) {
      const { env, here, there } = pair()
      here.own?.on('open', () => here.own?.end())
      await env.advance(at)
      here.control.close()
      there.control.close()
      const { opened } = here
      await env.advance(60_000)
      expect([here.opened, here.faults, there.faults, env.pendingTimers]).toEqual([opened, [], [], 0])
      expect(here.control.relay(bytes(1))).toBe(false)
    }
  })
})

describe('a control channel that is lost again and again [Law 6]', () => {
  test('is opened four times within three seconds, and then ends the connection at both ends [X1]', async () => {
    const { env, here, there, arrived } = pair()
    const opened: number[] = []
    const { dial: open } = here
    here.dial = () => {
      opened.push(env.now())
      return open()
    }
    const closing = there.control.adopt.bind(there.control)
    there.control.adopt = channel => {
      closing(channel)
      channel.close() // by the remote peer
    }
    await env.advance(60_000)
    expect([here.opened, arrived.length]).toEqual([4, 4])
    expect(opened.at(-1)).toBeLessThan(3_000)
    expect([here.faults, there.faults]).toEqual([['ERR_CHANNEL_LOST'], ['ERR_CHANNEL_LOST']])
    expect([here.control.relay(bytes(1)), env.pendingTimers]).toEqual([false, 0])
  })

  test('from time to time is opened again each time [X1]', async () => {
    const { env, here, arrived } = pair()
    for (let i = 0; i < 20; i++) {
      await env.advance(400_000)
      arrived.at(-1)?.close()
    }
    await env.advance(1_000)
    expect([here.opened, here.faults, here.own?.state]).toEqual([21, [], 'open'])
  })

  test('because the engine refuses to open it, ends the connection [X1]', async () => {
    const env = new VirtualEnv()
    const here = new End({ env, net: new FakeNet(env) }, 'offerer') // its connection is closed
    here.control.start()
    expect(here.control.relay(bytes(1))).toBe(true)
    const ping = outcome(here.control.ping())
    await env.advance(3_000)
    expect([ping.code, here.opened, here.faults, env.pendingTimers]).toEqual(['ERR_CLOSED', 4, ['ERR_CHANNEL_LOST'], 0])
    expect(here.control.relay(bytes(1))).toBe(false)
  })

  test('because it never opens, ends the connection; time without a path does not count [X1]', async () => {
    const env = new VirtualEnv()
    const line = { env, net: new FakeNet(env, { latency: 3_600_000 }) }
    const here = new End(line, 'offerer')
    here.dial = () => dial(line, () => {})
    here.well = false
    here.control.start()
    await env.advance(5 * OPEN_DEADLINE)
    expect([here.opened, here.faults]).toEqual([1, []])
    here.well = true
    await env.advance(OPEN_DEADLINE + AGAIN)
    expect([here.opened, here.faults]).toEqual([2, []])
    await env.advance(4 * OPEN_DEADLINE)
    expect([here.opened, here.faults, env.pendingTimers > 0]).toEqual([4, ['ERR_CHANNEL_LOST'], true]) // only those of the fake network
    expect(here.timers).toBe(0)
  })

  test('because the offerer never opens it, ends the connection; time without a path does not count [X1]', async () => {
    const env = new VirtualEnv()
    const there = new End({ env, net: new FakeNet(env) }, 'answerer')
    there.control.start()
    there.well = false
    await env.advance(CONTROL_PATIENCE)
    there.well = true
    await env.advance(CONTROL_PATIENCE - 1)
    expect(there.faults).toEqual([])
    await env.advance(1)
    expect([there.faults, there.opened, env.pendingTimers]).toEqual([['ERR_CHANNEL_LOST'], 0, 0])
  })

  test('because the offerer closes it and opens no other, ends the connection [X1]', async () => {
    const { env, here, channel, say } = await forged()
    say(hello)
    await env.advance(100)
    channel.close()
    await env.advance(LATENCY + CONTROL_PATIENCE - 1)
    expect(here.faults).toEqual([])
    await env.advance(1)
    expect([here.faults, here.opened, env.pendingTimers]).toEqual([['ERR_CHANNEL_LOST'], 0, 0])
  })

  test('by an offerer that opens several at once: the last one counts, and the fifth ends the connection [X1]', async () => {
    const { env, net, here, channel, say } = await forged()
    say(hello)
    const further = Array.from({ length: 3 }, () => dial({ env, net }, far => here.control.adopt(far)))
    await env.advance(5 * LATENCY)
    expect([channel.state, ...further.map(({ state }) => state), here.faults]).toEqual(['closed', 'closed', 'closed', 'open', []])
    const late = [0, 1].map(() => dial({ env, net }, far => here.control.adopt(far)))
    await env.advance(5 * LATENCY)
    expect([...further, ...late].map(({ state }) => state)).toEqual(Array(5).fill('closed'))
    expect([here.faults, env.pendingTimers]).toEqual([['ERR_CHANNEL_LOST'], 0])
  })

  test('and opened by the answerer is closed, and counts as a fault [X1]', async () => {
    const { env, net, here } = pair()
    const theirs = Array.from({ length: 11 }, () => dial({ env, net }, far => here.control.adopt(far)))
    await env.advance(5 * LATENCY)
    expect(theirs.map(({ state }) => state)).toEqual(Array(11).fill('closed'))
    expect([here.faults, here.own?.state]).toEqual([['ERR_BAD_FRAME'], 'closed'])
  })
})

describe('a control channel that replaces another', () => {
  test('must begin with its own hello, which is answered [X1]', async () => {
    const { env, net, here, channel, say, told } = await forged()
    say(hello, { type: 'topics', hashes: hashes(2) })
    await env.advance(100)
    channel.close()
    const heard: ControlFrame[] = []
    const next = dial({ env, net }, far => here.control.adopt(far))
    await env.advance(2 * LATENCY)
    next.on('message', () => heard.push(hello))
    expect(here.control.topics.size).toBe(0)
    next.send(Uint8Array.of(4, 0, 0)) // bye, without a hello
    await env.advance(LATENCY)
    expect(here.heard).toEqual(['topics 2'])
    expect([told.length, heard.length, here.greetings]).toEqual([1, 0, 1])
  })

  test('ignores late frames on the old one [X1]', async () => {
    const { env, net, here, say } = await forged()
    say(hello)
    await env.advance(100)
    say({ type: 'topics', hashes: hashes(2) })
    const next = dial({ env, net }, far => here.control.adopt(far))
    await env.advance(5 * LATENCY)
    expect([here.control.topics.size, next.state]).toEqual([0, 'open'])
  })
})
