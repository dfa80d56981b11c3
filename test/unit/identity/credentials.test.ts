import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toBase64Url } from '../../../src/core/bytes.js'
import { SwarmlinkError } from '../../../src/core/errors.js'
import { CredentialsError, parseCredentials } from '../../../src/identity/credentials.js'
import { fileCredentials } from '../../../src/identity/no-file-store.js'

const peerId = 'ab'.repeat(20)
const secret = toBase64Url(new Uint8Array(32).fill(7))

describe('parseCredentials [D7]', () => {
  it('returns peerId and secret, and drops other members', () => {
    expect(parseCredentials({ peerId, secret, note: 'mine' })).toEqual({ peerId, secret })
  })

  it.each([
    ['null', null, /expected an object/],
    ['a text', 'secret', /expected an object/],
    ['no peerId', { secret }, /peerId/],
    ['a short peerId', { peerId: 'ab', secret }, /peerId/],
    ['an upper-case peerId', { peerId: peerId.toUpperCase(), secret }, /peerId/],
    ['no secret', { peerId }, /secret/],
    ['a number for a secret', { peerId, secret: 5 }, /secret/],
    ['a short secret', { peerId, secret: toBase64Url(new Uint8Array(31)) }, /secret/],
    ['a long secret', { peerId, secret: toBase64Url(new Uint8Array(33)) }, /secret/],
    ['a padded secret', { peerId, secret: `${secret}=` }, /secret/],
    ['a secret in plain base64', { peerId, secret: `+/${secret.slice(2)}` }, /secret/],
    ['a secret that is not canonical', { peerId, secret: `${secret.slice(0, -1)}d` }, /secret/],
  ])('refuses %s', (_name, value, message) => {
    const parse = () => parseCredentials(value, 'the box')
    expect(parse).toThrow(CredentialsError)
    expect(parse).toThrow(expect.objectContaining({ code: 'ERR_CREDENTIALS', reason: 'damaged' }))
    expect(parse).toThrow(message)
    expect(parse).toThrow(/^the box: .*(Restore|remove)/)
  })

  it('throws only SwarmlinkErrors, which never contain the secret', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), fc.record({ peerId: fc.constant(peerId), secret: fc.string({ minLength: 8 }) })),
        value => {
          try {
            parseCredentials(value)
          } catch (error) {
            expect(error).toBeInstanceOf(SwarmlinkError)
            const given = typeof value === 'object' && value !== null && 'secret' in value ? value.secret : undefined
            if (typeof given === 'string' && /^[\w-]{8,}$/.test(given)) expect(String(error)).not.toContain(given)
          }
        },
      ),
    )
  })
})

describe('fileCredentials in a browser [D7]', () => {
  it('throws an error that names localCredentials', () => {
    expect(() => fileCredentials('peer.json')).toThrow(
      expect.objectContaining({ code: 'ERR_CREDENTIALS', reason: 'unavailable' }),
    )
    expect(() => fileCredentials('peer.json')).toThrow(/localCredentials/)
  })
})
