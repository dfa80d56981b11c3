import { describe, expect, it } from 'vitest'
import { mayShare } from '../../../src/torrent/manager-runtime.js'
import type { PeerInfo, Share } from '../../../src/torrent/options.js'

const peer: PeerInfo = {
  peerId: 'aa'.repeat(20),
  announceId: 'bb'.repeat(20),
  verified: true,
  isSwarmlink: true,
  source: 'tracker',
}
const unverified = { ...peer, verified: false }

describe('the share option [X1] [X2]', () => {
  it.each<[Share, boolean, boolean]>([
    ['verified', true, false],
    [true, true, true],
    [false, false, false],
    [({ verified }) => !verified, false, true],
  ])('decides with share: %s for a verified and an unverified peer [X2]', (share, first, second) => {
    expect([mayShare(share, peer), mayShare(share, unverified)]).toEqual([first, second])
  })

  it.each([undefined, null, 1, 'yes', Promise.resolve(true)])(
    'refuses a result of a function other than true and false: %s',
    answer => {
      const share = (() => answer) as unknown as Share // possible in JavaScript
      expect(() => mayShare(share, peer)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    },
  )
})
