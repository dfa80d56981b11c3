/** Whatever was thrown, in words: what it means, and what to do about it. Pure. */
import { reasonOf } from '../core/errors.js'
import { Trouble, type Outcome } from './finding.js'

/** What systems, TLS and `ws` call what went wrong, and what it means. */
const CAUSES: ReadonlyArray<[pattern: RegExp, says: string, advice: string]> = [
  [
    /ENOTFOUND|EAI_\w+/,
    'its name cannot be resolved',
    'Check the spelling; if other names cannot be resolved either, this machine is offline or has no DNS',
  ],
  [/ECONNREFUSED/, 'nothing listens there', 'Check host and port, and that the server runs'],
  [
    /ENETUNREACH|EHOSTUNREACH|ENETDOWN|EADDRNOTAVAIL/,
    'no way leads there',
    'This machine is offline, or has no address of that kind (IPv4 or IPv6)',
  ],
  [/EACCES|EPERM/, 'this machine forbids it', 'Look at its firewall'],
  [/ETIMEDOUT|ESOCKETTIMEDOUT/, 'nobody answers there', 'The server is away, or a firewall on the way swallows what is sent'],
  [/ECONNRESET|EPIPE/, 'the connection is cut', 'The server, or a proxy or firewall on the way, does not want it'],
  [
    /\w*(?:CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS)\w*|EPROTO/,
    'its TLS is not accepted',
    'Check that the certificate is valid for this name, and that ws: or wss: is what the server speaks',
  ],
  [
    /Unexpected server response: \d+/,
    'it is a web server, but takes no WebSocket there',
    'Check the path: some trackers are at /announce, others at the root',
  ],
]

export function explain(thrown: unknown): Outcome {
  if (thrown instanceof Trouble) return { verdict: 'fails', says: thrown.message, advice: thrown.advice }
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
