import { describe, expect, test } from 'vitest'
import { topicOf } from '../../../src/core/id.js'
import { TrackerClient } from '../../../src/room/tracker-client.js'

describe('A1 a TrackerClient', () => {
  const topic = topicOf('a room')
  const make = (...rest: unknown[]) => new TrackerClient('ws://127.0.0.1:9', topic, ...(rest as [])) // as JavaScript lets one

  test.each<[unknown, string]>([
    [{ iceServers: [] }, 'an object'],
    [null, 'null'],
    [5, '5'],
    ['', '""'],
  ])('A1 whose third argument is %o says what belongs there, and where options do', (peerId, what) => {
    expect(() => make(peerId)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(() => make(peerId, { iceServers: [] })).toThrow(
      `the third argument must be a text, the peer id (options are the fourth), not ${what}`,
    )
  })

  test('A1 has a peer id of its own, or the one that it is given', () => {
    expect(make().peerId).toMatch(/^[0-9a-f]{40}$/)
    expect(make(undefined, { iceServers: [] }).peerId).not.toBe(make().peerId)
    expect(make('me').peerId).toBe(topicOf('me'))
  })
})
