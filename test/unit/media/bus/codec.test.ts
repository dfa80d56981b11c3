import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../../src/core/errors.js'
import { decodeMessage, type MediaMessage } from '../../../../src/media/bus/codec.js'
import { mediaSamples } from '../../../support/media-sdp-samples.js'

const TYPES = ['invoke', 'offer', 'answer', 'candidate', 'sync', 'dispose', 'want', 'received', 'beat']
const CANDIDATE = {
  candidate: 'candidate:3994018304 1 udp 2113937151 709078f4-23f9-4148-817a-5c0942b75a72.local 44648 typ host generation 0',
  sdpMid: '0',
  sdpMLineIndex: 0,
  usernameFragment: 'QLGI',
}
const [{ offer, answer }] = mediaSamples as [(typeof mediaSamples)[number]]
const UUID = '6f2b1f0e-7a9c-4bd1-8f27-0f6c7a1f4e55'

function refusal(value: unknown): string {
  try {
    return `accepted ${JSON.stringify(decodeMessage(value))}`
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect((error as ProtocolError).code).toBe('ERR_BAD_FRAME')
    return (error as Error).message
  }
}

describe('messages of the published package', () => {
  test.each<[string, unknown, MediaMessage]>([
    ['the invoke of a Sender', { type: 'invoke', id: UUID }, { type: 'invoke', id: UUID, isSwarmlink: false }],
    [
      'the invoke of a Receiver',
      { type: 'invoke', id: UUID, credentials: { password: 'p' } },
      { type: 'invoke', id: UUID, isSwarmlink: false, credentials: { password: 'p' } },
    ],
    [
      'the invoke of a Receiver without credentials',
      { type: 'invoke', id: UUID, credentials: undefined },
      { type: 'invoke', id: UUID, isSwarmlink: false, credentials: undefined },
    ],
    [
      'the offer of 0.4.2',
      { type: 'offer', id: UUID, offer: { type: 'offer', sdp: offer }, state: { audio: true } },
      { type: 'offer', id: UUID, isSwarmlink: false, sdp: offer, state: { audio: true } },
    ],
    [
      'the offer of 0.12 and 0.14',
      { type: 'offer', id: UUID, offer: { type: 'offer', sdp: offer }, metadata: { name: 'ada' } },
      { type: 'offer', id: UUID, isSwarmlink: false, sdp: offer, state: { name: 'ada' } },
    ],
    [
      'the answer',
      { type: 'answer', id: UUID, answer: { type: 'answer', sdp: answer } },
      { type: 'answer', id: UUID, isSwarmlink: false, sdp: answer },
    ],
    [
      'a candidate',
      { type: 'candidate', id: UUID, candidate: CANDIDATE },
      { type: 'candidate', id: UUID, isSwarmlink: false, candidates: [CANDIDATE] },
    ],
    [
      'sync',
      { type: 'sync', id: UUID, state: { audio: false } },
      { type: 'sync', id: UUID, isSwarmlink: false, state: { audio: false } },
    ],
    ['the dispose of 0.4.2', { type: 'dispose', id: UUID, state: {} }, { type: 'dispose', id: UUID, isSwarmlink: false }],
    ['the dispose of 0.14', { type: 'dispose', id: UUID }, { type: 'dispose', id: UUID, isSwarmlink: false }],
  ])('are understood: %s [B10] [B11]', (_name, wire, message) => {
    expect(decodeMessage(wire)).toEqual(message)
    expect(decodeMessage(JSON.parse(JSON.stringify(wire)))).toMatchObject(JSON.parse(JSON.stringify(message)))
  })

  test('hold descriptions and candidates whose members are getters of a prototype, as those of browsers [B11]', () => {
    class Description {
      get type(): string {
        return 'offer'
      }
      get sdp(): string {
        return offer
      }
    }
    class Candidate {
      get candidate(): string {
        return CANDIDATE.candidate
      }
      get sdpMid(): string {
        return '0'
      }
      get sdpMLineIndex(): number {
        return 0
      }
      get usernameFragment(): null {
        return null
      }
    }
    expect(decodeMessage({ type: 'offer', id: UUID, offer: new Description() })).toMatchObject({ sdp: offer })
    const { usernameFragment: _, ...rest } = CANDIDATE
    expect(decodeMessage({ type: 'candidate', id: UUID, candidate: new Candidate() })).toMatchObject({ candidates: [rest] })
  })
})

describe('messages of swarmlink', () => {
  test.each<[unknown, object]>([
    [
      { type: 'invoke', again: 'restart', participant: 'tab' },
      { again: 'restart', participant: 'tab' },
    ],
    [{ type: 'invoke', again: 'renew' }, { again: 'renew' }],
    [
      { type: 'answer', answer: { type: 'answer', sdp: answer }, session: 'ab'.repeat(8), attempt: 3 },
      { attempt: { session: 'ab'.repeat(8), attempt: 3 } },
    ],
    [
      { type: 'sync', state: 1, enabled: { audio: false, video: 0 }, revision: 4 },
      { state: 1, enabled: { audio: false, video: true }, revision: 4 },
    ],
    [{ type: 'dispose', reason: 'full' }, { reason: 'full' }],
    [
      { type: 'dispose', reason: 'left', session: 'ab'.repeat(8) },
      { reason: 'left', session: 'ab'.repeat(8) },
    ],
    [{ type: 'want', demand: 'low' }, { demand: 'low' }],
    [{ type: 'received', count: 7 }, { count: 7 }],
    [{ type: 'beat' }, {}],
  ])('are understood: %j [X14]', (wire, fields) => {
    expect(decodeMessage({ id: 'x', swarmlink: 1, ...(wire as object) })).toMatchObject({ id: 'x', isSwarmlink: true, ...fields })
  })

  test('leave out optional fields that are malformed [X14]', () => {
    for (const wrong of [null, 5, {}, [], 'x'.repeat(200), 'AB'.repeat(8)])
      expect(
        decodeMessage({
          type: 'invoke',
          id: 'x',
          again: wrong,
          participant: wrong === 'AB'.repeat(8) ? 5 : wrong,
          session: wrong,
          attempt: wrong,
        }),
      ).toEqual({ type: 'invoke', id: 'x', isSwarmlink: false })
    expect(decodeMessage({ type: 'dispose', id: 'x', reason: 'bored', session: 'XX' })).toEqual({
      type: 'dispose',
      id: 'x',
      isSwarmlink: false,
    })
    expect(decodeMessage({ type: 'sync', id: 'x', state: 1, revision: -1, enabled: 5 })).toEqual({
      type: 'sync',
      id: 'x',
      isSwarmlink: false,
      state: 1,
    })
  })

  test('keep the candidates of a batch that an implementation may get, without those for RTCP and with host names [X14] [B11]', () => {
    const rtcp = { ...CANDIDATE, candidate: CANDIDATE.candidate.replace(' 1 udp', ' 2 udp') }
    const named = { ...CANDIDATE, candidate: 'candidate:1 1 udp 1 evil.example 9 typ host' }
    expect(decodeMessage({ type: 'candidate', id: 'x', candidates: [rtcp, CANDIDATE, named] })).toMatchObject({
      candidates: [CANDIDATE],
    })
    expect(refusal({ type: 'candidate', id: 'x', candidate: rtcp })).toMatch(/a candidate is malformed/)
    expect(refusal({ type: 'candidate', id: 'x', candidates: [named, rtcp] })).toMatch(/a candidate is malformed/)
    expect(decodeMessage({ type: 'candidate', id: 'x', candidates: [] })).toMatchObject({ candidates: [] })
    expect(decodeMessage({ type: 'candidate', id: 'x', candidate: { candidate: '' } })).toMatchObject({
      candidates: [{ candidate: '' }],
    })
  })
})

describe('anything else', () => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /is not an object/],
    ['null', null, /is not an object/],
    ['a text', 'invoke', /is not an object/],
    ['a list', [], /no valid id/],
    ['no id', { type: 'invoke' }, /no valid id/],
    ['an empty id', { type: 'invoke', id: '' }, /no valid id/],
    ['a long id', { type: 'invoke', id: 'x'.repeat(129) }, /no valid id/],
    ['an id that is a number', { type: 'invoke', id: 5 }, /no valid id/],
    ['no type', { id: 'x' }, /type is unknown/],
    ['a type of a later version', { type: 'hello', id: 'x' }, /type is unknown/],
    ['a type of Object.prototype', { type: 'constructor', id: 'x' }, /type is unknown/],
    ['an offer without a description', { type: 'offer', id: 'x' }, /offer is no description/],
    [
      'an offer with the description of an answer',
      { type: 'offer', id: 'x', offer: { type: 'answer', sdp: offer } },
      /offer is no description/,
    ],
    [
      'an answer whose text is a number',
      { type: 'answer', id: 'x', answer: { type: 'answer', sdp: 5 } },
      /answer is no description/,
    ],
    ['a candidate that is missing', { type: 'candidate', id: 'x' }, /candidate is malformed/],
    ['a candidate that is null', { type: 'candidate', id: 'x', candidate: null }, /candidate is malformed/],
    [
      '21 candidates',
      { type: 'candidate', id: 'x', candidates: Array.from({ length: 21 }, () => CANDIDATE) },
      /more than 20 candidates/,
    ],
    ['a demand of a later version', { type: 'want', id: 'x', demand: 'higher' }, /demand is unknown/],
    ['a count below zero', { type: 'received', id: 'x', count: -1 }, /count is malformed/],
    ['a count beyond the safe integers', { type: 'received', id: 'x', count: 2 ** 60 }, /count is malformed/],
    ['a large state', { type: 'sync', id: 'x', state: 'x'.repeat(16 * 1024) }, /state has more than 16384 characters of JSON/],
    [
      'large credentials',
      { type: 'invoke', id: 'x', credentials: 'x'.repeat(4 * 1024) },
      /credentials has more than 4096 characters of JSON/,
    ],
    ['a state that is a bigint', { type: 'sync', id: 'x', state: 5n }, /state is no JSON/],
  ])('is refused: %s [Law 1]', (_name, value, text) => {
    expect(refusal(value)).toMatch(text)
  })

  test('is refused: a state with a cycle, and one that throws [Law 1]', () => {
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = [cyclic]
    const throwing = {
      toJSON() {
        throw new Error('no')
      },
    }
    for (const state of [cyclic, throwing]) expect(refusal({ type: 'sync', id: 'x', state })).toMatch(/state is no JSON/)
    expect(refusal({ type: 'invoke', id: 'x', credentials: cyclic })).toMatch(/credentials is no JSON/)
  })

  test('pollutes no prototype, and shares no object with the bus [Law 6]', () => {
    const evil = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as object
    const message = decodeMessage({ type: 'sync', id: 'x', state: evil, ...evil })
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype)
    const state = { list: [1] }
    const decoded = decodeMessage({ type: 'sync', id: 'x', state }) as { state: typeof state }
    state.list.push(2)
    expect(decoded.state).toEqual({ list: [1] })
  })

  test('gives a message within bounds or a ProtocolError, for any value [Law 1]', () => {
    const candidates = fc.oneof(
      fc.constant(CANDIDATE),
      fc.anything(),
      fc.record({ candidate: fc.string(), sdpMid: fc.anything(), sdpMLineIndex: fc.anything() }),
    )
    const value = fc.oneof(
      fc.anything(),
      fc.record(
        {
          type: fc.oneof(fc.constantFrom(...TYPES), fc.anything()),
          id: fc.oneof(fc.string({ maxLength: 200 }), fc.anything()),
          swarmlink: fc.anything(),
          offer: fc.oneof(fc.record({ type: fc.constant('offer'), sdp: fc.string() }), fc.anything()),
          answer: fc.oneof(fc.record({ type: fc.constant('answer'), sdp: fc.string() }), fc.anything()),
          candidate: candidates,
          candidates: fc.oneof(fc.array(candidates, { maxLength: 25 }), fc.anything()),
          state: fc.anything(),
          metadata: fc.anything(),
          credentials: fc.anything(),
          enabled: fc.oneof(fc.record({ audio: fc.anything(), video: fc.anything() }), fc.anything()),
          participant: fc.anything(),
          session: fc.oneof(fc.constant('0123456789abcdef'), fc.anything()),
          attempt: fc.oneof(fc.nat(), fc.anything()),
          revision: fc.oneof(fc.nat(), fc.anything()),
          reason: fc.anything(),
          again: fc.anything(),
          demand: fc.anything(),
          count: fc.oneof(fc.integer(), fc.anything()),
        },
        { requiredKeys: ['type', 'id'] },
      ),
    )
    fc.assert(
      fc.property(value, given => {
        let message: MediaMessage
        try {
          message = decodeMessage(given)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
          return
        }
        expect(TYPES).toContain(message.type)
        expect(message.id.length).toBeLessThanOrEqual(128)
        expect(JSON.stringify('state' in message ? (message.state ?? null) : null).length).toBeLessThanOrEqual(16 * 1024)
        expect(JSON.stringify('credentials' in message ? (message.credentials ?? null) : null).length).toBeLessThanOrEqual(
          4 * 1024,
        )
        if (message.type === 'candidate') expect(message.candidates.length).toBeLessThanOrEqual(20)
        for (const { candidate = '' } of message.type === 'candidate' ? message.candidates : [])
          expect(candidate.length).toBeLessThan(800)
      }),
      { numRuns: 1_500 },
    )
  })
})
