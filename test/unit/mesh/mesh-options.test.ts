import { describe, expect, test } from 'vitest'
import { type MeshOptions, readMeshOptions } from '../../../src/mesh/mesh-options.js'
import { MemoryDriver } from '../../../src/signaling/drivers/memory-driver.js'

const TRACKER = 'ws://127.0.0.1:9/'

describe('the options of a mesh', () => {
  test('have the documented defaults [C1]', () => {
    expect(readMeshOptions({ transport: TRACKER })).toMatchObject({
      name: '',
      trackers: [TRACKER],
      maxPeers: 5,
      retryInterval: 1_000,
      maxRetries: 3,
      ttl: 64,
      keepMessages: 4_096,
      keepBytes: 4_194_304,
      maxMessageSize: 1_048_576,
      crypto: undefined,
    })
  })

  test('take trackers and drivers, one or several [C1]', () => {
    expect(readMeshOptions({ transport: new MemoryDriver() }).trackers).toEqual([])
    expect(readMeshOptions({ transport: [TRACKER, new MemoryDriver(), TRACKER] }).trackers).toEqual([TRACKER])
  })

  test.each<[string, unknown, RegExp]>([
    ['no options', undefined, /^got undefined: the options must be an object/],
    ['no transport', {}, /^there is no transport: pass tracker URLs or drivers/],
    ['a number as transport', { transport: 5 }, /^got 5: transport must be the URL of a tracker, a driver/],
    ['an object without methods among others', { transport: [TRACKER, {}] }, /^got an object: transport must be the URL of a/],
    ['undefined in the list', { transport: [undefined] }, /^got undefined: transport must be the URL of a tracker/],
    ['a page as tracker', { transport: 'http://127.0.0.1' }, /a tracker must be a ws: or wss: URL/],
    ['one peer', { transport: TRACKER, maxPeers: 1 }, /^got 1: maxPeers must be a whole number from 2 to 64/],
    ['a misspelt name', { transport: TRACKER, maxPeer: 5 }, /^there is no option maxPeer/],
    [
      'half of a crypto',
      { transport: TRACKER, crypto: { sign() {} } },
      /crypto must be an object with the methods sign and verify/,
    ],
    ['a wrong owner of connections', { shareWith: {} }, /shareWith must be a ConnectionManager, a P2PT or a mesh/],
  ])('are refused with what to do: %s [C1] [Law 7]', (_what, options, message) => {
    expect(() => readMeshOptions(options as MeshOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    )
  })
})
