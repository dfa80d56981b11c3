import { expect, it } from 'vitest'
import { hasKnocked, takeLocalAnswer, takeLocalOffer } from '../../../src/engine/same-host.js'

const offer = (...addresses: string[]) =>
  [
    'v=0',
    'o=rtc 1 0 IN IP4 127.0.0.1',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'a=mid:data',
    'a=setup:active',
    ...addresses.map((address, i) => `a=candidate:${i} 1 UDP 2 ${address} 9 typ host`),
    'a=candidate:9 1 UDP 1 203.0.113.7 9 typ srflx raddr 0.0.0.0 rport 0',
    'a=end-of-candidates',
    '',
  ].join('\r\n')

const own = new Set(['192.0.2.1', 'fd00::2', '127.0.0.1'])

it('removes the candidates of an offer from this machine', () => {
  const taken = takeLocalOffer(offer('192.0.2.1', 'FD00::2'), [], own)
  expect(taken?.sdp).not.toMatch(/a=candidate|a=end-of-candidates/)
  expect(taken?.candidates).toHaveLength(3)
  expect(taken?.candidates[0]).toEqual({
    candidate: 'candidate:0 1 UDP 2 192.0.2.1 9 typ host',
    sdpMid: 'data',
    sdpMLineIndex: 0,
  })
})

it('ignores any other offer', () => {
  expect(takeLocalOffer(offer('192.0.2.1', '198.51.100.4'), [], own)).toBeUndefined() // one address of another machine
  expect(takeLocalOffer(offer(), [], own)).toBeUndefined() // no host candidate
  expect(takeLocalOffer(offer('3f2a.local'), [], own)).toBeUndefined()
  expect(takeLocalOffer(offer('192.0.2.1').replace('o=rtc ', 'o=- '), [], own)).toBeUndefined() // another library
})

it('recognises an offer from this machine by candidates that came before it, too [A10]', () => {
  const early = (address: string) => ({ candidate: `candidate:7 1 UDP 2 ${address} 9 typ host` })
  expect(takeLocalOffer(offer(), [early('192.0.2.1')], own)?.candidates).toHaveLength(1)
  expect(takeLocalOffer(offer('192.0.2.1'), [early('198.51.100.4')], own)).toBeUndefined()
})

it('removes the candidates of an answer from this machine, also if they follow it [A10]', () => {
  const taken = takeLocalAnswer(offer('192.0.2.1', 'fd00::2'), own)
  expect(taken?.sdp).not.toMatch(/a=candidate|a=end-of-candidates/)
  expect(taken?.candidates).toHaveLength(3)
  expect(takeLocalAnswer(offer().replace(/^a=candidate.*\r\n/gm, ''), own)?.candidates).toEqual([])
  expect(takeLocalAnswer(offer('192.0.2.1', '198.51.100.4'), own)).toBeUndefined()
})

it('recognises an answerer that has knocked by its DTLS role [A10]', () => {
  const answer = offer('192.0.2.1').replace('a=setup:active', 'a=setup:passive')
  expect(hasKnocked(answer, own)).toBe(true)
  expect(hasKnocked(offer('192.0.2.1'), own)).toBe(false)
  expect(hasKnocked(answer.replace('192.0.2.1', '198.51.100.4'), own)).toBe(false)
  expect(hasKnocked(answer.replace('192.0.2.1', '3f2a.local'), own)).toBe(true) // a browser hides its address
  expect(hasKnocked(answer.replace(/^a=candidate.*\r\n/gm, ''), own)).toBe(true) // its candidates follow
})
