import { describe, expect, test } from 'vitest'
import { topicOf } from '../../../src/core/id.js'
import { TrackerClient } from '../../../src/tracker-client/tracker-client.js'

describe('a TrackerClient [A1]', () => {
  const topic = topicOf('a room')
  const make = (...rest: unknown[]) => new TrackerClient('ws://127.0.0.1:9', topic, ...(rest as [])) // possible in JavaScript

  test.each<[unknown, string]>([
    [{ iceServers: [] }, 'an object'],
    [null, 'null'],
    [5, '5'],
    ['', '""'],
  ])('refuses %o as the third argument, and says what belongs there [A1]', (peerId, what) => {
    expect(() => make(peerId)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(() => make(peerId, { iceServers: [] })).toThrow(
      `got ${what}: the third argument must be a text that is not empty, the announce id (options are the fourth)`,
    )
  })

  test('has a random or the given announce id, and no peer id before it connects [A1]', () => {
    expect(make().announceId).toMatch(/^[0-9a-f]{40}$/)
    expect(make(undefined, { iceServers: [] }).announceId).not.toBe(make().announceId)
    expect(make('me').announceId).toBe(topicOf('me'))
    expect(make('me').peerId).toBeUndefined()
  })

  test('hides the secrets of tracker URLs from errors [A5]', async () => {
    const client = new TrackerClient(['ws://me:secret@127.0.0.1:9/a?key=secret', 'ws://127.0.0.1:9/secret/announce'], topic)
    const errors: string[] = []
    client.on('error', error => errors.push(error.message))
    const error: unknown = await client.connect().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'ERR_TRACKER_LINK',
      message: expect.stringMatching(/ws:\/\/127\.0\.0\.1:9#\w{8}, ws:\/\/127\.0\.0\.1:9#\w{8}$/),
    })
    await client.disconnect()
    expect([String(error), ...errors].join()).not.toContain('secret')
    expect(errors.length).toBe(2)
  })

  test.each<[unknown, string]>([
    [null, 'null'],
    [undefined, 'undefined'],
    ['v=0', '"v=0"'],
    [{ type: 'offer', sdp: 'v=0' }, 'an object'],
    [{ type: 'answer' }, 'an object'],
  ])('refuses %o as an answer, with a clear error [A4]', (answer, what) => {
    const send = () => make().sendAnswer('ab'.repeat(20), 'cd'.repeat(20), answer as never)
    expect(send).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    expect(send).toThrow(`got ${what}: the third argument must be an answer`)
  })
})
