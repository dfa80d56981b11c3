import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MemoryDriver } from '../../../src/signaling/drivers/memory-driver.js'
import { PubSubSignaling } from '../../../src/signaling/pubsub/pubsub-signaling.js'
import { readOptions, type ConnectionManagerOptions } from '../../../src/torrent/options.js'

/** Takes any value, as from an application in JavaScript. */
const read = (options: unknown) => readOptions(options as ConnectionManagerOptions) // wrong on purpose

describe('the options of a ConnectionManager [D3]', () => {
  it('have the defaults that are documented', () => {
    expect(readOptions({})).toEqual({
      maxPeersPerTorrent: 50,
      maxConnections: 256,
      refreshInterval: 30_000,
      announceInterval: 5_000,
      maxAnnounceInterval: 120_000,
      backoffMultiplier: 1.1,
      numwant: 50,
      gatherTimeout: 1_000,
      maxMessageSize: 16 * 1024 * 1024,
      maxJsonSize: 1024 * 1024,
      trackers: [],
      warm: false, // there is no tracker to dial
      signaling: [],
      fallbackTrackers: [expect.stringMatching(/^wss:/), expect.stringMatching(/^wss:/), expect.stringMatching(/^wss:/)],
      rtcConfig: { iceServers: [{ urls: expect.any(String) }, { urls: expect.any(String) }, { urls: expect.any(String) }] },
    })
  })

  it('are taken as given', () => {
    const given = {
      maxPeersPerTorrent: 7,
      maxConnections: 8,
      refreshInterval: 900,
      announceInterval: 100,
      maxAnnounceInterval: 1_100,
      backoffMultiplier: 1.2,
      numwant: 13,
      gatherTimeout: 14,
      maxMessageSize: 256 * 1024 * 1024,
      maxJsonSize: 32 * 1024,
      rtcConfig: { iceServers: [], iceTransportPolicy: 'relay' },
    } as const
    expect(read(given)).toMatchObject(given)
  })

  it('prepare for the first torrent if they name trackers, unless warm is false [A4]', () => {
    const trackers = ['wss://tracker.example']
    expect(read({ trackers }).warm).toBe(true)
    expect(read({ trackers, warm: false }).warm).toBe(false)
  })

  it('take undefined as the default', () => {
    expect(read({ maxConnections: undefined, numwant: undefined, trackers: undefined })).toEqual(readOptions({}))
  })

  it('keep the public ICE servers beside other settings of rtcConfig', () => {
    expect(read({ rtcConfig: { iceTransportPolicy: 'all' } }).rtcConfig.iceServers).toHaveLength(3)
  })

  it('name each tracker once, in its normal form, and no public one beside them', () => {
    const { trackers, fallbackTrackers } = read({
      trackers: ['WS://Tracker.test', 'ws://tracker.test/', 'wss://tracker.test:443/a#b'],
    })
    expect(trackers).toEqual(['ws://tracker.test/', 'wss://tracker.test/a'])
    expect(fallbackTrackers).toEqual([])
    expect(read({ trackers: [] })).toMatchObject({ trackers: [], fallbackTrackers: [] })
  })

  it('take drivers and signallings, and no public tracker beside them [B12]', () => {
    const driver = { on: () => {}, off: () => {}, emit: () => {} }
    const signaling = new PubSubSignaling(new MemoryDriver())
    expect(read({ signaling: [driver, signaling] })).toMatchObject({ signaling: [driver, signaling], fallbackTrackers: [] })
    expect(read({ signaling: [] })).toEqual(readOptions({}))
    expect(read({ signaling: undefined })).toEqual(readOptions({}))
  })

  it('refuse a wrong entry of signaling, and name it [B12]', () => {
    const driver = new MemoryDriver()
    const named = (name: unknown) => ({ name, maxOffers: 0, subscribe: () => {}, announce: () => {}, answer: () => {} })
    for (const [signaling, why] of [
      [driver, 'signaling must be a list of drivers'],
      [null, 'signaling must be a list'],
      ['ws://bus.test', 'signaling must be a list'],
      [['ws://bus.test'], 'signaling[0] must be a driver with the methods on, off and emit'],
      [[driver, null], 'signaling[1] must be'],
      [[{ on: () => {}, off: () => {} }], 'signaling[0] must be'],
      [[{ ...named('a'), announce: undefined }], 'signaling[0] must be'],
      [[named(7)], 'signaling[0] must be'],
      [[driver, new MemoryDriver(), driver], 'list each driver'],
      [[named('a'), named('a')], 'list each driver'],
    ] as const)
      expect(() => read({ signaling })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(why) }),
      )
  })

  it.each([0, -1, 0.5, 256 * 1024 * 1024 + 1, Number.NaN, '5'])(
    'refuse %s as the largest message, and as the largest JSON [D3]',
    size => {
      for (const name of ['maxMessageSize', 'maxJsonSize'])
        expect(() => read({ [name]: size })).toThrow(
          expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(`${name} must be`) }),
        )
    },
  )

  const numbers = ['maxPeersPerTorrent', 'maxConnections', 'numwant', 'gatherTimeout'] as const
  const intervals = ['refreshInterval', 'announceInterval', 'maxAnnounceInterval'] as const
  for (const name of [...numbers, ...intervals, 'backoffMultiplier'] as const) {
    it(`refuse a ${name} that is not a number or below its least, with a clear error`, () => {
      const least = name === 'backoffMultiplier' ? 1 : intervals.some(interval => interval === name) ? 100 : 0
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, least - 0.01, '5', {}, [], true, 5n]) {
        const refused = expect.objectContaining({
          code: 'ERR_INVALID_ARGUMENT',
          message: expect.stringContaining(`${name} must be`),
        })
        expect(() => read({ [name]: value })).toThrow(refused)
      }
      expect(read({ [name]: least })[name]).toBe(least)
    })
  }

  it('refuse wrong tracker URLs', () => {
    for (const trackers of [
      'ws://tracker.test',
      {},
      null,
      7,
      ['http://tracker.test'],
      ['udp://tracker.test:1'],
      [''],
      [null],
      [{}],
      ['ws://'],
    ]) {
      expect(() => read({ trackers })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    }
  })

  it('refuse a verify that is not a function', () => {
    for (const verify of [true, 'yes', {}, null]) {
      expect(() => read({ verify })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('verify') }),
      )
    }
  })

  it('throw only ERR_INVALID_ARGUMENT, whatever the values', () => {
    const names = [...numbers, ...intervals, 'backoffMultiplier', 'trackers', 'signaling', 'verify', 'rtcConfig']
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    const anything = fc.oneof(fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }), fc.constant(cyclic))
    fc.assert(
      fc.property(fc.oneof(anything, fc.dictionary(fc.constantFrom(...names), anything)), options => {
        try {
          const settings = read(options)
          for (const name of numbers) expect(settings[name]).toBeGreaterThanOrEqual(0)
          for (const name of intervals) expect(settings[name]).toBeGreaterThanOrEqual(100)
        } catch (error) {
          expect(error).toMatchObject({ name: 'SwarmlinkError', code: 'ERR_INVALID_ARGUMENT' })
        }
      }),
    )
  })
})
