import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkEncoding, encodingOf, type EncodingOptions } from '../../../../src/media/tracks/encoding.js'

describe('checkEncoding', () => {
  test('returns valid options, and refuses any other by name [B4]', () => {
    const valid: EncodingOptions = {
      audioBitrate: 32,
      videoBitrate: 0x1_00,
      maxFramerate: 30,
      maxHeight: 720,
      contentHint: '',
      degradationPreference: 'balanced',
    }
    expect(checkEncoding(valid)).toBe(valid)
    expect(checkEncoding({})).toEqual({})
    const wrong: Array<[object, RegExp]> = [
      [{ audioBitrate: 0 }, /audioBitrate must be a number from 1 to 1000000/],
      [{ videoBitrate: Number.NaN }, /videoBitrate must be/],
      [{ maxFramerate: '30' }, /maxFramerate must be/],
      [{ maxHeight: null }, /maxHeight must be/],
      [{ contentHint: 'movie' }, /got "movie": contentHint must be '', 'motion', 'detail', 'text'/],
      [
        { degradationPreference: 'none' },
        /degradationPreference must be 'balanced', 'maintain-framerate', 'maintain-resolution'/,
      ],
      [{ bitrate: 5 }, /there is no option bitrate: the options are audioBitrate, /],
      [[], /the options must be an object/],
    ]
    for (const [options, text] of wrong) expect(() => checkEncoding(options)).toThrow(text)
  })
})

describe('encodingOf', () => {
  const of = (kind: 'audio' | 'video', options: EncodingOptions, demand: 'off' | 'low' | 'high' = 'high', height?: number) =>
    encodingOf(kind, { options, demand, height })

  test('gives kilobits as bits, and scales down to the height, never up [B4] [B11]', () => {
    expect(of('audio', { audioBitrate: 32, videoBitrate: 500 })).toEqual({ maxBitrate: 32_000 })
    expect(of('audio', {})).toEqual({})
    expect(of('video', {})).toEqual({ scaleResolutionDownBy: 1 })
    expect(of('video', { videoBitrate: 100.5, maxFramerate: 15, maxHeight: 360 }, 'high', 1080)).toEqual({
      maxBitrate: 100_500,
      maxFramerate: 15,
      scaleResolutionDownBy: 3,
    })
    expect(of('video', { maxHeight: 720 }, 'high', 480)).toEqual({ scaleResolutionDownBy: 1 })
    expect(of('video', { maxHeight: 720 })).toEqual({ scaleResolutionDownBy: 1 })
  })

  test('of a small tile is at most that of a large one, and within what WebRTC takes [X14]', () => {
    const options = fc.record(
      {
        videoBitrate: fc.integer({ min: 1, max: 1_000_000 }),
        maxFramerate: fc.integer({ min: 1, max: 10_000 }),
        maxHeight: fc.integer({ min: 1, max: 10_000 }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(options, fc.option(fc.integer({ min: 1, max: 8_000 }), { nil: undefined }), (given, height) => {
        const [low, high] = [of('video', given, 'low', height), of('video', given, 'high', height)]
        expect(low.maxBitrate).toBeLessThanOrEqual(Math.min(high.maxBitrate ?? Infinity, 150_000))
        expect(low.maxFramerate).toBeLessThanOrEqual(Math.min(high.maxFramerate ?? Infinity, 15))
        expect(low.scaleResolutionDownBy).toBeGreaterThanOrEqual(high.scaleResolutionDownBy!)
        for (const { scaleResolutionDownBy, maxBitrate = 1 } of [low, high]) {
          expect(scaleResolutionDownBy).toBeGreaterThanOrEqual(1)
          expect(Number.isInteger(maxBitrate)).toBe(true)
        }
      }),
    )
  })
})
