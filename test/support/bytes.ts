/** Bytes to send, and how to compare megabytes of them. */
import type { Message } from '../../src/channel/messenger.js'

/** Bytes that differ from those of any other seed, and at any other place. */
export function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** What a message says, in short: megabytes are compared by their sums, since an assertion takes a minute for each. */
export function gist(message: Message): string {
  if (!(message instanceof Uint8Array)) return JSON.stringify(message)
  let sum = 7
  for (let i = 0; i < message.length; i++) sum = (Math.imul(sum, 31) + (message[i] ?? 0)) >>> 0
  return `${message.length} bytes, ${sum}`
}
