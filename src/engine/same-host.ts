/**
 * Recognises an offer of libdatachannel from the same machine, and splits it to avoid two race conditions.
 *
 * Between two processes of one machine packets take microseconds, and the library loses races that do not occur in a network:
 * the offerer's first DTLS flight reaches an answerer that does not listen yet (its retransmission timer of 1 s runs), or the
 * handshake ends before the offerer has stored the fingerprint to verify (the connection fails on both sides). Both happen only
 * if the answerer sends ICE checks ("knocks") before its answer has arrived. So the answerer's engine gets the offer without
 * candidates, waits for the offerer's first packet, which arrives on one machine, and then starts DTLS as the client, when the
 * offerer is ready. On a busy machine 2 of 100 failed and 16 were slow; with this 0 of 1 600. It costs one ICE pacing interval,
 * 50 ms.
 */

/** Milliseconds to wait for the offerer's first packet. Two machines in different networks with the same private addresses wait in vain. */
export const KNOCK_AFTER = 1000

export interface SameHostOffer {
  /** The offer for the engine: without candidates, and with either DTLS role allowed. */
  offer: string
  /** The candidates, for the engine if no packet of the offerer arrives. */
  candidates: RTCIceCandidateInit[]
}

/**
 * Milliseconds of sleep before the answer of an answerer that has knocked is applied. The library passes the answer to ICE before it
 * stores the fingerprint; if the scheduler preempts the thread in between, the handshake ends without a fingerprint to verify. A thread
 * that has just slept is not preempted: beside two busy processes 6 of 11 answers of stock clients were lost without this sleep, and
 * 3 of 29 with it.
 */
export const REST = 4

/**
 * Undefined if another library made the offer, or if a host candidate in it or in `early` (trickled before it) has an address that is not
 * in `own`, or if there is no host candidate.
 */
export function takeLocalOffer(offer: string, early: RTCIceCandidateInit[], own: ReadonlySet<string>): SameHostOffer | undefined {
  const lines = offer.split('\r\n')
  if (!lines.some(line => line.startsWith('o=rtc '))) return undefined
  const candidates = lines.filter(line => line.startsWith('a=candidate:'))
  const hosts = hostsOf([...candidates, ...early.map(({ candidate = '' }) => candidate)])
  if (hosts.length === 0 || !hosts.every(address => own.has(address))) return undefined
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
 * Whether the answerer has knocked and may be on the same machine: it is the DTLS server, which swarmlink never is on the same machine, and
 * each of its addresses is one of `own` or hidden by mDNS (as a browser's), or none is known yet.
 */
export function hasKnocked(answer: string, own: ReadonlySet<string>): boolean {
  const lines = answer.split('\r\n')
  return lines.includes('a=setup:passive') && hostsOf(lines).every(address => own.has(address) || address.endsWith('.local'))
}

/** The addresses of the host candidates among these lines. */
function hostsOf(lines: string[]): string[] {
  return lines.filter(line => line.includes(' typ host')).map(line => (line.split(' ')[4] ?? '').toLowerCase())
}
