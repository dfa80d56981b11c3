import os from 'node:os'
import { expect, it } from 'vitest'
import { hasKnockedHere, ownAddresses, takeOfferOfThisMachine } from '../../../src/engine/this-machine.js'
import { replaceBuiltin } from '../../support/builtin.js'

it('takes no description for one of this machine where the system refuses to list its addresses [A10]', () => {
  replaceBuiltin(os, 'networkInterfaces', () => {
    throw new Error('uv_interface_addresses returned Unknown system error 13')
  })
  const offer = 'v=0\r\no=rtc 1 0 IN IP4 127.0.0.1\r\na=setup:passive\r\na=candidate:1 1 UDP 2 192.0.2.1 9 typ host\r\n'
  expect(ownAddresses()).toEqual(new Set())
  expect(takeOfferOfThisMachine(offer, [])).toBeUndefined()
  expect(hasKnockedHere(offer)).toBe(false)
})
