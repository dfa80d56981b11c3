/** Tells from the candidates of both ends whether only a TURN server could have connected them, and what to do then. Pure. */
import type { Candidates } from '../engine/engine.js'

const CANDIDATE = /candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ (\w+)/gi

const NEEDS_TURN =
  'no path to the peer: both sides are behind NATs that need a TURN server, and neither side has one that works: add ' +
  "{ urls: 'turn:HOST:3478', username, credential } to rtcConfig.iceServers on one side at least"

/** What to tell the user; undefined when the candidates do not say why there is no path. */
export function explainNoPath(candidates: Candidates): string | undefined {
  return needsTurn(candidates) ? NEEDS_TURN : undefined
}

/**
 * True when each end is behind a NAT of its own, at least one NAT changes ports, and neither end offers a relay. A NAT whose port is the
 * host's own keeps one mapping for all destinations, so two of those are passed without help; one that changes ports may give each
 * destination another (a symmetric NAT), and then the other end knows the wrong one.
 */
function needsTurn({ local, remote }: Candidates): boolean {
  const [ours, theirs] = [endOf(local), endOf(remote)]
  if (ours.relayed || theirs.relayed || ours.mapped.size === 0 || theirs.mapped.size === 0) return false
  if ([...ours.mapped].some(address => theirs.mapped.has(address))) return false // one router, or no NAT at all between them
  return ours.changesPorts || theirs.changesPorts
}

function endOf(text: string): { relayed: boolean; mapped: Set<string>; changesPorts: boolean } {
  const all = [...text.matchAll(CANDIDATE)].map(([, address = '', port = '', type = '']) => ({ address, port, type }))
  const hosts = all.filter(({ type }) => type === 'host')
  // A machine with an address of its own on the internet sees that address mapped to itself.
  const mapped = all.filter(({ type, address }) => type === 'srflx' && !hosts.some(host => host.address === address))
  return {
    relayed: all.some(({ type }) => type === 'relay'),
    mapped: new Set(mapped.map(({ address }) => address)),
    changesPorts: mapped.some(({ port }) => !hosts.some(host => host.port === port)),
  }
}
