import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../src/core/errors.js'
import {
  isCandidate,
  MAX_CANDIDATES,
  MAX_SDP_LENGTH,
  withAnswererAsDtlsClient,
  withOffererAsDtlsClient,
  parseSdp,
  trimCandidates,
  withAlone,
  withIdentity,
  withIsolated,
} from '../../../src/core/sdp.js'
import { hostileDescriptions } from '../../support/hostile/hostile-sdp.js'
import { offerSdp, samples } from '../../support/sdp-samples.js'

/** Firefox's form: its own session name, attributes at session level, TCP candidates at port 9, a max-message-size of 1 GiB. */
const firefox = [
  'v=0',
  'o=mozilla...THIS_IS_SDPARTA-99.0 4962303333179871722 0 IN IP4 0.0.0.0',
  's=-',
  't=0 0',
  'a=sendrecv',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
  'a=group:BUNDLE 0',
  'a=ice-options:trickle',
  'a=msid-semantic:WMS *',
  'm=application 53513 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 192.0.2.1',
  'a=candidate:0 1 UDP 2122252543 3f1f6a2c-6f0b-4b3c-9b3b-0b0a6d1c2d3e.local 53513 typ host',
  'a=candidate:1 1 TCP 2105524479 3f1f6a2c-6f0b-4b3c-9b3b-0b0a6d1c2d3e.local 9 typ host tcptype active',
  'a=candidate:2 1 UDP 1685987327 192.0.2.1 53513 typ srflx raddr 0.0.0.0 rport 0',
  'a=sendrecv',
  'a=end-of-candidates',
  'a=ice-pwd:0123456789abcdef0123456789abcdef',
  'a=ice-ufrag:01234567',
  'a=mid:0',
  'a=setup:actpass',
  'a=sctp-port:5000',
  'a=max-message-size:1073741823',
  '',
].join('\r\n')
const real = [
  ...samples.flatMap(({ engine, offer, answer }) => [
    { name: `${engine}'s offer`, sdp: offer },
    { name: `${engine}'s answer`, sdp: answer },
  ]),
  { name: "Firefox's offer", sdp: firefox },
]

const candidate = (i: number, typ = 'host', transport = 'udp') =>
  `a=candidate:${i} 1 ${transport} ${i} 192.0.2.1 ${1_000 + i} typ ${typ}\r\n`
const candidatesOf = (text: string) => text.split('\r\n').filter(line => line.startsWith('a=candidate:'))
const bare = offerSdp.replaceAll(/^a=candidate:.*\r\n/gm, '')

describe('parseSdp with descriptions of engines', () => {
  test.each(real)('leaves $name unchanged [A9]', ({ sdp }) => {
    const parsed = parseSdp(sdp)
    expect(parsed.text).toBe(sdp)
    expect(parsed.fingerprint).toMatch(/^sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    expect(parsed.maxMessageSize).toBe(sdp === firefox ? 1_073_741_823 : 262_144)
    expect(parsed.identity).toBeUndefined()
    expect(trimCandidates(sdp)).toBe(sdp)
  })

  test('normalises line ends without a carriage return, blank lines and a lower-case fingerprint [A9]', () => {
    const loose = offerSdp.replaceAll('\r\n', '\n\n').replace(/sha-256 .*/, line => line.toLowerCase())
    const parsed = parseSdp(loose)
    expect(parsed.text.toLowerCase()).toBe(offerSdp.toLowerCase())
    expect(parsed.fingerprint).toBe(parseSdp(offerSdp).fingerprint)
  })

  test('accepts an attribute that is repeated with the same value, and the older form of the media section [A9]', () => {
    const twice = offerSdp.replace(/^a=(fingerprint|ice-ufrag|ice-pwd|setup|sctp-port):.*\r\n/gm, '$&$&')
    expect(parseSdp(twice).fingerprint).toBe(parseSdp(offerSdp).fingerprint)
    expect(parseSdp(offerSdp.replace('UDP/DTLS/SCTP webrtc-datachannel', 'DTLS/SCTP 5000')).text).toContain('DTLS/SCTP 5000')
  })

  test.each([
    [undefined, 65_536],
    ['0', Number.MAX_SAFE_INTEGER],
    ['1', 1],
    ['18446744073709551615', Number.MAX_SAFE_INTEGER],
  ])('reads max-message-size %s as %d [A9]', (value, size) => {
    const line = value === undefined ? '' : `a=max-message-size:${value}\r\n`
    expect(parseSdp(offerSdp.replace(/^a=max-message-size:.*\r\n/m, line)).maxMessageSize).toBe(size)
  })

  test('keeps at most 20 candidates: relay and reflexive before host, UDP before TCP, in the order of the description [A9]', () => {
    const many = [
      ...Array.from({ length: 15 }, (_, i) => candidate(i, 'host', 'tcp')),
      ...Array.from({ length: 15 }, (_, i) => candidate(20 + i)),
      ...Array.from({ length: 3 }, (_, i) => candidate(40 + i, 'srflx')),
      ...Array.from({ length: 3 }, (_, i) => candidate(50 + i, 'relay')),
    ].join('')
    for (const text of [parseSdp(bare + many).text, trimCandidates(bare + many)]) {
      const ids = candidatesOf(text).map(line => Number(/^a=candidate:(\d+)/.exec(line)?.[1]))
      expect(ids).toHaveLength(MAX_CANDIDATES)
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
      expect(ids.filter(id => id >= 40)).toEqual([40, 41, 42, 50, 51, 52])
      expect(ids.filter(id => id < 20)).toHaveLength(0)
    }
  })

  test('counts a repeated candidate once [A9]', () => {
    expect(candidatesOf(parseSdp(bare + candidate(1).repeat(200)).text)).toHaveLength(1)
    expect(candidatesOf(trimCandidates(bare + candidate(1).repeat(200)))).toHaveLength(1)
  })
})

describe('candidates', () => {
  const line = (address: string, rest = '9 typ host') => `candidate:1 1 udp 2122260223 ${address} ${rest}`

  test.each([
    '192.0.2.1',
    '0.0.0.0',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    '2001:db8::192.0.2.1',
    '1:2:3:4:5:6:7:8',
    '::ffff:192.0.2.1',
    'ABCD::',
    '5155d152-01ba-4fc6-9454-52b522bddf34.local',
  ])('accepts a candidate with the address %s [A9]', address => {
    expect(isCandidate(line(address))).toBe(true)
    expect(isCandidate(`a=${line(address)}`)).toBe(true)
    expect(candidatesOf(parseSdp(`${bare}a=${line(address)}\r\n`).text)).toHaveLength(1)
  })

  test.each([
    '',
    'localhost',
    'evil.example',
    'evil.example.',
    '192.0.2',
    '192.0.2.1.5',
    '192.0.2.256',
    '192.0.2.1.evil.example',
    '0x7f.0.0.1',
    '2130706433',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    ':::',
    ':',
    '12345::',
    'fe80::1%eth0',
    '::192.0.2.256',
    '[::1]',
    'evil.local',
    'a.b.local',
    '.local',
    '127.1',
    'local',
  ])('drops a candidate with the address %j [A9]', address => {
    expect(isCandidate(line(address))).toBe(false)
    expect(candidatesOf(parseSdp(`${bare}a=${line(address)}\r\n`).text)).toHaveLength(0)
  })

  test.each([
    'candidate:1 0 udp 1 192.0.2.1 9 typ host',
    'candidate:1 2 udp 1 192.0.2.1 9 typ host',
    'candidate:1 1 sctp 1 192.0.2.1 9 typ host',
    'candidate:1 1 udp -1 192.0.2.1 9 typ host',
    'candidate:1 1 udp 4294967296 192.0.2.1 9 typ host',
    'candidate:1 1 udp 1 192.0.2.1 65536 typ host',
    'candidate:1 1 udp 1 192.0.2.1 9',
    'candidate:1 1 udp 1 192.0.2.1 9 typ friend',
    'candidate:1 1 udp 1 192.0.2.1 9 type host',
    `candidate:${'1'.repeat(65)} 1 udp 1 192.0.2.1 9 typ host`,
    `candidate:1 1 udp 1 192.0.2.1 9 typ host ${'x'.repeat(600)}`,
    'candidate:1 1 udp 1 192.0.2.1 9 typ host\r\nm=audio 9 X 0',
    'candidate:1 1 udp 1 192.0.2.1 9 typ host\u0000',
    'candidate:',
    '',
    'x candidate:1 1 udp 1 192.0.2.1 9 typ host',
  ])('refuses the candidate %j [A9]', text => expect(isCandidate(text)).toBe(false))

  test('accepts the same IPv6 addresses as the URL parser [A9]', () => {
    const part = fc.oneof(
      fc.constantFrom('', ':', '::', '.', '1.2.3.4', '256', 'g', '0'),
      fc.integer({ min: 0, max: 0x1ffff }).map(n => n.toString(16)),
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 10 }), parts => {
        const address = parts.join(':')
        fc.pre(address.includes(':'))
        let valid = true
        try {
          valid = new URL(`http://[${address}]/`).hostname !== ''
        } catch {
          valid = false
        }
        expect([address, isCandidate(line(address))]).toEqual([address, valid])
      }),
      { numRuns: 1_500 },
    )
  })
})

describe('parseSdp with hostile descriptions', () => {
  test.each(samples.flatMap(({ engine, offer }) => hostileDescriptions(offer).map(hostile => ({ ...hostile, engine }))))(
    "refuses $engine's offer with $name [A9]",
    ({ sdp }) => {
      expect(() => parseSdp(sdp)).toThrow(ProtocolError)
      expect(() => parseSdp(sdp)).toThrow(expect.objectContaining({ code: 'ERR_BAD_SDP' }))
    },
  )

  test('refuses values that are not strings, also if they can be converted to one [A9]', () => {
    for (const value of [undefined, null, 7, {}, [], new String(offerSdp), { toString: () => offerSdp }])
      expect(() => parseSdp(value)).toThrow(ProtocolError)
  })

  test('refuses a mutated description, or returns a stable one: one data section, at most 20 candidates, printable ASCII [A9]', () => {
    const mutation = fc.record({
      at: fc.nat(1_500),
      cut: fc.nat(60),
      put: fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.constantFrom('\r\n', 'm=audio 9 X 0\r\n', 'a=', '\n', candidate(3), 'a=setup:active\r\n'),
      ),
    })
    fc.assert(
      fc.property(fc.constantFrom(...real), fc.array(mutation, { minLength: 1, maxLength: 4 }), ({ sdp }, mutations) => {
        let text = sdp
        for (const { at, cut, put } of mutations) text = text.slice(0, at) + put + text.slice(at + cut)
        let parsed
        try {
          parsed = parseSdp(text)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
          return
        }
        expect(parsed.text.match(/^m=/gm)).toHaveLength(1)
        expect(parsed.text).toMatch(/^[\r\n\x20-\x7e]*$/)
        expect(parsed.text.length).toBeLessThanOrEqual(2 * MAX_SDP_LENGTH)
        expect(candidatesOf(parsed.text).length).toBeLessThanOrEqual(MAX_CANDIDATES)
        expect(parseSdp(parsed.text)).toEqual(parsed)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('edits of a description', () => {
  test.each(real)('withIdentity() adds the line to $name, parseSdp() reads it, and nothing else changes [X3]', ({ sdp }) => {
    const identity = `1 ${'ab'.repeat(20)} $& $1 $$ base64url_-`
    const parsed = parseSdp(withIdentity(sdp, identity))
    expect(parsed.identity).toBe(identity)
    expect(parsed.text.replace(`a=swarmlink:${identity}\r\n`, '')).toBe(sdp)
    expect(parsed.text.indexOf('a=swarmlink')).toBeLessThan(parsed.text.indexOf('m='))
    const { identity: _line, text: _text, ...rest } = parsed
    expect(parseSdp(sdp)).toMatchObject(rest)
  })

  test.each([
    ['alone', withAlone],
    ['isolated', withIsolated],
  ] as const)('parseSdp() reads the line for `%s`, and nothing else changes [X1]', (name, add) => {
    const plain = parseSdp(offerSdp)
    const { text, ...rest } = parseSdp(add(offerSdp))
    expect(plain[name]).toBeUndefined()
    expect(text.replace(`a=swarmlink-${name}\r\n`, '')).toBe(plain.text)
    const { text: _text, ...others } = plain
    expect(rest).toEqual({ ...others, [name]: true })
    expect(text.indexOf('a=swarmlink-')).toBeLessThan(text.indexOf('m='))
  })

  test('withOffererAsDtlsClient() changes setup:actpass to setup:active, with either line end [X4]', () => {
    expect(withOffererAsDtlsClient(offerSdp)).toBe(offerSdp.replace('a=setup:actpass', 'a=setup:active'))
    expect(withOffererAsDtlsClient(offerSdp.replaceAll('\r\n', '\n'))).toContain('\na=setup:active\n')
    const passive = offerSdp.replace('a=setup:actpass', 'a=setup:passive')
    expect(withOffererAsDtlsClient(passive)).toBe(passive)
  })

  test('withAnswererAsDtlsClient() takes that back [X4]', () => {
    for (const sdp of [offerSdp, offerSdp.replaceAll('\r\n', '\n')])
      expect(withAnswererAsDtlsClient(withOffererAsDtlsClient(sdp))).toBe(sdp)
  })
})
