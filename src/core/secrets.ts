/** Takes secrets out of URLs, because errors, logs and statistics are pasted into issues and served to metric collectors. */
import { sha256, toHex, utf8 } from './bytes.js'

/**
 * Four bytes tell all trackers of a client apart, and match a name to a URL that is known. They hide a pass key, which is random; they
 * let a reader confirm a guess of a password that can be guessed.
 */
const HASH_BYTES = 4
/** With the number of a tracker whose hash another one has. */
const HASH = /^#[\da-f]{8}(?:-\d{1,3})?$/

/** `scheme:` and slashes, user info, host and port, and the rest. */
const PARTS = /^((?:[a-z][a-z\d+.-]{0,20}:)?\/{0,2})(?:([^/?#]*)@)?([^/?#]*)([^#]*)(.*)$/is
const HOST = /^(?:[\w.-]*|\[[\da-f:.]*\])(?::\d*)?$/i
/** `transport=tcp` of a TURN server is no secret. */
const TRANSPORT = /^\?transport=(?:udp|tcp)$/i

/** URLs in a text. A scheme has a bound, because a remote may have chosen the text. */
const URLS = /\b(?:[a-z][a-z\d+.-]{0,20}:\/\/|(?:turn|stun)s?:)[^\s"<>]+/gi
/** What follows a URL in a sentence. */
const PUNCTUATION = /[,.:;!?)}'`]{1,8}$/
/** URLs of servers, whose path may be a pass key. The path of any other URL is a file, a page or a module. */
const SERVER = /^(?:wss?|nats|tls|turns?|stuns?):/i

/**
 * The name of a server in errors, logs, statistics and metrics: the origin of its URL, and a short hash of the URL if it has user info, a
 * path or a query, because each of them may be a secret. `wss://host/PASSKEY/announce` becomes `wss://host#1f0c3a5e`. A name is its own name.
 */
export function urlName(url: string): string {
  const normal = normalized(url)
  const [, scheme = '', user, host = '', path = '', fragment = ''] = PARTS.exec(normal) ?? []
  const isBare = user === undefined && (path === '' || path === '/' || TRANSPORT.test(path))
  const origin = scheme + (HOST.test(host) ? host : '') + (TRANSPORT.test(path) ? path : '')
  if (isBare && (HOST.test(host) || scheme === '')) return (scheme === '' ? host : origin) + (HASH.test(fragment) ? fragment : '')
  return `${origin}#${hashOf(normal.slice(0, normal.length - fragment.length))}`
}

/** The text with the {@link urlName} in place of each server's URL, and of each other URL that has user info or a query. */
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

/** As `URL` writes it, so that one server has one name; as it is if it cannot be read. */
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
