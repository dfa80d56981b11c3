import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../../support/any-character.js'
import { ProtocolError } from '../../../../src/core/errors.js'
import { decodeMessage, encodeMessage, MAX_MESSAGE } from '../../../../src/signaling/drivers/message.js'
import { isNamespace, keyOf, MAX_NAMESPACE_LENGTH, MAX_TOKENS } from '../../../../src/signaling/drivers/namespace.js'
import {
  decodeClientFrame,
  decodeServerFrame,
  encodeFrame,
  firstBatch,
  MAX_BATCH,
  MAX_FRAME,
  SignalFrameError,
  type ClientFrame,
  type ServerFrame,
} from '../../../../src/signaling/drivers/websocket-codec.js'
import { hostileToDriver, hostileToServer } from '../../../support/hostile/hostile-signal-frames.js'

const bytes = (text: string) => new TextEncoder().encode(text).length
/** Any text, lone surrogates included. */
const text = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)), maxLength: 40 })
const namespace = fc.array(text, { minLength: 1, maxLength: MAX_TOKENS })

describe('the protocol of WebSocketDriver and SignalServer', () => {
  test('decodes every encoded frame to an equal one [B12]', () => {
    const client: fc.Arbitrary<ClientFrame> = fc.oneof(
      fc.record({
        type: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
        namespaces: fc.array(namespace, { minLength: 1, maxLength: MAX_BATCH }),
      }),
      fc.record({ type: fc.constant('emit' as const), namespace, message: text }),
      fc.constant({ type: 'ping' as const }),
    )
    const server: fc.Arbitrary<ServerFrame> = fc.oneof(
      fc.record({ type: fc.constant('message' as const), namespace, message: text }),
      fc.constant({ type: 'pong' as const }),
      fc.record({
        type: fc.constant('refusal' as const),
        reason: fc.constantFrom(
          'bad-frame' as const,
          'too-fast' as const,
          'too-large' as const,
          'namespace' as const,
          'subscriptions' as const,
        ),
      }),
    )
    fc.assert(
      fc.property(client, frame => {
        expect(decodeClientFrame(encodeFrame(frame))).toEqual(frame)
      }),
    )
    fc.assert(
      fc.property(server, frame => {
        expect(decodeServerFrame(encodeFrame(frame))).toEqual(frame)
      }),
    )
  })

  test('refuses more arrays, objects and values than a frame needs before it makes any of them [X4]', () => {
    const parse = JSON.parse
    let parsed = 0
    JSON.parse = (...args) => {
      parsed++
      return parse(...args) as unknown
    }
    try {
      for (const value of ['['.repeat(70_000), '[],'.repeat(40_000), '[{"a":[[1]]}]', '{"a":[0,{"b":[]}]}'])
        for (const decode of [decodeClientFrame, decodeServerFrame])
          expect(() => decode(`{"type":"ping","x\\"":${value}}`)).toThrow('nested deeper')
    } finally {
      JSON.parse = parse
    }
    expect(parsed).toBe(0)
    const token = '[{"\\'.repeat(8)
    for (const frame of [
      { type: 'subscribe', namespaces: Array(MAX_BATCH).fill(Array(MAX_TOKENS).fill(token)) },
      { type: 'emit', namespace: [token], message: '[{,"\\'.repeat(10_000) },
      { type: 'ping', later: { versions: ['may say more'] } },
    ])
      expect(decodeClientFrame(JSON.stringify(frame)).type).toBe(frame.type)
  })

  test('decodes any text or throws a WireError [B12]', () => {
    const frames = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.json(),
      fc
        .dictionary(
          fc.constantFrom('type', 'namespace', 'namespaces', 'message', 'reason', '__proto__'),
          fc.oneof(fc.constantFrom('emit', 'subscribe', 'message', 'refusal'), fc.jsonValue()),
        )
        .map(fields => JSON.stringify(fields)),
    )
    fc.assert(
      fc.property(frames, frame => {
        for (const decode of [decodeClientFrame, decodeServerFrame]) {
          try {
            decode(frame)
          } catch (error) {
            expect(error).toBeInstanceOf(SignalFrameError)
            expect(error).toBeInstanceOf(ProtocolError)
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test.each(hostileToServer())('refuses $name on the server [B12]', ({ text: frame }) => {
    expect(() => decodeClientFrame(frame)).toThrow(SignalFrameError)
  })

  test('refuses on the driver every frame that a server may not send, or the message in it [B12]', () => {
    for (const { name, text: frame } of hostileToDriver()) {
      let read: ServerFrame | undefined
      try {
        read = decodeServerFrame(frame)
      } catch (error) {
        expect(error, name).toBeInstanceOf(SignalFrameError)
      }
      if (read !== undefined) expect([name, read.type === 'message' && decodeMessage(read.message)]).toEqual([name, undefined])
    }
  })

  test('fits the longest message under the longest namespace into a frame, whatever its characters [B12]', () => {
    for (const character of ['"', '\\', '\n', '\u0001', 'ß', '你', '\ud800', '\u2028', 'x']) {
      // As many characters as fit a message, escapes included.
      const cost = bytes(encodeMessage(character)) - 2
      const message = encodeMessage(character.repeat(Math.floor((MAX_MESSAGE - 2) / cost)))
      expect(MAX_MESSAGE - bytes(message)).toBeLessThan(6)
      const longest = [
        character.repeat(MAX_NAMESPACE_LENGTH - (MAX_TOKENS - 1)),
        ...Array<string>(MAX_TOKENS - 1).fill(character),
      ]
      for (const type of ['emit', 'message'] as const)
        expect(bytes(encodeFrame({ type, namespace: longest, message }))).toBeLessThanOrEqual(MAX_FRAME)
    }
  })

  test('batches subscriptions into few frames, each within the bounds, none lost [B12]', () => {
    const frames = (namespaces: ReadonlyArray<readonly string[]>) => {
      const texts: string[] = []
      for (let rest = namespaces; rest.length > 0; rest = rest.slice(firstBatch(rest).length))
        texts.push(encodeFrame({ type: 'subscribe', namespaces: firstBatch(rest) }))
      return texts
    }
    fc.assert(
      fc.property(fc.array(fc.oneof(namespace, fc.constant(['\0'.repeat(1000)])), { maxLength: 300 }), namespaces => {
        const texts = frames(namespaces)
        expect(texts.every(frame => bytes(frame) <= MAX_FRAME)).toBe(true)
        const read = texts.flatMap(frame => {
          const decoded = decodeClientFrame(frame)
          return decoded.type === 'subscribe' ? decoded.namespaces : []
        })
        expect(read).toEqual(namespaces)
      }),
    )
    expect(firstBatch([])).toEqual([])
    const topics = Array.from({ length: 1_000 }, (_, i) => ['swarm', `${i}`.padStart(40, '0')])
    expect(frames(topics)).toHaveLength(Math.ceil(1_000 / MAX_BATCH))
  })
})

describe('a namespace', () => {
  test('has a unique key [B2]', () => {
    fc.assert(
      fc.property(namespace, namespace, (one, other) => {
        expect(keyOf(one) === keyOf(other)).toBe(one.length === other.length && one.every((token, i) => token === other[i]))
      }),
    )
    fc.assert(
      fc.property(namespace, one => {
        expect(JSON.parse(keyOf(one))).toEqual(one)
      }),
    )
  })

  test('is a list of few and short texts [B2]', () => {
    expect([['a'], Array(MAX_TOKENS).fill(''), ['x'.repeat(MAX_NAMESPACE_LENGTH)]].map(isNamespace)).toEqual([true, true, true])
    expect([[], Array(MAX_TOKENS + 1).fill(''), ['x'.repeat(MAX_NAMESPACE_LENGTH), 'x'], 'a', [1]].map(isNamespace)).toEqual(
      Array(5).fill(false),
    )
  })
})
