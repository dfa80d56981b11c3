import { describe, expect, test } from 'vitest'
import { withoutSecrets } from '../../../src/core/secrets.js'

describe('the text of a URL without its secrets', () => {
  test.each([
    ['wss://me:secret@host.test/announce', 'wss://***@host.test/announce'],
    ['wss://secret@host.test:8000/', 'wss://***@host.test:8000/'],
    ['wss://me:se%40cret@host.test/', 'wss://***@host.test/'],
    ['wss://host.test/announce?passkey=secret&x=secret#y', 'wss://host.test/announce?passkey=***&x=***#y'],
    ['turn:me:secret@host.test:3478', 'turn:***@host.test:3478'],
    ['turn:me:secret@host.test:3478?transport=udp', 'turn:***@host.test:3478?transport=udp'],
    ['no link to nats://a:secret@one.test, wss://b:secret@two.test', 'no link to nats://***@one.test, wss://***@two.test'],
    ['https://me:secret@host.test', 'https://***@host.test'],
  ])('hides user info and query values: %s [X8]', (text, shown) => {
    expect(withoutSecrets(text)).toBe(shown)
    expect(withoutSecrets(text)).not.toContain('secret')
  })

  test.each([
    'wss://host.test/announce',
    'ws://127.0.0.1:8000/a/b',
    'stun:host.test:3478',
    'is it a?',
    'me@host.test',
    '',
    '✔ ünïcode',
  ])('leaves a text without secrets as it is: %s [X8]', text => {
    expect(withoutSecrets(text)).toBe(text)
  })
})
