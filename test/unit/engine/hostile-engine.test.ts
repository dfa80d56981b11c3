import { describe, expect, it } from 'vitest'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { customEngine } from '../../../src/engine/browser.js'
import { ENGINE_TIMEOUT } from '../../../src/engine/call-deadlines.js'
import type { EngineChannel, EngineConnection } from '../../../src/engine/engine.js'
import type { WebRtcImplementation } from '../../../src/engine/rtc.js'
import { VirtualEnv } from '../../support/fakes/virtual-env.js'
import { FakeRtc, FakeRtcChannel } from './fake-rtc.js'

/** How a member of an implementation may violate the W3C specification. */
const MISTAKES: Record<string, (method: boolean) => unknown> = {
  throws: () => {
    throw new Error('it failed')
  },
  'throws when called': () => () => {
    throw new Error('it failed')
  },
  rejects: () => () => Promise.reject(new Error('it failed')),
  'never settles': () => () => new Promise(() => {}),
  'returns nothing': method => (method ? () => {} : undefined),
  'returns a number': method => (method ? () => 5 : 5),
  'returns an object': method => (method ? () => ({}) : {}),
  'is missing': () => undefined,
}

const CONNECTION = [
  'connectionState',
  'iceConnectionState',
  'iceGatheringState',
  'localDescription',
  'sctp',
  'createDataChannel',
  'createOffer',
  'createAnswer',
  'setLocalDescription',
  'setRemoteDescription',
  'addIceCandidate',
  'getStats',
  'addEventListener',
  'removeEventListener',
  'close',
]
const CHANNEL = ['label', 'readyState', 'bufferedAmount', 'send', 'addEventListener', 'removeEventListener', 'close']

/** The same object, with one member replaced by a mistake. */
function withMistake<T extends object>(target: T, member: string, mistake: string): T {
  return new Proxy(target, {
    get(_target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === member) return MISTAKES[mistake]?.(typeof value === 'function')
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  })
}

/** Uses each part of an engine; each step must succeed, or fail with a SwarmlinkError. */
async function use(connection: EngineConnection, rtc: FakeRtc, remote: FakeRtcChannel, env: VirtualEnv): Promise<unknown[]> {
  const failures: unknown[] = []
  const attempt = (step: () => unknown) => {
    try {
      const result = step()
      if (result instanceof Promise) result.catch((error: unknown) => failures.push(error))
    } catch (error) {
      failures.push(error)
    }
  }
  const channels: EngineChannel[] = []
  connection.on('channel', channel => channels.push(channel))
  attempt(() => channels.push(connection.createChannel('wire')))
  attempt(() => connection.createOffer())
  rtc.gathered('complete')
  rtc.gathered('null candidate')
  rtc.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { candidate: 5 } }))
  attempt(() => connection.acceptAnswer('v=0\r\n'))
  attempt(() => connection.createAnswer('v=0\r\n'))
  attempt(() => connection.addCandidate({ candidate: 'candidate:1 1 udp 1 198.51.100.1 9 typ host', sdpMid: '0' }))
  rtc.become('connected')
  rtc.dispatchEvent(Object.assign(new Event('datachannel'), { channel: undefined }))
  rtc.dispatchEvent(Object.assign(new Event('datachannel'), { channel: remote }))
  for (const fake of rtc.channels) {
    fake.open()
    for (const data of ['text', new ArrayBuffer(3), undefined, 5]) fake.receive(data)
    fake.dispatchEvent(new Event('bufferedamountlow'))
  }
  for (const channel of channels) {
    attempt(() => channel.send('text'))
    attempt(() => channel.bufferedAmount)
    attempt(() => (channel.lowWater = 5))
  }
  attempt(() => connection.remoteAddress())
  attempt(() => connection.restart())
  await env.advance(3 * ENGINE_TIMEOUT)
  for (const channel of channels) attempt(() => channel.close())
  attempt(() => connection.close())
  await env.advance(3 * ENGINE_TIMEOUT)
  return failures
}

describe('an implementation of WebRTC from the application', () => {
  const members = [
    ...CONNECTION.map(member => ['connection', member] as const),
    ...CHANNEL.map(member => ['channel', member] as const),
  ]
  it.each(members)('causes only SwarmlinkErrors, whatever its %s.%s does [D3]', async (on, member) => {
    for (const mistake of Object.keys(MISTAKES)) {
      const env = new VirtualEnv()
      const rtc = new FakeRtc()
      const remote = new FakeRtcChannel('remote')
      if (on === 'channel') {
        const create = rtc.createDataChannel.bind(rtc)
        rtc.createDataChannel = label => withMistake(create(label), member, mistake)
      }
      function RTCPeerConnection() {
        return on === 'connection' ? withMistake(rtc, member, mistake) : rtc
      }
      const engine = customEngine({ RTCPeerConnection } as unknown as WebRtcImplementation)
      const failures: unknown[] = []
      try {
        const connection = engine.createConnection({ rtcConfig: {}, gatherTimeout: 1_000, env })
        failures.push(...(await use(connection, rtc, on === 'channel' ? withMistake(remote, member, mistake) : remote, env)))
      } catch (error) {
        failures.push(error)
      }
      for (const failure of failures) expect([mistake, failure]).toEqual([mistake, expect.any(SwarmlinkError)])
      expect([mistake, env.pendingTimers]).toEqual([mistake, 0])
    }
  })
})
