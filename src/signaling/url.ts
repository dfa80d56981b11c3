/** The URLs of servers that signalling goes through. */
import { invalid } from '../core/arguments.js'

/** A `ws:` or `wss:` URL in its normal form, or a clear error. */
export function checkSocketUrl(name: string, url: unknown): string {
  let parsed: URL | undefined
  try {
    parsed = typeof url === 'string' ? new URL(url) : undefined
  } catch {
    parsed = undefined
  }
  if (parsed === undefined || (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:') || parsed.hostname === '')
    throw invalid(name, 'a ws: or wss: URL', url)
  parsed.hash = '' // some browsers refuse a WebSocket URL that has one
  return parsed.href
}
