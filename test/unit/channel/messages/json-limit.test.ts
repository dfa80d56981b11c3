import { describe, expect, test } from 'vitest'
import { encode, jsonSizeOf } from '../../../../src/channel/messages/message-codec.js'
import { LIMITS } from '../../../../src/channel/messages/message-copier.js'
import { DEFAULT_LIMITS } from '../../../../src/channel/messages/message-size.js'
import type { Head } from '../../../../src/channel/messages/frame-codec.js'
import { forgedPair, gist, messagePair, outcome, pattern, type Forger } from '../../../support/fakes/message-pair.js'

const KIB = 1024
const MIB = 1024 * KIB
const json: Head = { form: 'json', purpose: 'plain', exchange: 0 }
const mixed: Head = { form: 'mixed', purpose: 'plain', exchange: 0 }
/** A string whose JSON has this many bytes. */
const text = (size: number) => 'x'.repeat(size - 2)
const tooLarge = (message: string) => expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE', message })
const refusal = (size: number, most: number) =>
  tooLarge(
    `JSON of ${size} bytes is above the ${most} that this peer accepts: send bytes or a stream, or raise the peer's maxJsonSize`,
  )

describe('the limit of JSON in a message [E4]', () => {
  test('refuses JSON above 1 MiB at the sender, and delivers JSON of 1 MiB and more bytes than that [E4]', async () => {
    const { env, here, there } = messagePair()
    const heard = there.listen()
    expect(() => here.connection.send(text(MIB + 1))).toThrow(refusal(MIB + 1, MIB))
    expect(() => here.connection.send({ a: 'é'.repeat(MIB / 2), data: pattern(1) })).toThrow(
      expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE' }),
    )
    const asked = outcome(here.connection.request([text(MIB)]))
    for (const message of [text(MIB), { data: pattern(3 * MIB) }, pattern(2 * MIB)]) here.connection.send(message)
    await env.until(() => heard.length === 3)
    expect(heard.map(gist).toSorted()).toEqual([text(MIB), { data: pattern(3 * MIB) }, pattern(2 * MIB)].map(gist).toSorted())
    expect([asked.code, here.errors, there.errors]).toEqual(['ERR_MESSAGE_TOO_LARGE', [], []])
  })

  test('applies the limit in the hello of the peer, above and below the default [E4]', async () => {
    const { env, here, there } = messagePair({ thereMaxJson: 4 * MIB })
    const heard = there.listen()
    await env.advance(100)
    expect([here.connection.maxJsonSize, there.connection.maxJsonSize]).toEqual([4 * MIB, MIB])
    here.connection.send(text(4 * MIB))
    await env.until(() => heard.length === 1)
    expect(() => here.connection.send(text(4 * MIB + 1))).toThrow(refusal(4 * MIB + 1, 4 * MIB))

    const low = messagePair({ thereMaxJson: 20 * KIB, latency: 50 })
    for (const message of [text(30 * KIB), { text: text(30 * KIB), data: pattern(1) }]) low.here.connection.send(message) // before the hello of the peer
    const asked = outcome(low.here.connection.request(text(30 * KIB)))
    await low.env.advance(1_000)
    expect(low.here.errors).toEqual(['ERR_MESSAGE_TOO_LARGE', 'ERR_MESSAGE_TOO_LARGE'])
    expect(asked.code).toBe('ERR_MESSAGE_TOO_LARGE')
    expect(() => low.here.connection.send(text(20 * KIB + 1))).toThrow(refusal(20 * KIB + 1, 20 * KIB))
  })

  test('answers a request with a failure if the JSON of the reply is too large [E4]', async () => {
    const { env, here, there } = messagePair()
    there.connection.respond(() => text(MIB + 1))
    const asked = outcome(here.connection.request('?'))
    await env.advance(1_000)
    expect(asked.code).toBe('ERR_REQUEST_FAILED')
    expect((asked.error as Error).message).toContain('JSON of 1048577 bytes is above')
  })

  const begun = (size: number, head: Head, first: Uint8Array) => (forger: Forger) =>
    forger.say(writer => {
      writer.begin(1, head, size)
      writer.part(1, first)
    })
  test.each<[string, (forger: Forger) => void]>([
    ['JSON', begun(MIB + 1, json, pattern(100))],
    ['JSON beside bytes', begun(3 * MIB, mixed, Uint8Array.of(0, 16, 0, 1, 91))],
  ])('refuses a message with too much %s before it has arrived, and goes on [Law 6]', async (_, act) => {
    const { env, here, forger } = forgedPair()
    const heard = here.listen()
    act(forger)
    await env.advance(100)
    expect([here.errors, forger.told('stop')]).toEqual([
      ['ERR_MESSAGE_TOO_LARGE'],
      [{ type: 'stop', id: 1, verdict: 'too-large' }],
    ])
    forger.say(writer => writer.message(json, '"next"'))
    await env.advance(100)
    expect([heard, here.closed]).toEqual([['next'], []])
  })

  test('drops JSON with too many values without parsing it, and goes on [Law 6]', async () => {
    const { env, here, forger } = forgedPair()
    const heard = here.listen()
    const wide = new TextEncoder().encode(`[${'[],'.repeat(LIMITS.values)}[]]`)
    forger.say(writer => writer.begin(1, json, wide.byteLength))
    for (let at = 0; at < wide.byteLength; at += 10_000) {
      forger.say(writer => writer.part(1, wide.subarray(at, at + 10_000)))
      await env.advance(1)
    }
    forger.say(writer => writer.message(json, '"next"'))
    await env.advance(100)
    expect([heard, here.errors, here.closed]).toEqual([['next'], ['ERR_BAD_FRAME'], []])
  })

  test.each<[string, unknown]>([
    ['numbers', Array.from({ length: LIMITS.values }, () => 0)],
    ['fields', Array.from({ length: LIMITS.values / 4 }, () => ({ a: 0 }))],
    ['attachments', [new Uint8Array(1), Array.from({ length: LIMITS.values }, () => 0)]],
  ])('refuses too many %s at the sender, and says what to send instead [Law 7]', (_, message) => {
    expect(() => encode(message)).toThrow(
      tooLarge(
        'a message of more than 131072 JSON values is above the limit of peers: send numbers as a typed array, or the message as bytes, as a stream or in parts',
      ),
    )
  })

  test('reads the JSON size of a payload from its first bytes [E4]', () => {
    const { form, data } = encode({ name: 'é', data: pattern(100) })
    const payload = data as Uint8Array
    const size = payload.byteLength - 100 - 4
    for (const arrived of [4, 5, payload.byteLength]) expect(jsonSizeOf(form, payload.subarray(0, arrived))).toBe(size)
    expect(jsonSizeOf(form, payload.subarray(0, 3))).toBe(0)
    expect([jsonSizeOf('json', pattern(7)), jsonSizeOf('bytes', pattern(7))]).toEqual([7, 0])
    expect(DEFAULT_LIMITS.maxJsonSize).toBe(MIB)
  })
})
