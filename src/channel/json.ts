/** Messages as bytes or texts and back, with clear errors for what has neither form, or is none. */
import { kindOf, shown } from '../core/arguments.js'
import { ProtocolError, reasonOf, SwarmlinkError } from '../core/errors.js'
import type { Json, Sendable } from './messenger.js'

/** `JSON.parse` takes any depth; whoever walks what comes out of it would overflow the stack. */
export const MAX_DEPTH = 500

/** What to send instead of what JSON makes an empty object of. */
const INSTEAD: Record<string, string> = {
  Blob: 'await blob.arrayBuffer()',
  Error: 'error.message',
  File: 'await file.arrayBuffer()',
  Map: '[...map]',
  Promise: 'what it resolves to, after an await',
  Set: '[...set]',
}

/** A message as it travels: bytes as they are, anything else as JSON. */
export function payloadOf(message: Sendable): Uint8Array | string {
  return bytesOf(message) ?? stringify(message)
}

/** A view of what is bytes, whatever it calls itself; undefined for anything else. */
export function bytesOf(message: unknown): Uint8Array | undefined {
  if (message instanceof Uint8Array) return message
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
  return message instanceof ArrayBuffer ? new Uint8Array(message) : undefined
}

export function stringify(message: unknown): string {
  let text: string | undefined
  try {
    checkForm(message)
    text = JSON.stringify(message)
  } catch (cause) {
    if (cause instanceof SwarmlinkError) throw cause
    throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `this message has no JSON form: ${reasonOf(cause)}`, { cause })
  }
  if (text === undefined) throw formless(message)
  return text
}

/** Throws for what JSON leaves out, or makes an empty object of, without a word. */
export function checkForm(message: unknown): void {
  if (message === undefined || typeof message === 'function' || typeof message === 'symbol') throw formless(message)
  if (typeof message !== 'object' || message === null || 'toJSON' in message) return
  const kind = kindOf(message)
  if (kind === 'Object' || kind === 'Array') return // what nearly everybody sends
  if (kind === 'Error' || JSON.stringify(message) === '{}') throw formless(message, INSTEAD[kind])
}

/** What a remote sent as JSON. */
export function parse(text: string): Json {
  if (isDeep(text)) throw new ProtocolError('ERR_BAD_FRAME', `the peer sent JSON that is nested deeper than ${MAX_DEPTH}`)
  try {
    return JSON.parse(text) as Json // whatever JSON.parse gives is Json
  } catch (cause) {
    throw new ProtocolError('ERR_BAD_FRAME', 'the peer sent a text that is not JSON', { cause })
  }
}

function formless(message: unknown, instead = 'plain objects, lists, texts or bytes'): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', `${shown(message)} has no JSON form: send ${instead}`)
}

/** Counts brackets. Not by a regular expression: a long text in it overflows the stack. */
export function isDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (quoted) {
      if (character === '\\') i++
      else if (character === '"') quoted = false
    } else if (character === '"') quoted = true
    else if (character === '[' || character === '{') {
      if (++depth > MAX_DEPTH) return true
    } else if (character === ']' || character === '}') depth--
  }
  return false
}
