import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSdp } from '../../../../src/core/sdp.js'
import { decode, encode, MAX_WANTED, MessageError, type Broadcast, type Direct } from '../../../../src/signaling/pubsub/codec.js'
import { hostileDescriptions } from '../../../support/hostile/hostile-sdp.js'
import { answerSdp, offerSdp, samples } from '../../../support/sdp-samples.js'

const FROM = 'ab'.repeat(20)
const OFFER = 'cd'.repeat(20)
const CANDIDATE = 'candidate:1 1 UDP 2114977791 192.0.2.7 54571 typ host'

const over = (message: Broadcast | Direct): unknown => JSON.parse(JSON.stringify(encode(message)))

function fault(message: unknown): string {
  try {
    return decode(message).kind
  } catch (error) {
    if (error instanceof MessageError) return error.fault
    throw error
  }
}

describe('the messages of a bus [B12]', () => {
  test.each<Broadcast | Exclude<Direct, { sdp: string }>>([
    { kind: 'announce', from: FROM, started: true, done: true, want: 50, alone: true },
    { kind: 'announce', from: FROM, started: false, done: false, want: 0, alone: false },
    { kind: 'leave', from: FROM },
    { kind: 'here', from: FROM, done: false },
    { kind: 'here', from: FROM, done: true },
    { kind: 'candidate', from: FROM, offerId: OFFER, candidate: { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0 } },
    { kind: 'candidate', from: FROM, offerId: OFFER, candidate: { candidate: CANDIDATE, sdpMid: null, sdpMLineIndex: null } },
    { kind: 'refusal', from: FROM, offerId: OFFER },
  ])('decodes an encoded $kind message to an equal one', message => {
    expect(decode(over(message))).toEqual(message)
  })

  test.each(samples)('decodes a description of $engine as a tracker’s is decoded', ({ offer, answer }) => {
    expect(decode(over({ kind: 'offer', from: FROM, offerId: OFFER, sdp: offer, done: true }))).toEqual({
      kind: 'offer',
      from: FROM,
      offerId: OFFER,
      sdp: parseSdp(offer),
      done: true,
    })
    expect(decode(over({ kind: 'answer', from: FROM, offerId: OFFER, sdp: answer, done: false }))).toMatchObject({
      kind: 'answer',
      done: false,
    })
  })

  test('ignores fields and kinds of a later version', () => {
    expect(decode({ kind: 'leave', from: FROM, why: 'tired', constructor: 7 })).toEqual({ kind: 'leave', from: FROM })
    for (const kind of ['hello', '', 'toString', '__proto__', 'x'.repeat(10_000)])
      expect(decode({ kind })).toEqual({ kind: 'unknown' })
  })

  test('clamps the number of wanted peers', () => {
    for (const [given, read] of [
      [1e9, MAX_WANTED],
      [-5, 0],
      [2.7, 2],
    ] as const)
      expect(decode({ kind: 'announce', from: FROM, want: given })).toMatchObject({ want: read })
    expect(encode({ kind: 'announce', from: FROM, started: false, done: false, want: 1e9, alone: false })).toMatchObject({
      want: MAX_WANTED,
    })
  })
})

describe('malformed messages and their faults [Law 6]', () => {
  const description = { kind: 'offer', from: FROM, offerId: OFFER, sdp: offerSdp }
  const trickled = {
    kind: 'candidate',
    from: FROM,
    offerId: OFFER,
    candidate: { candidate: CANDIDATE, sdpMid: '0', sdpMLineIndex: 0 },
  }
  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'not-an-object'],
    ['null', null, 'not-an-object'],
    ['a text', 'announce', 'not-an-object'],
    ['a list', [], 'bad-field'],
    ['no kind', {}, 'bad-field'],
    ['a kind that is not a text', { kind: ['announce'] }, 'bad-field'],
    ['no sender', { kind: 'leave' }, 'bad-from'],
    ['a short sender', { kind: 'leave', from: 'ab' }, 'bad-from'],
    ['a long sender', { kind: 'leave', from: `${FROM}0` }, 'bad-from'],
    ['a giant sender', { kind: 'leave', from: 'a'.repeat(1e6) }, 'bad-from'],
    ['a sender in capitals', { kind: 'leave', from: FROM.toUpperCase() }, 'bad-from'],
    ['a sender with a line end', { kind: 'leave', from: `${FROM}\n` }, 'bad-from'],
    ['a sender that is an object', { kind: 'leave', from: { toString: FROM } }, 'bad-from'],
    ['a count that is a text', { kind: 'announce', from: FROM, want: '5' }, 'bad-field'],
    ['no count', { kind: 'announce', from: FROM }, 'bad-field'],
    ['an infinite count', { kind: 'announce', from: FROM, want: Number.POSITIVE_INFINITY }, 'bad-field'],
    ['a flag that is a number', { kind: 'announce', from: FROM, want: 1, started: 1 }, 'bad-field'],
    ['an offer without an id', { ...description, offerId: undefined }, 'bad-offer-id'],
    ['an offer with a number as its id', { ...description, offerId: 7 }, 'bad-offer-id'],
    ['a refusal without an offer id', { kind: 'refusal', from: FROM }, 'bad-offer-id'],
    ['a candidate that is a text', { ...trickled, candidate: CANDIDATE }, 'bad-candidate'],
    ['a candidate without its text', { ...trickled, candidate: {} }, 'bad-candidate'],
    [
      'a candidate with a host name',
      { ...trickled, candidate: { candidate: CANDIDATE.replace('192.0.2.7', 'host.example') } },
      'bad-candidate',
    ],
    ['a giant candidate', { ...trickled, candidate: { candidate: `${CANDIDATE} ${'x'.repeat(1_000)}` } }, 'bad-candidate'],
    [
      'a candidate of a giant section',
      { ...trickled, candidate: { candidate: CANDIDATE, sdpMid: 'x'.repeat(65) } },
      'bad-candidate',
    ],
    ['a candidate of section -1', { ...trickled, candidate: { candidate: CANDIDATE, sdpMLineIndex: -1 } }, 'bad-candidate'],
    ['a candidate of section 0.5', { ...trickled, candidate: { candidate: CANDIDATE, sdpMLineIndex: 0.5 } }, 'bad-candidate'],
    ['a candidate of section 17', { ...trickled, candidate: { candidate: CANDIDATE, sdpMLineIndex: 17 } }, 'bad-candidate'],
  ])('%s', (_, message, expected) => {
    expect(fault(message)).toBe(expected)
  })

  test.each(hostileDescriptions(answerSdp))('a description with $name', ({ sdp }) => {
    expect(fault({ kind: 'answer', from: FROM, offerId: OFFER, sdp })).toBe('bad-sdp')
  })

  test('decodes any value or throws a MessageError', () => {
    const kind = fc.constantFrom('announce', 'leave', 'here', 'offer', 'answer', 'candidate', 'refusal', 'other')
    const id = fc.oneof(fc.constant(FROM), fc.anything())
    const message = fc.oneof(
      fc.anything({ withNullPrototype: true, withBigInt: true }),
      fc.record(
        {
          kind: fc.oneof(kind, fc.anything()),
          from: id,
          offerId: id,
          sdp: fc.oneof(fc.constant(offerSdp), fc.anything()),
          want: fc.oneof(fc.integer(), fc.anything()),
          started: fc.oneof(fc.boolean(), fc.anything()),
          done: fc.oneof(fc.boolean(), fc.anything()),
          candidate: fc.oneof(
            fc.record({ candidate: fc.constant(CANDIDATE), sdpMid: fc.anything(), sdpMLineIndex: fc.anything() }),
            fc.anything(),
          ),
        },
        { requiredKeys: [] },
      ),
    )
    fc.assert(
      fc.property(message, value => {
        expect(typeof fault(value)).toBe('string')
      }),
      { numRuns: 2_000 },
    )
  })
})
