/** Test bytes, and how to compare megabytes of them. */
import type { Message } from '../../src/channel/messages/messenger.js'

/** Bytes that differ from those of any other seed, and at any other offset. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** A short digest of a message. An assertion on megabytes takes a minute, so they are compared by their sums. */
export function gist(message: Message): string {
  if (!(message instanceof Uint8Array))
    return JSON.stringify(message, (_key, value) => (value instanceof Uint8Array ? gist(value) : value))
  let sum = 7
  for (let i = 0; i < message.length; i++) sum = (Math.imul(sum, 31) + (message[i] ?? 0)) >>> 0
  return `${message.length} bytes, ${sum}`
}
