import { describe, expect, test } from 'vitest'
import type { DataConnection } from '../../../src/channel/messages/data-connection.js'
import { tooLarge } from '../../../src/core/errors.js'
import { type EdgeHost, MeshEdge } from '../../../src/mesh/mesh-edge.js'
import type { TopicPeer } from '../../../src/peer/topic-peer.js'

function open(send: (message: unknown) => boolean) {
  const ignore = () => {}
  const host: EdgeHost = { now: () => 0, received: ignore, direct: ignore, drained: ignore, closed: ignore }
  const connection = { send, on: ignore, off: ignore } as unknown as DataConnection // the part that an edge uses
  const peer = { remote: { announceId: 'a', peerId: 'b' } } as unknown as TopicPeer // the same
  return new MeshEdge(connection, peer, host)
}

describe('a direct message to a neighbour', () => {
  test('is any value but undefined, which would never arrive [C2]', () => {
    const sent: unknown[] = []
    const edge = open(message => sent.push(message) > 0)
    expect(() => edge.sendDirect(undefined)).toThrow('message is undefined: send null')
    expect(edge.sendDirect(null)).toBe(true)
    expect(sent).toEqual([{ data: null }])
  })

  test('that is too large is refused without the advice to use a stream, which a mesh has not [C2] [Law 7]', () => {
    const cause = tooLarge('a message of 20 bytes is above the 16 that this peer accepts: use stream(), which has no limit')
    const edge = open(() => {
      throw cause
    })
    expect(() => edge.sendDirect('x')).toThrow(
      expect.objectContaining({ code: 'ERR_MESSAGE_TOO_LARGE', message: expect.not.stringContaining('stream'), cause }),
    )
  })
})
