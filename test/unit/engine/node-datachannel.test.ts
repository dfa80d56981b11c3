import { afterEach, expect, it } from 'vitest'
import type { EngineConnection } from '../../../src/engine/engine.js'
import { nodeDatachannelEngine } from '../../../src/engine/node-datachannel.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'
import { FakeRtc } from './fake-rtc.js'

let connection: EngineConnection | undefined

afterEach(() => connection?.close())

/** A connection with a fake native side, which refuses the first description with `refusal`. */
function open(rtcConfig: RTCConfiguration, refusal?: string) {
  const opened: Array<{ rtc: FakeRtc; config: RTCConfiguration | undefined }> = []
  class Native extends FakeRtc {
    constructor(config?: RTCConfiguration) {
      super()
      if (opened.push({ rtc: this, config }) === 1 && refusal !== undefined)
        this.instead.set('setRemoteDescription', () => Promise.reject(new Error(refusal)))
    }
  }
  const engine = nodeDatachannelEngine({ RTCPeerConnection: Native })
  connection = engine.createConnection({ rtcConfig, gatherTimeout: 1000, env: new VirtualEnv() })
  return { connection, opened }
}

it('retries an answer on a new connection after "without ICE transport"', async () => {
  const message = 'libdatachannel error while adding remote description: Got a remote candidate without ICE transport'
  const { connection: retried, opened } = open({}, message)
  expect(await retried.createAnswer('v=0\r\n', { trickle: true })).toContain('v=0')
  expect(opened).toHaveLength(2)
})

it('does not retry an answer that failed for another reason', async () => {
  const { connection: refused, opened } = open({}, 'libdatachannel error: Invalid SDP')
  await expect(refused.createAnswer('v=0\r\n')).rejects.toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }))
  expect(opened).toHaveLength(1)
})

it('escapes the credentials of a TURN server, which the polyfill puts into a URL', () => {
  const { opened } = open({ iceServers: [{ urls: 'turn:198.51.100.1', username: '1700000000:user', credential: 'a/b@c:d=' }] })
  expect(opened[0]?.config?.iceServers).toEqual([
    { urls: 'turn:198.51.100.1', username: '1700000000%3Auser', credential: 'a%2Fb%40c%3Ad%3D' },
  ])
})

it.each([
  ['in its IPv6 form, if there is a TURN server', 'turn:198.51.100.1', '::ffff:10.0.2.2'],
  ['unchanged, if there is no TURN server', 'stun:198.51.100.1', '10.0.2.2'],
])('passes a private remote address %s [A10]', async (_, urls, address) => {
  const { connection: answering, opened } = open({ iceServers: [{ urls, username: 'user', credential: 'pass' }] })
  await answering.createAnswer('v=0\r\na=candidate:1 1 UDP 2114977791 10.0.2.2 4000 typ host\r\n', { trickle: true })
  expect(opened[0]?.rtc.remote[0]?.sdp).toContain(`a=candidate:1 1 UDP 2114977791 ${address} 4000 typ host`)
})
