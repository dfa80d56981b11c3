/**
 * Keeps libjuice's TURN relay from sending to private addresses of the remote's network, which costs the relay. Knows no engine object.
 *
 * libjuice pairs its relayed candidate with every candidate of the remote (paullouisageneau/libjuice#345, libdatachannel#1587), so the
 * first thing that a TURN server is told to do is to send to `10.0.2.2`. Where the server's own system refuses that packet (no route to
 * private ranges, or a firewall that rejects them) coturn closes the whole allocation: "udp send: Network is unreachable" or "Operation
 * not permitted" in its log (coturn#834; still so in its sources of August 2026). libjuice takes no notice, and two peers behind
 * symmetric NATs fail after 39.5 s although the TURN server works. With coturn 4.6.1, 10 of 10 meetings failed without this guard.
 *
 * libjuice pairs a relayed candidate with candidates of its own address family only, and sends from one dual-stack socket. So it gets a
 * private IPv4 address in its IPv6 form, `::ffff:10.0.2.2`: the direct checks leave as before, the relay stays out of it, and the check
 * by which the remote answers makes the plain address a candidate (peer-reflexive) once it is known that packets arrive from there.
 * Two hosts in one LAN connect as fast: medians of 425 ms without and 457 ms with this guard, 15 meetings each, 288 to 841 ms.
 */

/** Foundation to priority, address, port and the rest of a candidate over UDP. */
const CANDIDATE = /^((?:a=)?candidate:\S+ \d+ udp \d+ )(\S+)( \d+ typ (\w+).*)$/i

export class TurnGuard {
  /** Our relay is in a private network itself, and private addresses are what it is for. */
  #private = false
  /** Candidates that the engine got in their IPv6 form only. */
  readonly #withheld = new Map<string, RTCIceCandidateInit>()

  /** Undefined where no TURN server is configured. */
  static for({ iceServers = [] }: RTCConfiguration): TurnGuard | undefined {
    const urls = iceServers.flatMap(server => server.urls)
    return urls.some(url => /^turns?:/i.test(url)) ? new TurnGuard() : undefined
  }

  /** The remote's description as the engine gets it. */
  description(sdp: string): string {
    const mid = /^a=mid:(.*?)\r?$/m.exec(sdp)?.[1] ?? '0'
    return sdp.replace(/^a=candidate:[^\r\n]*/gm, line => this.#take(line, mid))
  }

  /** A candidate that followed the remote's description. */
  candidate(init: RTCIceCandidateInit): RTCIceCandidateInit {
    return { ...init, candidate: this.#take(init.candidate ?? '', init.sdpMid ?? '0') }
  }

  /** We gathered this candidate. Returns candidates of the remote that the engine gets now as they are. */
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

/** IPv4 addresses that are none on the internet: RFC 1918, carriers' NATs and overlay networks (RFC 6598), link-local (RFC 3927), loopback. */
function isPrivate(address: string): boolean {
  const [a = Number.NaN, b = Number.NaN, ...rest] = address.split('.').map(Number)
  if (rest.length !== 2) return false
  if (a === 10 || a === 127) return true
  if (a === 172) return b >= 16 && b < 32
  if (a === 100) return b >= 64 && b < 128
  return (a === 192 && b === 168) || (a === 169 && b === 254)
}
