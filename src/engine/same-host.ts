/**
 * Recognises a libdatachannel at the other end on the same machine, and makes both ends begin in an order that avoids two race conditions.
 *
 * Between two processes of one machine packets take microseconds, and the library (0.24.5) loses races that do not occur in a network:
 * - The offerer passes the answer to its ICE agent before it stores the fingerprint to verify. If the answerer has sent ICE checks ("knocked") before, the
 *   path is there at once, and the DTLS handshake may end before the fingerprint is stored: the connection fails on both sides.
 * - The first DTLS flight reaches a server that is about to start. The server has it, but handles it with the next packet only, which is the
 *   client's retransmission after 1 s.
 * On a busy machine 2 of 100 failed and 16 were slow.
 *
 * Against the first race the answerer gets the offer without candidates, so it cannot knock. Then libjuice, the ICE agent of the library, would be slow: an
 * end that receives a check before it has sent one sends its own 50 ms later. Two swarmlink ends avoid that too, with notices over the loopback interface
 * (loopback-notices.ts). The offerer applies the answer without candidates and says so. The answerer, which is the DTLS server, then sends its checks, is
 * connected, and says so. Now the offerer sends its own: in the same millisecond as it received one, which libjuice allows, or 50 ms later
 * if the machine is busy. A stock offerer sends no notice: its first packet ends the wait, and the answerer is the DTLS client.
 */
import { withoutCandidates } from '../core/sdp.js'

/** Milliseconds to wait for the other end. Two machines in different networks with the same private addresses wait in vain. */
export const KNOCK_AFTER = 1000

/** A description whose candidates the engine gets later. */
export interface HeldDescription {
  sdp: string
  candidates: RTCIceCandidateInit[]
}

/** An answer with the line for a notice, and the function that ends the wait for it. */
export interface ExpectedNotice {
  answer: string
  cancel: () => void
}

/**
 * Milliseconds of sleep before the answer of an answerer that has knocked is applied. The library passes the answer to ICE before it
 * stores the fingerprint; if the scheduler preempts the thread in between, the handshake ends without a fingerprint to verify. A thread
 * that has just slept is not preempted: beside two busy processes 6 of 11 answers of stock clients were lost without this sleep, and
 * 3 of 29 with it.
 */
export const REST = 4

/**
 * The offer without candidates. Undefined if another library made it, or if a host candidate in it or in `early` (trickled before it) has an address
 * that is not in `own`, or if there is no host candidate.
 */
export function takeLocalOffer(
  offer: string,
  early: RTCIceCandidateInit[],
  own: ReadonlySet<string>,
): HeldDescription | undefined {
  if (!/^o=rtc /m.test(offer)) return undefined
  const held = holdCandidates(offer)
  const hosts = hostsOf([...held.candidates, ...early].map(({ candidate = '' }) => candidate))
  return hosts.length > 0 && hosts.every(address => own.has(address)) ? held : undefined
}

/** The answer without candidates; undefined if a host candidate has an address that is not in `own`. */
export function takeLocalAnswer(answer: string, own: ReadonlySet<string>): HeldDescription | undefined {
  return hostsOf(answer.split('\r\n')).every(address => own.has(address)) ? holdCandidates(answer) : undefined
}

function holdCandidates(sdp: string): HeldDescription {
  const lines = sdp.split('\r\n')
  const mid = lines.find(line => line.startsWith('a=mid:'))?.slice('a=mid:'.length) ?? '0'
  return {
    sdp: withoutCandidates(sdp),
    candidates: lines.filter(isCandidate).map(line => ({ candidate: line.slice('a='.length), sdpMid: mid, sdpMLineIndex: 0 })),
  }
}

function isCandidate(line: string): boolean {
  return line.startsWith('a=candidate:')
}

/**
 * Whether the answerer has knocked and may be on the same machine: it is the DTLS server, and each of its addresses is one of `own` or hidden by
 * mDNS (as a browser's), or none is known yet.
 */
export function hasKnocked(answer: string, own: ReadonlySet<string>): boolean {
  const lines = answer.split('\r\n')
  return lines.includes('a=setup:passive') && hostsOf(lines).every(address => own.has(address) || address.endsWith('.local'))
}

/** The addresses of the host candidates among these lines. */
function hostsOf(lines: string[]): string[] {
  return lines.filter(line => line.includes(' typ host')).map(line => (line.split(' ')[4] ?? '').toLowerCase())
}
