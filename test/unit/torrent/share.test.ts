import { describe, expect, it } from 'vitest'
import type { PeerInfo } from '../../../src/torrent/options.js'
import { mayShare, type Share } from '../../../src/torrent/share.js'

const peer: PeerInfo = { peerId: 'aa'.repeat(20), announceId: 'bb'.repeat(20), verified: true, ours: true, source: 'tracker' }
const unverified = { ...peer, verified: false }

describe('X1 X2 torrents in common are looked for', () => {
  it.each<[Share, boolean, boolean]>([
    ['verified', true, false],
    [true, true, true],
    [false, false, false],
    [({ verified }) => !verified, false, true],
  ])('with share: %s as it says, with a peer that proves who it is and one that does not [X2]', (share, first, second) => {
    expect([mayShare(share, peer), mayShare(share, unverified)]).toEqual([first, second])
  })

  it.each([undefined, null, 1, 'yes', Promise.resolve(true)])(
    'by no other word of a function than true and false: %s',
    answer => {
      const share = (() => answer) as unknown as Share // as JavaScript may
      expect(() => mayShare(share, peer)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    },
  )
})
