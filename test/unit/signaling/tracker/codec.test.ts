import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { anyCharacter } from '../../../support/any-character.js'
import { hexToBinary } from '../../../../src/core/bytes.js'
import { ProtocolError } from '../../../../src/core/errors.js'
import { parseSdp } from '../../../../src/core/sdp.js'
import { MAX_LINE } from '../../../../src/core/text.js'
import type { Announcement } from '../../../../src/signaling/signaling.js'
import {
  decode,
  encodeAnnouncement,
  encodeAnswer,
  FrameError,
  MAX_COUNT,
  MAX_FRAME,
  MAX_INTERVAL,
  MIN_INTERVAL,
} from '../../../../src/signaling/tracker/codec.js'
import { hostileFrames } from '../../../support/hostile/hostile-frames.js'
import { answerSdp, offerSdp, samples } from '../../../support/sdp-samples.js'

const topic = 'aa'.repeat(20)
const from = 'f0'.repeat(20)
const to = '01'.repeat(20)
const offerId = '80'.repeat(20)
const stats = { action: 'announce', info_hash: hexToBinary(topic) }
const announcement: Announcement = {
  topic,
  from,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  numwant: 50,
  port: 6881,
  offers: [{ id: offerId, sdp: offerSdp }],
}
const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(bytes => Buffer.from(bytes).toString('hex'))

function read(frame: object) {
  return decode(JSON.stringify(frame))
}

function faultOf(text: string): string | undefined {
  try {
    decode(text)
    return undefined
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    return error.fault
  }
}

describe('frames to a tracker', () => {
  test('encodes an announcement like the stock client, ids as 20 latin-1 characters [A12]', () => {
    expect(JSON.parse(encodeAnnouncement({ ...announcement, event: 'started' }))).toEqual({
      action: 'announce',
      info_hash: '\xaa'.repeat(20),
      peer_id: '\xf0'.repeat(20),
      event: 'started',
      uploaded: 1,
      downloaded: 2,
      left: 3,
      numwant: 50,
      port: 6881,
      offers: [{ offer_id: '\x80'.repeat(20), offer: { type: 'offer', sdp: offerSdp } }],
    })
  })

  test('names no event in a plain update, because wt-tracker closes the connection at `update` [A12]', () => {
    expect(JSON.parse(encodeAnnouncement(announcement))).not.toHaveProperty('event')
  })

  test('omits an empty list of offers [A12]', () => {
    expect(JSON.parse(encodeAnnouncement({ ...announcement, offers: [] }))).not.toHaveProperty('offers')
  })

  test.each(['stopped', 'completed'] as const)('carries no offers with `%s` [A12]', event => {
    expect(JSON.parse(encodeAnnouncement({ ...announcement, event }))).not.toHaveProperty('offers')
  })

  test('encodes whole and finite numbers, and an unknown `left` not as 0 [A12]', () => {
    const odd = { ...announcement, uploaded: Number.NaN, downloaded: 1.7, left: Number.POSITIVE_INFINITY, numwant: 0, port: -1 }
    expect(JSON.parse(encodeAnnouncement(odd))).toMatchObject({
      uploaded: 0,
      downloaded: 1,
      left: Number.MAX_SAFE_INTEGER,
      numwant: 1, // at least the number of offers: wt-tracker forwards no more than numwant
      port: 0,
    })
  })

  test("returns the tracker's id [A12]", () => {
    expect(JSON.parse(encodeAnnouncement(announcement, 'abc'))).toMatchObject({ trackerid: 'abc' })
    expect(JSON.parse(encodeAnswer({ topic, from, to, offerId, sdp: answerSdp }, 'abc'))).toMatchObject({ trackerid: 'abc' })
  })

  test('omits offers that would make the frame longer than trackers take [A12]', () => {
    const sdp = offerSdp + 'a=x:\r\n'.repeat(2_000)
    const offers = Array.from({ length: 10 }, () => ({ id: offerId, sdp }))
    const text = encodeAnnouncement({ ...announcement, offers })
    expect(new TextEncoder().encode(text).length).toBeLessThanOrEqual(MAX_FRAME)
    const sent = (JSON.parse(text) as { offers: unknown[] }).offers.length
    expect(sent).toBeGreaterThan(1)
    expect(sent).toBeLessThan(10)
  })

  test('throws on a malformed id', () => {
    expect(() => encodeAnnouncement({ ...announcement, from: 'short' })).toThrow('40 hex characters')
  })
})

describe('frames from a tracker', () => {
  test.each(samples)('decodes an offer and an answer of $engine [A12]', ({ offer, answer }) => {
    const base = { ...stats, peer_id: hexToBinary(from), offer_id: hexToBinary(offerId) }
    expect(read({ ...base, offer: { type: 'offer', sdp: offer } })).toEqual({
      kind: 'offer',
      topic,
      description: { from, offerId, sdp: parseSdp(offer) },
    })
    expect(read({ ...base, answer: { type: 'answer', sdp: answer } })).toEqual({
      kind: 'answer',
      topic,
      description: { from, offerId, sdp: parseSdp(answer) },
    })
  })

  test('ignores the other fields of an answer, because wt-tracker forwards all that its author wrote [A12]', () => {
    const answer = JSON.parse(encodeAnswer({ topic, from, to, offerId, sdp: answerSdp })) as object
    const frame = read({
      ...answer,
      interval: 1,
      complete: 9,
      'failure reason': 'go away',
      'warning message': {},
      'tracker id': 7,
    })
    expect(frame).toMatchObject({ kind: 'answer' })
    expect(Object.keys(frame).toSorted()).toEqual(['description', 'kind', 'topic'])
  })

  test('decodes counts, and intervals in milliseconds [A12]', () => {
    expect(read({ ...stats, complete: 1, incomplete: 2, interval: 120, 'min interval': 5 })).toEqual({
      kind: 'counts',
      topic,
      counts: { complete: 1, incomplete: 2, interval: 120_000, minInterval: 5_000 },
    })
    expect(read(stats)).toEqual({ kind: 'counts', topic, counts: {} })
    expect(read({ ...stats, complete: null, interval: null, 'failure reason': null, offer: null })).toEqual({
      kind: 'counts',
      topic,
      counts: {},
    })
  })

  test.each([
    [1e9, MAX_INTERVAL],
    [Number.MAX_VALUE, MAX_INTERVAL],
    [0.001, MIN_INTERVAL],
    [Number.MIN_VALUE, MIN_INTERVAL],
    [6, 6_000],
    [0, undefined],
    [-1, undefined],
    [-1e308, undefined],
  ])('decodes an interval of %d s to %s ms [A12]', (seconds, ms) => {
    for (const [name, key] of [
      ['interval', 'interval'],
      ['min interval', 'minInterval'],
    ] as const) {
      expect(read({ ...stats, [name]: seconds })).toEqual({
        kind: 'counts',
        topic,
        counts: ms === undefined ? {} : { [key]: ms },
      })
    }
  })

  test.each([
    [-3, 0],
    [2.9, 2],
    [1e308, MAX_COUNT],
    [7, 7],
  ])('decodes a count of %d to %d [A12]', (count, taken) => {
    expect(read({ ...stats, complete: count })).toMatchObject({ counts: { complete: taken } })
  })

  test('decodes warnings and failures as one printable line each [A12]', () => {
    expect(read({ ...stats, 'warning message': 'slow\u001b[2J\r\ndown\u202e' })).toEqual({
      kind: 'counts',
      topic,
      counts: {},
      warning: 'slow [2J down',
    })
    expect(read({ ...stats, 'failure reason': 'x'.repeat(5_000) })).toEqual({
      kind: 'failure',
      topic,
      reason: 'x'.repeat(MAX_LINE),
    })
    expect(read({ ...stats, 'failure reason': `${'x'.repeat(MAX_LINE - 1)}\u{1F600}` })).toMatchObject({
      reason: 'x'.repeat(MAX_LINE - 1),
    })
    expect(read({ 'failure reason': 'invalid info_hash' })).toEqual({ kind: 'complaint', reason: 'invalid info_hash' })
    expect(read({ ...stats, 'tracker id': 'abc' })).toMatchObject({ trackerId: 'abc' })
  })

  test('decodes a scrape reply without its content [A12]', () => {
    expect(read({ action: 'scrape', files: {} })).toEqual({ kind: 'scrape' })
  })
})

describe('hostile frames', () => {
  const corpus = hostileFrames(topic)

  test('come in hundreds of kinds', () => {
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
    expect(new Set(corpus.map(({ text }) => text)).size).toBeGreaterThan(600)
  })

  test.each(corpus)('are refused, or for another topic: $name [A12]', ({ text }) => {
    let frame
    try {
      frame = decode(text)
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError)
      return
    }
    // Well-formed, and dropped by Tracker for its topic.
    if (frame.kind !== 'scrape') expect(frame).toSatisfy(() => !('topic' in frame) || frame.topic !== topic)
  })

  test.each([
    ['[]', 'not-json'],
    ['x'.repeat(MAX_FRAME + 1), 'too-large'],
    ['{"action":"dance"}', 'bad-action'],
    ['{"action":"announce"}', 'bad-info-hash'],
    [JSON.stringify({ ...stats, interval: 'soon' }), 'bad-number'],
    [JSON.stringify({ ...stats, 'failure reason': {} }), 'bad-text'],
    [JSON.stringify({ ...stats, offer: {} }), 'bad-peer-id'],
    [JSON.stringify({ ...stats, offer: {}, peer_id: hexToBinary(from) }), 'bad-offer-id'],
    [JSON.stringify({ ...stats, offer: {}, peer_id: hexToBinary(from), offer_id: hexToBinary(to) }), 'bad-description'],
    [
      JSON.stringify({ ...stats, offer: { type: 'offer', sdp: 'v=0' }, peer_id: hexToBinary(from), offer_id: hexToBinary(to) }),
      'bad-sdp',
    ],
  ])('refuses %s with the fault %s [A12]', (text, fault) => {
    expect(faultOf(text)).toBe(fault)
  })
})

describe('for every input', () => {
  const member = fc.oneof(fc.json(), fc.constantFrom('"announce"', '"scrape"', JSON.stringify(hexToBinary(topic)), '1e999', '-1'))
  const names = [
    'action',
    'info_hash',
    'peer_id',
    'offer_id',
    'offer',
    'answer',
    'interval',
    'min interval',
    'complete',
    'failure reason',
  ]

  test('decodes any text or throws a ProtocolError [A12]', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: anyCharacter }), fc.json()), text => void faultOf(text)))
  })

  test('decodes any object with the known fields to values within bounds, or throws a ProtocolError [A12]', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names, 'warning message', 'tracker id', '__proto__'), member), fields => {
        const base = { action: '"announce"', info_hash: JSON.stringify(hexToBinary(topic)), ...fields }
        const text = `{${Object.entries(base)
          .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
          .join()}}`
        if (faultOf(text) !== undefined) return
        const frame = decode(text)
        if (frame.kind !== 'counts') return
        for (const pace of [frame.counts.interval, frame.counts.minInterval]) {
          if (pace !== undefined) expect(pace >= MIN_INTERVAL && pace <= MAX_INTERVAL).toBe(true)
        }
        if (frame.counts.complete !== undefined) expect(Number.isInteger(frame.counts.complete)).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  test('decodes every encoded frame [A12]', () => {
    fc.assert(
      fc.property(fc.record({ topic: id, from: id, to: id, offerId: id }), ids => {
        const description = { from: ids.from, offerId: ids.offerId }
        expect(decode(encodeAnswer({ ...ids, sdp: answerSdp }))).toEqual({
          kind: 'answer',
          topic: ids.topic,
          description: { ...description, sdp: parseSdp(answerSdp) },
        })
        const offers = [{ id: ids.offerId, sdp: offerSdp }]
        const sent = JSON.parse(encodeAnnouncement({ ...announcement, topic: ids.topic, from: ids.from, offers })) as {
          info_hash: string
          peer_id: string
          offers: object[]
        }
        // As a tracker forwards it.
        expect(read({ action: 'announce', info_hash: sent.info_hash, peer_id: sent.peer_id, ...sent.offers[0] })).toEqual({
          kind: 'offer',
          topic: ids.topic,
          description: { ...description, sdp: parseSdp(offerSdp) },
        })
      }),
    )
  })
})
