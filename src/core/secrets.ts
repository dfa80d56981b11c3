/** Removes secrets from URLs, because errors, logs and statistics end up in issues and metric collectors. */
import { sha256, toHex, utf8 } from './bytes.js'

/**
 * Four bytes distinguish all trackers of a client, and match a name to a known URL. They hide a pass key, which is random; a reader can
 * use them to confirm the guess of a weak password.
 */
const HASH_BYTES = 4
/** With a number if two trackers have the same hash. */
const HASH = /^#[\da-f]{8}(?:-\d{1,3})?$/

/** `scheme:` with slashes, user info, host and port, path and query, fragment. */
const PARTS = /^((?:[a-z][a-z\d+.-]{0,20}:)?\/{0,2})(?:([^/?#]*)@)?([^/?#]*)([^#]*)(.*)$/is
const HOST = /^(?:[\w.-]*|\[[\da-f:.]*\])(?::\d*)?$/i
/** The query `transport=tcp` of a TURN server is not a secret. */
const TRANSPORT = /^\?transport=(?:udp|tcp)$/i

/** URLs in a text. The scheme's length is bounded, because a remote peer may have chosen the text. */
const URLS = /\b(?:[a-z][a-z\d+.-]{0,20}:\/\/|(?:turn|stun)s?:)[^\s"<>]+/gi
/** Punctuation of the sentence behind a URL. */
const PUNCTUATION = /[,.:;!?)}'`]{1,8}$/
/** URLs of servers: their path may be a pass key. The path of any other URL is a file, a page or a module. */
const SERVER = /^(?:wss?|nats|tls|turns?|stuns?):/i

/**
 * The name of a server in errors, logs, statistics and metrics: the origin of its URL, and a short hash of the URL if it has user info, a
 * path or a query, which may be secrets. `wss://host/PASSKEY/announce` becomes `wss://host#1f0c3a5e`. A name is returned unchanged.
 */
export function urlName(url: string): string {
  const normal = normalized(url)
  const [, scheme = '', user, host = '', path = '', fragment = ''] = PARTS.exec(normal) ?? []
  const isBare = user === undefined && (path === '' || path === '/' || TRANSPORT.test(path))
  const origin = scheme + (HOST.test(host) ? host : '') + (TRANSPORT.test(path) ? path : '')
  if (isBare && (HOST.test(host) || scheme === '')) return (scheme === '' ? host : origin) + (HASH.test(fragment) ? fragment : '')
  return `${origin}#${hashOf(normal.slice(0, normal.length - fragment.length))}`
}

/** Replaces each URL of a server, and each other URL with user info or a query, by its {@link urlName}. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(URLS, found => {
    const end = PUNCTUATION.exec(found)?.index ?? found.length
    const url = found.slice(0, end)
    return (hasSecret(url) ? urlName(url) : url) + found.slice(end)
  })
}

function hasSecret(url: string): boolean {
  if (SERVER.test(url)) return true
  const [, scheme, user, , path = ''] = PARTS.exec(url) ?? []
  return scheme?.toLowerCase() !== 'file://' && (user !== undefined || path.includes('?'))
}

/** The URL as the class `URL` writes it, so that one server has one name; unchanged if it is invalid. */
function normalized(url: string): string {
  try {
    return new URL(url).href
  } catch {
    return url
  }
}

function hashOf(text: string): string {
  return toHex(sha256(utf8.encode(text)).subarray(0, HASH_BYTES))
}
