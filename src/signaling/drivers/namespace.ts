/** Namespaces, which route messages to handlers: lists of texts of any characters, within bounds. Pure. */
import { invalid } from '../../core/arguments.js'

/** swarmlink's own namespaces have at most three tokens; each of its drivers can carry this many. */
export const MAX_TOKENS = 8
/** Characters in all tokens together: eight times an id and a room's name as long as a line of text. */
export const MAX_NAMESPACE_LENGTH = 1024

export function isNamespace(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_TOKENS) return false
  let length = 0
  for (const token of value as unknown[]) {
    if (typeof token !== 'string') return false
    length += token.length
  }
  return length <= MAX_NAMESPACE_LENGTH
}

export function checkNamespace(namespace: unknown): void {
  if (!isNamespace(namespace))
    throw invalid('a namespace', `a list of 1 to ${MAX_TOKENS} texts of ${MAX_NAMESPACE_LENGTH} characters in all`, namespace)
}

/** A unique text per namespace. JSON, because a token may contain any separator. */
export function keyOf(namespace: readonly string[]): string {
  return JSON.stringify(namespace)
}
