/**
 * Session descriptions as text: read strictly before any connection exists, and changed in the few places where we must.
 * Knows nothing of engines. A member of a swarm can send us any text it likes through an honest tracker, so what passes
 * here is all that an engine's own parser ever sees.
 */
import { ProtocolError } from './errors.js'

/** Ours are about 700 characters, Chromium's with many interfaces 4 000. */
export const MAX_SDP_LENGTH = 16 * 1024
/** Each candidate costs the engine about two packets and, in the worst engine, half a millisecond. */
export const MAX_CANDIDATES = 20
/** What RFC 8841 says when the attribute is missing. */
const DEFAULT_MAX_MESSAGE_SIZE = 65_536

/** A description that may be given to an engine. */
export interface Sdp {
  /** The text, without the candidates that are beyond the limit or that name a host to look up. */
  text: string
  /** `sha-256 AB:CD:…`: what the DTLS certificate of that side hashes to. */
  fingerprint: string
  /** The largest message that this side accepts. */
  maxMessageSize: number
  /** What stands behind `a=swarmlink:`, if the line is there. */
  identity: string | undefined
  /** Whoever sent it has no peer under this topic, or only one, and says so. */
  alone?: true
  /** The sender says that the topic is private: this connection will serve no other topic, and no other connection will serve this one. */
  secluded?: true
}

const IDENTITY = 'a=swarmlink:'
const ALONE = 'a=swarmlink-alone'
const SECLUDED = 'a=swarmlink-secluded'

function refuse(why: string): never {
  throw new ProtocolError('ERR_BAD_SDP', `refused a session description: ${why}`)
}

/** Throws a {@link ProtocolError} unless the text describes exactly one data transport and nothing else. */
export function parseSdp(text: unknown): Sdp {
  if (typeof text !== 'string') refuse('it is not a text')
  if (text.length > MAX_SDP_LENGTH) refuse(`it is longer than ${MAX_SDP_LENGTH} characters`)
  // A lone carriage return would end a line for some parsers and not for others.
  if (!/^[\r\n\x20-\x7e]*$/.test(text) || /\r(?!\n)/.test(text)) refuse('it holds characters outside of printable ASCII')
  const lines = text.split(/\r?\n/).filter(line => line !== '')
  if (lines[0] !== 'v=0') refuse('it does not begin with v=0')
  if (!lines.every(line => /^[a-z]=/.test(line))) refuse('a line is not of the form x=…')
  const media = lines.filter(line => line.startsWith('m='))
  if (media.length !== 1) refuse(`it has ${media.length} media sections instead of one`)
  const port = /^m=application (\d{1,5}) (?:(?:UDP|TCP)\/)?DTLS\/SCTP (?:webrtc-datachannel|5000)$/.exec(media[0] ?? '')?.[1]
  // Port 0 is a section that was turned down: it would never connect.
  if (port === undefined || !isPort(port)) refuse('its media section is not a data channel')
  const fingerprint = single(lines, 'a=fingerprint:')
  if (!/^sha-256 ([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/.test(fingerprint)) refuse('its fingerprint is not one of SHA-256')
  if (!/^[\x21-\x7e]{4,256}$/.test(single(lines, 'a=ice-ufrag:'))) refuse('its ice-ufrag is malformed')
  if (!/^[\x21-\x7e]{22,256}$/.test(single(lines, 'a=ice-pwd:'))) refuse('its ice-pwd is malformed')
  if (!/^(active|passive|actpass)?$/.test(optional(lines, 'a=setup:') ?? '')) refuse('its setup role is unknown')
  const sctpPort = optional(lines, 'a=sctp-port:')
  if (sctpPort !== undefined && !isPort(sctpPort)) refuse('its sctp-port is malformed')

  // Each is deleted when it is used: the same line a thousand times is one candidate.
  const kept = new Set(bestCandidates(lines.filter(line => isCandidateLine(line) && isCandidate(line))))
  return {
    text: `${lines.filter(line => !isCandidateLine(line) || kept.delete(line)).join('\r\n')}\r\n`,
    fingerprint: `sha-256 ${fingerprint.slice(8).toUpperCase()}`,
    maxMessageSize: maxMessageSize(lines),
    identity: optional(lines, IDENTITY),
    ...(lines.includes(ALONE) && { alone: true as const }),
    ...(lines.includes(SECLUDED) && { secluded: true as const }),
  }
}

/** The one value that an attribute has in the whole description, at whatever level it stands. */
function single(lines: string[], prefix: string): string {
  return optional(lines, prefix) ?? refuse(`it has no ${prefix.slice(2, -1)}`)
}

/** The same of an attribute that may be missing. Parsers disagree on which of two values counts, so two are refused. */
function optional(lines: string[], prefix: string): string | undefined {
  const values = new Set(lines.filter(line => line.startsWith(prefix)).map(line => line.slice(prefix.length)))
  if (values.size > 1) refuse(`it has ${values.size} values for ${prefix.slice(2, -1)} instead of one`)
  return [...values][0]
}

function maxMessageSize(lines: string[]): number {
  const size = optional(lines, 'a=max-message-size:')
  if (size === undefined) return DEFAULT_MAX_MESSAGE_SIZE
  if (!/^\d{1,20}$/.test(size)) refuse('its max-message-size is malformed')
  // RFC 8841: 0 means any size.
  return Number(size) === 0 ? Number.MAX_SAFE_INTEGER : Math.min(Number(size), Number.MAX_SAFE_INTEGER)
}

const CANDIDATE =
  /^(?:a=)?candidate:[!-~]{1,64} 1 (?:udp|tcp) (\d{1,10}) ([!-~]{1,70}) (\d{1,5}) typ (?:host|srflx|prflx|relay)(?: [ -~]{0,512})?$/i
const MDNS_NAME = /^[0-9a-f-]{1,64}\.local$/i

/**
 * Whether a candidate, as a line of a description or as the text that trickles, may be given to an engine. An address that
 * is neither an IP nor an mDNS name would make it ask a resolver for a name of the remote's choice.
 */
export function isCandidate(line: string): boolean {
  const [, priority, address, port] = CANDIDATE.exec(line) ?? []
  if (address === undefined || Number(priority) >= 2 ** 32 || Number(port) > 65_535) return false
  return isIPv4(address) || isIPv6(address) || MDNS_NAME.test(address)
}

function isIPv4(address: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(address) && address.split('.').every(part => Number(part) <= 255)
}

function isIPv6(address: string): boolean {
  if (!/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(address)) return false
  const [head = '', tail, more] = address.split('::')
  if (more !== undefined) return false
  const groups = [head, tail ?? ''].flatMap(part => (part === '' ? [] : part.split(':')))
  const v4 = /:([^:]*\.[^:]*)$/.exec(address)?.[1] // the last 32 bits may be written as IPv4
  if (v4 !== undefined) groups.pop()
  const count = groups.length + (v4 === undefined ? 0 : 2)
  if (v4 !== undefined && !isIPv4(v4)) return false
  return groups.every(group => /^[0-9a-f]{1,4}$/i.test(group)) && (tail === undefined ? count === 8 : count < 8)
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
}

function isCandidateLine(line: string): boolean {
  return line.startsWith('a=candidate:')
}

/** As many as we take. A machine with many interfaces lists its relays last, and they may be the only ones that work. */
function bestCandidates(candidates: string[]): string[] {
  return candidates.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_CANDIDATES)
}

function rank(candidate: string): number {
  if (/ typ relay\b/i.test(candidate)) return 0
  if (/ typ [sp]rflx\b/i.test(candidate)) return 1
  return / tcp /i.test(candidate) ? 3 : 2
}

/**
 * Makes the offerer the DTLS client, whoever it is.
 *
 * The answerer's side of the connection always exists before the offerer's: it was made before the answer left. As a
 * client it would send its first flight to an offerer that has not seen the answer yet; the flight is lost and its
 * retransmission timer runs for a second (one connection in ten, measured). So the answerer listens and the offerer
 * calls. Our offers say so on the wire; the offers of others are changed before our engine sees them, and the answer
 * that follows, `setup:passive`, is one that an `actpass` offer allows (RFC 8842, 5.3).
 */
export function offererCalls(offer: string): string {
  return offer.replace(/^a=setup:actpass(\r?)$/gm, 'a=setup:active$1')
}

/** Adds our session-level line, behind the timing line, where every engine that we met skips it. */
export function withIdentity(sdp: string, identity: string): string {
  return withLine(sdp, IDENTITY + identity)
}

/** Says that we have no peer, or only one: somebody who is full may make room. */
export function withAlone(sdp: string): string {
  return withLine(sdp, ALONE)
}

/** Says that the topic is private: the connection will serve no other topic. */
export function withSecluded(sdp: string): string {
  return withLine(sdp, SECLUDED)
}

function withLine(sdp: string, added: string): string {
  return sdp.replace(/^t=.*?(\r?\n)/m, (line, end: string) => `${line}${added}${end}`)
}

/** The same description without its candidates beyond what {@link parseSdp} reads, so that no peer of ours refuses it. */
export function trimCandidates(sdp: string): string {
  const lines = sdp.split(/(?<=\n)/)
  const kept = new Set(bestCandidates(lines.filter(isCandidateLine)))
  return lines.filter(line => !isCandidateLine(line) || kept.delete(line)).join('')
}
