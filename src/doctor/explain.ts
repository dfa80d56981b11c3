/** Explains a thrown error to users: what it means, and what to do. Pure. */
import { reasonOf } from '../core/errors.js'
import { CheckFailure, type Outcome } from './finding.js'

/** Error codes and messages of systems, TLS and `ws`, and what they mean. */
const CAUSES: ReadonlyArray<[pattern: RegExp, says: string, advice: string]> = [
  [
    /ENOTFOUND|EAI_\w+/,
    'its name cannot be resolved',
    'Check the spelling; if other names cannot be resolved either, this machine is offline or has no DNS server',
  ],
  [/ECONNREFUSED/, 'nothing listens there', 'Check host and port, and that the server runs'],
  [
    /ENETUNREACH|EHOSTUNREACH|ENETDOWN|EADDRNOTAVAIL/,
    'the host is unreachable',
    'This machine is offline, or has no address of that family (IPv4 or IPv6)',
  ],
  [/EACCES|EPERM/, 'this machine does not permit it', 'Check its firewall'],
  [/ETIMEDOUT|ESOCKETTIMEDOUT/, 'timeout: no answer', 'The server is down, or a firewall on the way drops the packets'],
  [/ECONNRESET|EPIPE/, 'the connection was reset', 'The server, or a proxy or firewall on the way, refuses it'],
  [
    /\w*(?:CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS)\w*|EPROTO/,
    'TLS failed',
    'Check that the certificate is valid for this name, and that ws: or wss: is what the server speaks',
  ],
  [
    /Unexpected server response: \d+/,
    'the web server accepts no WebSocket there',
    'Check the path: some trackers listen at /announce, others at the root',
  ],
]

export function explain(thrown: unknown): Outcome {
  if (thrown instanceof CheckFailure) return { verdict: 'fails', says: thrown.message, advice: thrown.advice }
  const texts = textsOf(thrown)
  for (const [pattern, says, advice] of CAUSES) {
    const found = texts.map(text => pattern.exec(text)).find(match => match !== null)
    if (found !== undefined) return { verdict: 'fails', says: `${says} (${found[0]})`, advice }
  }
  return { verdict: 'fails', says: reasonOf(thrown) }
}

/** The codes and messages of an error and of its causes, the nearest first. */
function textsOf(thrown: unknown): string[] {
  const seen = new Set<Error>() // a cause may be its own cause
  for (let error = thrown; error instanceof Error && !seen.has(error); error = error.cause) seen.add(error)
  return [...seen].flatMap(error => [...('code' in error ? [String(error.code)] : []), error.message])
}
