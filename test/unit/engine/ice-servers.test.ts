import { describe, expect, test } from 'vitest'
import { readOptions as readConnectionOptions, system } from '../../../src/channel/messages/data-connection-options.js'
import { PUBLIC_ICE_SERVERS, readRtcConfig } from '../../../src/engine/ice-servers.js'
import { readTrackerClientOptions } from '../../../src/tracker-client/tracker-client-options.js'
import { readOptions as readManagerOptions } from '../../../src/torrent/options.js'

const one = [{ urls: 'stun:one.test' }]
const other = [{ urls: ['turn:other.test', 'turns:other.test'], username: 'me', credential: 'x' }]
const relay = { iceTransportPolicy: 'relay' } as const

describe('the options iceServers and rtcConfig', () => {
  test('use the public STUN servers unless one of the two names others [A2]', () => {
    expect(readRtcConfig({})).toEqual({ iceServers: PUBLIC_ICE_SERVERS })
    expect(readRtcConfig({ rtcConfig: relay })).toEqual({ ...relay, iceServers: PUBLIC_ICE_SERVERS })
    expect(readRtcConfig({ iceServers: [] })).toEqual({ iceServers: [] })
    expect(readRtcConfig({ rtcConfig: { iceServers: [] } })).toEqual({ iceServers: [] })
  })

  test('prefer iceServers to rtcConfig.iceServers [A2]', () => {
    expect(readRtcConfig({ iceServers: one, rtcConfig: { ...relay, iceServers: other } })).toEqual({ ...relay, iceServers: one })
    expect(readRtcConfig({ rtcConfig: { ...relay, iceServers: other } })).toEqual({ ...relay, iceServers: other })
  })

  test.each([
    ['a ConnectionManager', readManagerOptions],
    ['a TrackerClient', readTrackerClientOptions],
    ['a DataConnection', (options: object) => readConnectionOptions({ localPeerId: 'a', remotePeerId: 'b', ...options }, system)],
  ])('mean the same for %s [D3]', (_, read) => {
    expect(read({ iceServers: one, rtcConfig: { ...relay, iceServers: other } }).rtcConfig).toEqual({ ...relay, iceServers: one })
    expect(() => read({ rtcConfig: [] } as object)).toThrow('got an Array: rtcConfig must be an RTCConfiguration')
  })

  test('never show a credential in an error [X8]', () => {
    const servers = [{ urls: 'turn:host.test', username: 'me', credential: 4711 }]
    expect(() => readRtcConfig({ iceServers: servers } as object)).toThrow(
      'got "number": iceServers: username and credential must be strings',
    )
    const urls = [{ urls: 'http://me:secret@host.test' }]
    expect(() => readRtcConfig({ iceServers: urls })).toThrow(/^got "http:\/\/host\.test#\w{8}": /)
    // Engines would refuse it with an error that quotes the password.
    const inUrl = [{ urls: 'turn:me:secret@host.test:3478' }]
    expect(() => readRtcConfig({ iceServers: inUrl })).toThrow(/^got "turn:host\.test:3478#\w{8}": .* contain no password$/)
  })
})
