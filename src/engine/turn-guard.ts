/**
 * Stops libjuice from sending to private addresses through a TURN relay, because the TURN server may then close the relay. Knows no engine.
 *
 * libjuice pairs its relayed candidate with every remote candidate (paullouisageneau/libjuice#345, libdatachannel#1587), so the first
 * request to a TURN server is to send to, for instance, `10.0.2.2`. If the server's system refuses that packet (no route to
 * private ranges, or a firewall that rejects them) coturn closes the whole allocation: "udp send: Network is unreachable" or "Operation
 * not permitted" in its log (coturn#834; still so in its sources of August 2026). libjuice ignores that, and two peers behind
 * symmetric NATs fail after 39.5 s although the TURN server works. With coturn 4.6.1, 10 of 10 connections failed without this guard.
 *
 * libjuice pairs a relayed candidate with candidates of the same address family only, and sends from one dual-stack socket. So it gets a
 * private IPv4 address in its IPv6 form, `::ffff:10.0.2.2`: direct checks still leave, the relay is not used for them, and the remote
 * peer's own check makes the plain address a peer-reflexive candidate once packets arrive from there. Two hosts in one LAN connect as
 * fast: medians of 425 ms without and 457 ms with this guard, 15 connections each, 288 to 841 ms.
 */

import { usesTurn } from './ice-servers.js'
import type { RemoteFilter } from './quirks.js'

/** The parts of a UDP candidate: foundation to priority, address, port and the rest. */
const CANDIDATE = /^((?:a=)?candidate:\S+ \d+ udp \d+ )(\S+)( \d+ typ (\w+).*)$/i

export class TurnGuard implements RemoteFilter {
  /** The own relay has a private address, so that it serves a private network: the guard is off. */
  #private = false
  /** Remote candidates that the engine got in their IPv6 form only. */
  readonly #withheld = new Map<string, RTCIceCandidateInit>()

  /** Undefined if no TURN server is configured. */
  static for(config: RTCConfiguration): TurnGuard | undefined {
    return usesTurn(config) ? new TurnGuard() : undefined
  }

  description(sdp: string): string {
    const mid = /^a=mid:(.*?)\r?$/m.exec(sdp)?.[1] ?? '0'
    return sdp.replace(/^a=candidate:[^\r\n]*/gm, line => this.#take(line, mid))
  }

  candidate(init: RTCIceCandidateInit): RTCIceCandidateInit {
    return { ...init, candidate: this.#take(init.candidate ?? '', init.sdpMid ?? '0') }
  }

  /** Returns the withheld remote candidates, unchanged, if the local candidate shows that the relay is private. */
  gathered(candidate: string): RTCIceCandidateInit[] {
    const [, , address = '', , type] = CANDIDATE.exec(candidate) ?? []
    if (type !== 'relay' || !isPrivate(address)) return []
    this.#private = true
    const withheld = [...this.#withheld.values()]
    this.#withheld.clear()
    return withheld
  }

  #take(line: string, sdpMid: string): string {
    const [, head, address = '', rest, type] = CANDIDATE.exec(line) ?? []
    if (this.#private || type !== 'host' || !isPrivate(address)) return line
    const candidate = line.replace(/^a=/, '')
    this.#withheld.set(candidate, { candidate, sdpMid, sdpMLineIndex: 0 })
    return `${head}::ffff:${address}${rest}`
  }
}

/** IPv4 addresses that are not routed on the internet: RFC 1918, carrier-grade NAT (RFC 6598), link-local (RFC 3927), loopback. */
function isPrivate(address: string): boolean {
  const [a = Number.NaN, b = Number.NaN, ...rest] = address.split('.').map(Number)
  if (rest.length !== 2) return false
  if (a === 10 || a === 127) return true
  if (a === 172) return b >= 16 && b < 32
  if (a === 100) return b >= 64 && b < 128
  return (a === 192 && b === 168) || (a === 169 && b === 254)
}
