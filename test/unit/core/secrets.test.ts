import { describe, expect, test } from 'vitest'
import { urlName, withoutSecrets } from '../../../src/core/secrets.js'

/** Matches a name that is this origin and a hash. */
const hashed = (origin: string) => expect.stringMatching(new RegExp(`^${origin.replaceAll(/[[\].?]/g, '\\$&')}#[\\da-f]{8}$`))

describe('urlName', () => {
  test.each([
    ['wss://host.test/secret/announce', 'wss://host.test'],
    ['wss://host.test:8000/announce?passkey=secret&x=secret#y', 'wss://host.test:8000'],
    ['wss://host.test/?secret', 'wss://host.test'],
    ['wss://me:secret@host.test', 'wss://host.test'],
    ['wss://secret@host.test:8000/', 'wss://host.test:8000'],
    ['wss://me:se%40secret@host.test/', 'wss://host.test'],
    ['ws://me:secret@[::1]:8000/secret', 'ws://[::1]:8000'],
    ['nats://me:secret@host.test:4222', 'nats://host.test:4222'],
    ['https://host.test/secret/announce', 'https://host.test'],
    ['turn:me:secret@host.test:3478', 'turn:host.test:3478'],
    ['turn:me:secret@host.test:3478?transport=udp', 'turn:host.test:3478?transport=udp'],
    ['turn:host.test:3478?key=secret', 'turn:host.test:3478'],
    ['host.test/secret', 'host.test'],
    ['wss:/secret@host.test', 'wss://host.test'],
    ['wss://me:secret', 'wss://'],
    ['wss://me:secret/secret@host.test', 'wss://'],
  ])('returns the origin and a short hash if the URL may have a secret: %s [X5]', (url, origin) => {
    expect(urlName(url)).toEqual(hashed(origin))
    expect(urlName(url)).not.toContain('secret')
  })

  test.each([
    ['wss://host.test', 'wss://host.test'],
    ['WSS://HOST.test:443/#x', 'wss://host.test'],
    ['ws://[::1]:8000/', 'ws://[::1]:8000'],
    ['stun:host.test:3478', 'stun:host.test:3478'],
    ['turn:host.test?transport=tcp', 'turn:host.test?transport=tcp'],
    ['not a url', 'not a url'],
    ['', ''],
  ])('returns the origin alone if the URL has no other part: %s [X5]', (url, name) => {
    expect(urlName(url)).toBe(name)
  })

  test('differs for each URL of one origin, and is the same for each spelling of one URL [X5]', () => {
    const urls = ['', '/a', '/b', '/a?x=1', '/a?x=2'].map(rest => `wss://host.test${rest}`)
    urls.push('wss://me:one@host.test/a', 'wss://me:two@host.test/a')
    expect(new Set(urls.map(urlName)).size).toBe(urls.length)
    expect(urlName('WSS://Host.test:443/a#part')).toBe(urlName('wss://host.test/a'))
  })

  test.each([
    'wss://host.test#0123abcd',
    'wss://host.test#0123abcd-2',
    'turn:host.test:1?transport=udp#0123abcd',
    'wss://#0123abcd',
  ])('returns a name unchanged, so that an error which quotes another error names the same server: %s [X5]', name => {
    expect(urlName(name)).toBe(name)
    expect(withoutSecrets(`no link to ${name}: gone`)).toBe(`no link to ${name}: gone`)
  })
})

describe('withoutSecrets', () => {
  test.each([
    [
      'no link to nats://a:secret@one.test, wss://two.test/secret: gone',
      /^no link to nats:\/\/one\.test#\w{8}, wss:\/\/two\.test#\w{8}: gone$/,
    ],
    ["Invalid URL: 'wss://one.test/secret'.", /^Invalid URL: 'wss:\/\/one\.test#\w{8}'\.$/],
    ['{"url":"wss://one.test/secret","n":1}', /^\{"url":"wss:\/\/one\.test#\w{8}","n":1\}$/],
    ['bad server turn:me:secret@one.test (400)', /^bad server turn:one\.test#\w{8} \(400\)$/],
    ['GET https://me:secret@one.test/a failed', /^GET https:\/\/one\.test#\w{8} failed$/],
    ['GET https://one.test/a?key=secret failed', /^GET https:\/\/one\.test#\w{8} failed$/],
    [`wss://one.test/${'secret'.repeat(1_000)} failed`, /^wss:\/\/one\.test#\w{8} failed$/],
  ])('replaces a URL with secrets by the name of its server: %s [X8]', (text, shown) => {
    expect(withoutSecrets(text)).toMatch(shown)
    expect(withoutSecrets(text)).not.toContain('secret')
  })

  test.each([
    'see https://nodejs.org/api/errors.html#err_x, please',
    'cannot load https://app.test/assets/chunk.js',
    'at file:///work/a.js?v=1:2:3',
    'ws://127.0.0.1:8000 is away',
    'stun:host.test:3478',
    'stun: no answer',
    'is it a?',
    'me@host.test',
    '',
    '✔ ünïcode',
  ])('leaves a text without secrets unchanged: %s [X8]', text => {
    expect(withoutSecrets(text)).toBe(text)
  })

  test('takes less than 1 s for hostile texts of 100 000 characters [X8]', () => {
    const hostile = [
      'a://'.repeat(25_000),
      `wss://${','.repeat(100_000)}`,
      'a'.repeat(100_000),
      '@'.repeat(100_000),
      'turn:'.repeat(20_000),
    ]
    const began = performance.now()
    for (const text of hostile) withoutSecrets(text)
    expect(performance.now() - began).toBeLessThan(1_000)
  })
})
