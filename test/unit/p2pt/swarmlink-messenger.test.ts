import { describe, expect, test } from 'vitest'
import { SwarmlinkMessenger } from '../../../src/p2pt/swarmlink-messenger.js'
import type { Incoming } from '../../../src/p2pt/room-messenger.js'
import { messagePair, pattern } from '../../support/fakes/message-pair.js'

const MIB = 1024 * 1024

describe('messages of a room between two swarmlink peers [E4]', () => {
  test('refuses a message above the limit of the peer, and says what to do [E4]', async () => {
    const { env, here, there } = messagePair({ thereMax: 100_000 })
    const messenger = new SwarmlinkMessenger(here.connection, MIB)
    const heard: Incoming[] = []
    new SwarmlinkMessenger(there.connection, MIB).on('message', incoming => heard.push(incoming))
    there.connection.send('with its first packet the peer says what it takes')
    await env.advance(100)
    for (const message of [pattern(100_001), 'x'.repeat(100_001), { data: pattern(100_001) }])
      expect(() => messenger.send(message)).toThrow(
        expect.objectContaining({
          code: 'ERR_MESSAGE_TOO_LARGE',
          message: expect.stringMatching(
            /^a message of 100\d{3} bytes is above the 100000 that this peer takes: send it in parts, or raise/,
          ),
        }),
      )
    expect([messenger.send({ data: pattern(99_000) }), messenger.send('small', 7)]).toEqual([1, 2])
    await env.advance(100)
    const [large, small] = [
      { message: { data: pattern(99_000) }, id: 1, answers: undefined },
      { message: 'small', id: 2, answers: 7 },
    ]
    expect(heard).toEqual([small, large]) // the small one arrives first
    expect([here.errors, there.errors]).toEqual([[], []])
  })

  test('refuses more JSON than the peer takes, and drops more than this side takes [E4]', async () => {
    const { env, here, there } = messagePair({ thereMaxJson: 20_000 })
    const messenger = new SwarmlinkMessenger(here.connection, MIB)
    const heard: Incoming[] = []
    const dropped: string[] = []
    const other = new SwarmlinkMessenger(there.connection, 19_000)
    other.on('message', incoming => heard.push(incoming))
    other.on('dropped', ({ fault }) => dropped.push(fault))
    there.connection.send('with its first packet the peer says what it takes')
    await env.advance(100)
    for (const message of ['x'.repeat(20_000), { text: 'x'.repeat(20_000), data: pattern(1) }])
      expect(() => messenger.send(message)).toThrow(
        expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE', message: expect.stringContaining('maxJsonSize') }),
      )
    for (const message of ['x'.repeat(19_500), { text: 'x'.repeat(19_500), data: pattern(1) }, { data: pattern(50_000) }])
      messenger.send(message)
    await env.advance(100)
    expect([dropped, heard.map(({ message }) => message)]).toEqual([
      ['too-much-json', 'too-much-json'],
      [{ data: pattern(50_000) }],
    ])
  })
})
