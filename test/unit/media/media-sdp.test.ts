import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../src/core/errors.js'
import { parseMediaSdp } from '../../../src/media/media-sdp.js'
import { hostileDescriptions } from '../../support/hostile/hostile-sdp.js'
import { mediaSamples } from '../../support/media-sdp-samples.js'
import { samples } from '../../support/sdp-samples.js'

const all = [...mediaSamples, ...samples].flatMap(({ engine, offer, answer }, i) => [
  { name: `${engine}'s offer ${i}`, sdp: offer },
  { name: `${engine}'s answer ${i}`, sdp: answer },
])
const [{ offer: good }] = mediaSamples as [(typeof mediaSamples)[number]]
const AUDIO = good.slice(good.indexOf('m=audio'), good.indexOf('m=video'))

function refusal(sdp: unknown): string {
  try {
    parseMediaSdp(sdp)
    return 'accepted'
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    expect((error as ProtocolError).code).toBe('ERR_BAD_SDP')
    return (error as Error).message
  }
}

describe('descriptions of engines', () => {
  test.each(all)('are accepted with their certificate and their ICE user fragments: $name [X14]', ({ name, sdp }) => {
    const parsed = parseMediaSdp(sdp)
    expect(parsed.fingerprint).toMatch(/^sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    expect(parsed.ufrags).toMatch(/^a=ice-ufrag:[^,]+(,a=ice-ufrag:[^,]+)*$/)
    const isMedia = !samples.some(({ offer, answer }) => [offer, answer].includes(sdp))
    expect([name, parsed.hasMedia]).toEqual([name, isMedia])
    // Firefox's candidates for RTCP are not for an implementation of WebRTC, because RTCP and RTP share a port.
    expect(parsed.text).toBe(sdp.replaceAll(/^a=candidate:\S+ 2 .*\r\n/gm, ''))
  })

  test('keep another length of line end, and a fingerprint in lower case counts as the same [X14]', () => {
    const loose = good.replaceAll('\r\n', '\n').replace(/sha-256 (\S+)/, line => line.toLowerCase())
    expect(parseMediaSdp(loose)).toEqual({ ...parseMediaSdp(good), text: loose.replaceAll('\n', '\r\n') })
  })

  test('may have sections that are stopped, if one is not [X14]', () => {
    expect(parseMediaSdp(good.replace('m=audio 9', 'm=audio 0')).fingerprint).toBe(parseMediaSdp(good).fingerprint)
    expect(refusal(good.replaceAll(/^m=(\w+) 9/gm, 'm=$1 0'))).toMatch(/all of its sections are stopped/)
  })
})

describe('hostile descriptions', () => {
  test.each<[string, (sdp: string) => unknown, RegExp]>([
    ['no section', sdp => sdp.slice(0, sdp.indexOf('m=')), /has 0 media sections|fingerprints/],
    [
      'nine sections',
      sdp => sdp + Array.from({ length: 6 }, (_, i) => AUDIO.replace('a=mid:0', `a=mid:x${i}`)).join(''),
      /has 9 media sections/,
    ],
    [
      'two data sections',
      sdp => sdp + sdp.slice(sdp.indexOf('m=application')).replace('a=mid:2', 'a=mid:3'),
      /more than one data channel section/,
    ],
    ['two sections of one mid', sdp => sdp.replace('a=mid:1', 'a=mid:0'), /same mid/],
    ['two certificates', sdp => sdp.replace(/CC:8E/, 'CC:8F'), /has 2 fingerprints/],
    ['no certificate', sdp => sdp.replaceAll(/^a=fingerprint.*\r\n/gm, ''), /has 0 fingerprints/],
    ['a certificate of SHA-1 beside it', sdp => `${sdp}a=fingerprint:sha-1 00:01\r\n`, /has 2 fingerprints/],
    [
      '65 payload types',
      sdp => sdp.replace(/^m=audio.*/m, `m=audio 9 UDP/TLS/RTP/SAVPF ${Array.from({ length: 65 }, (_, i) => i).join(' ')}`),
      /media section is malformed/,
    ],
    [
      'a payload type of four digits',
      sdp => sdp.replace(/^m=audio.*/m, 'm=audio 9 UDP/TLS/RTP/SAVPF 1111'),
      /media section is malformed/,
    ],
    [
      'a payload type of letters',
      sdp => sdp.replace(/^m=audio.*/m, 'm=audio 9 UDP/TLS/RTP/SAVPF a'),
      /media section is malformed/,
    ],
    ['media without encryption', sdp => sdp.replaceAll('UDP/TLS/RTP/SAVPF', 'RTP/AVP'), /media section is malformed/],
    ['another kind of media', sdp => sdp.replace('m=audio', 'm=text'), /neither audio, nor video, nor a data channel/],
    ['another data section', sdp => sdp.replace('webrtc-datachannel', 'websocket'), /data section is malformed/],
    ['port 65536', sdp => sdp.replace('m=audio 9', 'm=audio 65536'), /neither audio/],
    ['a section without a user fragment', sdp => sdp.replace(/^a=ice-ufrag.*\r\n/m, ''), /no ice-ufrag/],
    ['a section without a password', sdp => sdp.replace(/^a=ice-pwd.*\r\n/m, ''), /no ice-pwd/],
    ['a DTLS role of its own', sdp => sdp.replace('a=setup:actpass', 'a=setup:holdconn'), /setup role is unknown/],
    ['49 KiB', sdp => sdp + 'a=x\r\n'.repeat(10_000), /longer than 49152 characters/],
    ['a control character', sdp => sdp.replace('s=-', 's=\u001B'), /printable ASCII/],
  ])('are refused: %s [Law 1]', (_name, change, text) => {
    expect(refusal(change(good))).toMatch(text)
  })

  test('of data alone that core/sdp.ts refuses are refused, except for those that calls have [Law 1]', () => {
    const fine = [
      'an audio section',
      'a video section',
      'a section of audio',
      'a section of video',
      'a giant line',
      'max-message-size',
      'ten thousand',
      'two identities',
      'itself',
    ]
    const [{ offer }] = samples as [(typeof samples)[number]]
    const hostile = hostileDescriptions(offer).filter(({ name }) => !fine.some(part => name.includes(part)))
    expect(hostile.length).toBeGreaterThan(50)
    expect(
      hostile.filter(({ sdp }) => !refusal(sdp).startsWith('refused a session description: ')).map(({ name }) => name),
    ).toEqual([])
  })

  test('lose candidates with host names and those beyond 20, and keep relays [Law 6]', () => {
    const line = (i: number, address: string, type = 'host') =>
      `a=candidate:${i} 1 udp ${i} ${address} ${1_000 + i} typ ${type}\r\n`
    const extra = [
      line(1, 'evil.example'),
      ...Array.from({ length: 40 }, (_, i) => line(i + 2, '192.0.2.1')),
      line(99, '192.0.2.9', 'relay'),
      line(100, '999.1.1.1'),
    ].join('')
    const { text } = parseMediaSdp(good + extra)
    expect(text).not.toMatch(/evil|999\.1/)
    expect(text.match(/^a=candidate/gm)).toHaveLength(20)
    expect(text).toContain('typ relay')
  })

  test('give a parsed description or a ProtocolError, whatever lines are changed, moved, repeated or removed [Law 1]', () => {
    const lines = good.split('\r\n')
    const edit = fc.record({
      at: fc.nat(lines.length),
      to: fc.nat(lines.length),
      how: fc.constantFrom('drop', 'twice', 'move', 'cut', 'text'),
      text: fc.string(),
    })
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 6 }), edits => {
        const changed = [...lines]
        for (const { at, to, how, text } of edits) {
          const line = changed[at] ?? ''
          if (how === 'drop') changed.splice(at, 1)
          else if (how === 'twice') changed.splice(to, 0, line)
          else if (how === 'move') changed.splice(to, 0, ...changed.splice(at, 1))
          else changed[at] = how === 'cut' ? line.slice(0, to) : text
        }
        const outcome = refusal(changed.join('\r\n'))
        expect(outcome).toMatch(/^(accepted|refused a session description: )/)
      }),
      { numRuns: 2_000 },
    )
  })

  test('give a ProtocolError for any other value [Law 1]', () => {
    fc.assert(
      fc.property(fc.anything(), value => {
        expect(refusal(value)).toMatch(/^refused a session description: /)
      }),
    )
  })
})
