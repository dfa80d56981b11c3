/**
 * Recognises an offer of libdatachannel's from this very machine, and takes it apart so that nothing overtakes anything.
 *
 * Between two processes of one machine packets take microseconds, and the library loses races that no network would lose:
 * the offerer's first DTLS flight reaches an answerer that does not listen yet (a timer of 1 s runs then), or the whole
 * handshake ends before the offerer has stored the fingerprint to check it with (the connection fails on both sides).
 * Both need an answerer that has knocked before its answer was there. So it does not knock: it gets the offer without
 * candidates, waits for the offerer's first packet, which nothing stops on one machine, and then calls as the DTLS
 * client, when the other side is surely ready. On a busy machine 2 of 100 failed and 16 were slow; now none of 1 600.
 * The price is one turn of ICE's pacing, 50 ms.
 */

/** How long to wait for the offerer's first packet. Two homes may use the same private addresses: that costs them this. */
export const KNOCK_AFTER = 1000

export interface LocalOffer {
  /** For the engine: without candidates, and open for either DTLS role. */
  offer: string
  /** To be given to the engine when the offerer has not come by itself. */
  candidates: RTCIceCandidateInit[]
}

/**
 * How long our end rests before it takes the answer of one that has knocked. The library tells ICE of the answer before it stores the
 * fingerprint, and where the scheduler takes the processor away in between the handshake ends before there is a fingerprint to check. A
 * thread that has just slept keeps its processor: beside two busy processes 6 of 11 answers of stock clients were lost without the rest,
 * and 3 of 29 with it.
 */
export const REST = 4

/**
 * Undefined when the offer is another library's, or when it and its candidates that came apart from it (`early`) name an address of their host
 * that is none of `own`, or none at all.
 */
export function takeLocalOffer(offer: string, early: RTCIceCandidateInit[], own: ReadonlySet<string>): LocalOffer | undefined {
  const lines = offer.split('\r\n')
  if (!lines.some(line => line.startsWith('o=rtc '))) return undefined
  const candidates = lines.filter(line => line.startsWith('a=candidate:'))
  if (!areOwn([...candidates, ...early.map(({ candidate = '' }) => candidate)], own)) return undefined
  const mid = lines.find(line => line.startsWith('a=mid:'))?.slice('a=mid:'.length) ?? '0'
  return {
    offer: lines
      .filter(line => !line.startsWith('a=candidate:') && line !== 'a=end-of-candidates')
      .map(line => (line === 'a=setup:active' ? 'a=setup:actpass' : line))
      .join('\r\n'),
    candidates: candidates.map(line => ({ candidate: line.slice('a='.length), sdpMid: mid, sdpMLineIndex: 0 })),
  }
}

/**
 * Whether the end that answered has knocked, and may be near: it listens as the DTLS server, which swarmlink never does on the same machine,
 * and all of its addresses are ours or hidden, as a browser's are, or come later.
 */
export function hasKnocked(answer: string, own: ReadonlySet<string>): boolean {
  const lines = answer.split('\r\n')
  return lines.includes('a=setup:passive') && hostsOf(lines).every(address => own.has(address) || address.endsWith('.local'))
}

/** Every host candidate among these lines has one of our addresses, and there is one. */
function areOwn(lines: string[], own: ReadonlySet<string>): boolean {
  const hosts = hostsOf(lines)
  return hosts.length > 0 && hosts.every(address => own.has(address))
}

function hostsOf(lines: string[]): string[] {
  return lines.filter(line => line.includes(' typ host')).map(line => (line.split(' ')[4] ?? '').toLowerCase())
}
