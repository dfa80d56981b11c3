/** The URLs of trackers and signal servers, and their names. */
import { invalid } from '../core/arguments.js'
import { urlName } from '../core/secrets.js'

/** Returns a `ws:` or `wss:` URL in its normal form, or throws ERR_INVALID_ARGUMENT. */
export function checkSocketUrl(name: string, url: unknown): string {
  let parsed: URL | undefined
  try {
    parsed = typeof url === 'string' ? new URL(url) : undefined
  } catch {
    parsed = undefined
  }
  if (parsed === undefined || (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:') || parsed.hostname === '')
    throw invalid(name, 'a ws: or wss: URL', typeof url === 'string' ? urlName(url) : url)
  parsed.hash = '' // some browsers refuse a WebSocket URL that has one
  return parsed.href
}

/**
 * The name of the tracker or signal server at this URL in errors, logs, statistics, metrics and the `update` event: its origin, and a short
 * hash of the URL if it has user info, a path or a query, because each of them may be a secret. The name is the same in every process.
 *
 * @example
 * const names = new Map(trackers.map(url => [serverName(url), url]))
 * manager.on('update', ({ url }) => console.log(names.get(url)))
 */
export function serverName(url: string): string {
  return urlName(checkSocketUrl('the first argument', url))
}
