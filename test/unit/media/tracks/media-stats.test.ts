import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { qualityOf, readStats, type MediaStats, type TrackCounters } from '../../../../src/media/tracks/media-stats.js'

const peer = { connectionState: 'connected' as const }
const read = (entries: object[], before: TrackCounters = new Map()) => readStats('x', peer, entries, before)

const PAIR = {
  id: 'P',
  type: 'candidate-pair',
  state: 'succeeded',
  nominated: true,
  currentRoundTripTime: 0.05,
  localCandidateId: 'L',
  remoteCandidateId: 'R',
}
const candidate = (id: string, candidateType: string) => ({
  id,
  type: `${id === 'L' ? 'local' : 'remote'}-candidate`,
  candidateType,
})
const inbound = (at: number, more: object) => ({
  id: 'I',
  type: 'inbound-rtp',
  kind: 'video',
  codecId: 'C',
  timestamp: at,
  ...more,
})

describe('readStats', () => {
  test('gives round trip and path, of which the farther end counts [X14]', () => {
    for (const [local, remote, path] of [
      ['host', 'host', 'host'],
      ['host', 'srflx', 'srflx'],
      ['prflx', 'host', 'prflx'],
      ['relay', 'srflx', 'relay'],
    ] as const)
      expect(read([PAIR, candidate('L', local), candidate('R', remote)])).toEqual({
        id: 'x',
        state: 'connected',
        roundTrip: 50,
        path,
        tracks: [],
      })
    expect(read([{ ...PAIR, nominated: false }])).toMatchObject({ roundTrip: undefined, path: undefined })
    expect(read([])).toMatchObject({ roundTrip: undefined, path: undefined, tracks: [] })
  })

  test('gives rates since the call before [X14]', () => {
    const before: TrackCounters = new Map()
    const codec = { id: 'C', type: 'codec', mimeType: 'video/VP9' }
    const first = inbound(1_000, {
      bytesReceived: 1_000,
      packetsReceived: 10,
      packetsLost: 0,
      framesDecoded: 30,
      framesPerSecond: 29,
      frameWidth: 640,
      frameHeight: 480,
    })
    const second = inbound(3_000, {
      bytesReceived: 251_000,
      packetsReceived: 100,
      packetsLost: 10,
      framesDecoded: 80,
      freezeCount: 1,
      totalFreezesDuration: 0.25,
    })
    expect(read([first, codec], before).tracks).toMatchObject([
      { kind: 'video', direction: 'received', bitrate: 0, framesPerSecond: 29, width: 640, height: 480, codec: 'VP9' },
    ])
    expect(read([second, codec], before).tracks).toMatchObject([
      { bitrate: 1_000, framesPerSecond: 25, loss: 0.1, packetsLost: 10, frames: 80, freezes: 1, freezeDuration: 250 },
    ])
  })

  test('reads the loss of a sent track from the report of the other end [X14]', () => {
    const before: TrackCounters = new Map()
    const sent = (at: number, packetsSent: number) => ({
      id: 'O',
      type: 'outbound-rtp',
      kind: 'audio',
      timestamp: at,
      packetsSent,
      bytesSent: packetsSent * 100,
    })
    const told = (packetsLost: number) => ({ id: 'T', type: 'remote-inbound-rtp', localId: 'O', packetsLost })
    read([sent(0, 100), told(0)], before)
    expect(read([sent(1_000, 200), told(20)], before).tracks).toMatchObject([
      { kind: 'audio', direction: 'sent', loss: 0.2, packetsLost: 20, bitrate: 80 },
    ])
    // The counter of the other end went back: it has another stream.
    expect(read([sent(2_000, 300), told(0)], before).tracks).toMatchObject([{ loss: 0 }])
  })

  test('gives finite figures and shares between 0 and 1, whatever the report holds [Law 1]', () => {
    const figure = fc.oneof(fc.nat(), fc.constant(undefined), fc.string(), fc.constant(null))
    const entry = fc.record({
      id: fc.oneof(fc.constantFrom('I', 'O', 'P', 'T', 'C'), fc.anything()),
      type: fc.constantFrom('inbound-rtp', 'outbound-rtp', 'remote-inbound-rtp', 'candidate-pair', 'codec'),
      kind: fc.constantFrom('audio', 'video', undefined),
      timestamp: figure,
      bytesSent: figure,
      bytesReceived: figure,
      packetsSent: figure,
      packetsReceived: figure,
      packetsLost: figure,
      framesDecoded: figure,
      currentRoundTripTime: figure,
      codecId: fc.constantFrom('C', undefined),
      mimeType: figure,
      localId: fc.constantFrom('O', 'I'),
    })
    fc.assert(
      fc.property(fc.array(fc.array(fc.oneof(entry, fc.anything())), { maxLength: 4 }), reports => {
        const before: TrackCounters = new Map()
        for (const report of reports)
          for (const track of read(report as object[], before).tracks) {
            for (const value of [track.bitrate, track.bytes, track.frames, track.framesPerSecond])
              expect(Number.isFinite(value)).toBe(true)
            expect(track.loss).toBeGreaterThanOrEqual(0)
            expect(track.loss).toBeLessThanOrEqual(1)
            expect(track.bitrate).toBeGreaterThanOrEqual(0)
            expect(track.framesPerSecond).toBeGreaterThanOrEqual(0)
          }
      }),
      { numRuns: 500 },
    )
  })
})

describe('qualityOf', () => {
  const stats = (roundTrip: number | undefined, ...losses: number[]) =>
    ({ id: 'x', state: 'connected', roundTrip, path: 'host', tracks: losses.map(loss => ({ loss })) }) as unknown as MediaStats
  test.each([
    [stats(undefined), true, 0, 'good'],
    [stats(250, 0.02), true, 0, 'good'],
    [stats(251), true, 0, 'fair'],
    [stats(0, 0, 0.03), true, 0, 'fair'],
    [stats(501), true, 0, 'poor'],
    [stats(0, 0.11), true, 0, 'poor'],
    [stats(0), true, 1, 'poor'],
    [stats(0), false, 0, 'lost'],
  ])('says how well a connection works: %j, up %s, %d freezes is %s [X14]', (figures, isUp, freezes, quality) => {
    expect(qualityOf(figures, isUp, freezes)).toBe(quality)
  })
})
