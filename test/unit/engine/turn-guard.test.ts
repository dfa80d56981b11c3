import { describe, expect, it } from 'vitest'
import { TurnGuard } from '../../../src/engine/turn-guard.js'

const TURN = { iceServers: [{ urls: 'stun:stun.example' }, { urls: ['turn:turn.example:3478'], username: 'u', credential: 'c' }] }
const PUBLIC_RELAY = 'candidate:3 1 UDP 1048063 198.51.100.10 50000 typ relay raddr 0.0.0.0 rport 0'
const PRIVATE_RELAY = 'candidate:3 1 UDP 1048063 10.0.0.5 50000 typ relay raddr 0.0.0.0 rport 0'

const host = (address: string) => `candidate:1 1 UDP 2114977791 ${address} 4000 typ host`

/** The candidate that the engine gets for a remote candidate with this address. */
function handed(address: string, guard = guardOf(TURN)): string {
  return guard.candidate({ candidate: host(address), sdpMid: '0' }).candidate ?? ''
}

function guardOf(config: RTCConfiguration): TurnGuard {
  const guard = TurnGuard.for(config)
  if (guard === undefined) throw new Error('no guard for this configuration')
  return guard
}

describe('TurnGuard', () => {
  it('exists only if a TURN server is configured [A10]', () => {
    expect(TurnGuard.for({})).toBeUndefined()
    expect(TurnGuard.for({ iceServers: [{ urls: ['stun:a.example', 'stun:b.example'] }] })).toBeUndefined()
    expect(TurnGuard.for(TURN)).toBeDefined()
    expect(TurnGuard.for({ iceServers: [{ urls: 'TURNS:turn.example' }] })).toBeDefined()
  })

  it.each(['10.0.2.2', '172.16.0.1', '172.31.255.9', '192.168.1.20', '169.254.3.4', '100.64.0.7', '100.127.1.1', '127.0.0.1'])(
    'passes the private address %s in its IPv6 form [A10]',
    address => {
      expect(handed(address)).toBe(host(`::ffff:${address}`))
    },
  )

  it.each(['198.51.100.7', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '192.169.0.1', 'fd00::2', '3f2a.local'])(
    'passes the address %s unchanged [A10]',
    address => {
      expect(handed(address)).toBe(host(address))
    },
  )

  it('passes reflexive, relayed and TCP candidates unchanged, also with private addresses [A10]', () => {
    const lines = [
      'candidate:2 1 UDP 1678769919 10.0.0.1 4000 typ srflx raddr 10.0.2.2 rport 4000',
      PRIVATE_RELAY,
      'candidate:4 1 tcp 1518280447 10.0.2.2 9 typ host tcptype active',
    ]
    for (const candidate of lines) expect(guardOf(TURN).candidate({ candidate }).candidate).toBe(candidate)
  })

  it('changes no other part of a description [A10]', () => {
    const sdp = (address: string) =>
      ['v=0', 'c=IN IP4 10.0.2.2', 'a=mid:data', `a=${host(address)}`, `a=${PUBLIC_RELAY}`, 'a=end-of-candidates', ''].join(
        '\r\n',
      )
    expect(guardOf(TURN).description(sdp('10.0.2.2'))).toBe(sdp('::ffff:10.0.2.2'))
  })

  it('is off if the own relay has a private address, and returns the withheld candidates [A10]', () => {
    const guard = guardOf(TURN)
    guard.description(`a=mid:data\r\na=${host('10.0.2.2')}\r\n`)
    handed('10.0.3.3', guard)
    expect(guard.gathered(host('10.0.1.2'))).toEqual([])
    expect(guard.gathered(PUBLIC_RELAY)).toEqual([])
    expect(guard.gathered(PRIVATE_RELAY)).toEqual([
      { candidate: host('10.0.2.2'), sdpMid: 'data', sdpMLineIndex: 0 },
      { candidate: host('10.0.3.3'), sdpMid: '0', sdpMLineIndex: 0 },
    ])
    expect(guard.gathered(PRIVATE_RELAY)).toEqual([])
    expect(handed('10.0.4.4', guard)).toBe(host('10.0.4.4'))
  })

  it('withholds a repeated candidate once [A10]', () => {
    const guard = guardOf(TURN)
    for (let time = 0; time < 3; time++) handed('10.0.2.2', guard)
    expect(guard.gathered(PRIVATE_RELAY)).toHaveLength(1)
  })
})
