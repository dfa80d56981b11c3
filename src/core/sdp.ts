/**
 * Parses session descriptions (SDP) strictly, before any connection exists, and edits them in a few places. Knows nothing of
 * engines. A member of a swarm can send any text through an honest tracker, so an engine's own parser must get only texts
 * that this parser accepted.
 */
import { ProtocolError } from './errors.js'

/** In characters. Descriptions of node-datachannel have about 700, those of Chromium with many interfaces 4 000. */
export const MAX_SDP_LENGTH = 16 * 1024
/** Each candidate costs the engine about two packets, and up to half a millisecond of CPU (@roamhq/wrtc). */
export const MAX_CANDIDATES = 20
/** The default of RFC 8841 for a missing attribute. */
const DEFAULT_MAX_MESSAGE_SIZE = 65_536

/** A description that an engine may parse. */
export interface Sdp {
  /** The text, without the candidates beyond the limit and those with a host name that a resolver would have to look up. */
  text: string
  /** `sha-256 AB:CD:…`: the hash of the sender's DTLS certificate. */
  fingerprint: string
  /** The largest message that the sender of the description accepts, in bytes. */
  maxMessageSize: number
  /** The value of the line `a=swarmlink:`, if there is one. */
  identity: string | undefined
  /** The sender says that it has at most one peer under this topic. */
  alone?: true
  /** The sender says that the topic is isolated: this connection serves no other topic, and no other connection serves this topic. */
  isolated?: true
  /** What the sender's connection policy says to that of the receiver, in base64url. */
  note?: string
}

const IDENTITY = 'a=swarmlink:'
const ALONE = 'a=swarmlink-alone'
const ISOLATED = 'a=swarmlink-isolated'
const NOTE = 'a=swarmlink-note:'
/** In characters. */
const MAX_NOTE = 400

/** Throws the {@link ProtocolError} of a description. */
export function refuse(why: string): never {
  throw new ProtocolError('ERR_BAD_SDP', `refused a session description: ${why}`)
}

/** The lines of a description; throws a {@link ProtocolError} if the text is none, or longer than `most` characters. */
export function sdpLines(text: unknown, most: number): string[] {
  if (typeof text !== 'string') refuse('it is not a text')
  if (text.length > most) refuse(`it is longer than ${most} characters`)
  // A carriage return without a line feed ends a line for some parsers only.
  if (!/^[\r\n\x20-\x7e]*$/.test(text) || /\r(?!\n)/.test(text)) refuse('it holds characters outside of printable ASCII')
  const lines = text.split(/\r?\n/).filter(line => line !== '')
  if (lines[0] !== 'v=0') refuse('it does not begin with v=0')
  if (!lines.every(line => /^[a-z]=/.test(line))) refuse('a line is not of the form x=…')
  return lines
}

/** Checks the lines of one transport: ICE credentials, DTLS role and fingerprint, which it returns. Throws a {@link ProtocolError}. */
export function checkTransport(lines: string[]): string {
  const fingerprint = single(lines, 'a=fingerprint:')
  if (!/^sha-256 ([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/.test(fingerprint)) refuse('its fingerprint is not one of SHA-256')
  if (!/^[\x21-\x7e]{4,256}$/.test(single(lines, 'a=ice-ufrag:'))) refuse('its ice-ufrag is malformed')
  if (!/^[\x21-\x7e]{22,256}$/.test(single(lines, 'a=ice-pwd:'))) refuse('its ice-pwd is malformed')
  if (!/^(active|passive|actpass)?$/.test(optional(lines, 'a=setup:') ?? '')) refuse('its setup role is unknown')
  const sctpPort = optional(lines, 'a=sctp-port:')
  if (sctpPort !== undefined && !isPort(sctpPort)) refuse('its sctp-port is malformed')
  return `sha-256 ${fingerprint.slice(8).toUpperCase()}`
}

/** Throws a {@link ProtocolError} unless the text describes exactly one data transport and nothing else. */
export function parseSdp(text: unknown): Sdp {
  const lines = sdpLines(text, MAX_SDP_LENGTH)
  const media = lines.filter(line => line.startsWith('m='))
  if (media.length !== 1) refuse(`it has ${media.length} media sections instead of one`)
  const port = /^m=application (\d{1,5}) (?:(?:UDP|TCP)\/)?DTLS\/SCTP (?:webrtc-datachannel|5000)$/.exec(media[0] ?? '')?.[1]
  // Port 0 marks a rejected section: it would never connect.
  if (port === undefined || !isPort(port)) refuse('its media section is not a data channel')
  const note = optional(lines, NOTE)
  if (note !== undefined && (note.length > MAX_NOTE || !/^[\w-]+$/.test(note))) refuse('its swarmlink-note is malformed')
  return {
    text: `${withBestCandidates(lines, isCandidate).join('\r\n')}\r\n`,
    fingerprint: checkTransport(lines),
    maxMessageSize: maxMessageSize(lines),
    identity: optional(lines, IDENTITY),
    ...(lines.includes(ALONE) && { alone: true as const }),
    ...(lines.includes(ISOLATED) && { isolated: true as const }),
    ...(note !== undefined && { note }),
  }
}

/** The one value of an attribute in the whole description, at session or media level. */
function single(lines: string[], prefix: string): string {
  return optional(lines, prefix) ?? refuse(`it has no ${prefix.slice(2, -1)}`)
}

/** The same for an attribute that may be missing. Two different values are refused, because parsers disagree on which one counts. */
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
 * Whether an engine may get this candidate, which is a line of a description or a trickled text. An address that is neither
 * an IP address nor an mDNS name is refused: the engine would look up a name that the remote peer chose.
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

export function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
}

function isCandidateLine(line: string): boolean {
  return line.startsWith('a=candidate:')
}

/**
 * Drops candidates that are not wanted, and those beyond {@link MAX_CANDIDATES}. Keeps relays first: a machine with many interfaces lists them
 * last, and only they may work.
 */
export function withBestCandidates(lines: string[], isWanted: (line: string) => boolean): string[] {
  const candidates = lines.filter(line => isCandidateLine(line) && isWanted(line))
  const kept = new Set(candidates.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_CANDIDATES))
  // Each line is deleted when it is used, so that repeated lines count as one candidate.
  return lines.filter(line => !isCandidateLine(line) || kept.delete(line))
}

function rank(candidate: string): number {
  if (/ typ relay\b/i.test(candidate)) return 0
  if (/ typ [sp]rflx\b/i.test(candidate)) return 1
  return / tcp /i.test(candidate) ? 3 : 2
}

/**
 * Makes the offerer the DTLS client, in offers of this client and of others.
 *
 * The answerer is ready first: its connection exists before the answer leaves. As DTLS client it would send its first flight
 * to an offerer that does not have the answer yet; the flight is lost, and its retransmission timer takes 1 s (one connection
 * in ten with node-datachannel, measured). So the answerer is the DTLS server. Offers of this client leave as `setup:active`;
 * offers of others are edited before the engine parses them, and its answer, `setup:passive`, is one that an `actpass` offer
 * allows (RFC 8842, 5.3).
 */
export function withOffererAsDtlsClient(offer: string): string {
  return withSetup(offer, 'active')
}

/**
 * Lets the answerer be the DTLS client, also of an offer that says `setup:active`. Only for answerers whose engine needs it: see `answersAsDtlsClient` in quirks.ts. The
 * offerer's engine accepts it, because its own description is `actpass`.
 */
export function withAnswererAsDtlsClient(offer: string): string {
  return withSetup(offer, 'actpass')
}

function withSetup(offer: string, setup: string): string {
  return offer.replace(/^(a=setup:)(active|actpass)(?=\r?$)/gm, `$1${setup}`)
}

/** Adds the identity as a session-level line behind `t=`, where every tested engine ignores it. */
export function withIdentity(sdp: string, identity: string): string {
  return withLine(sdp, IDENTITY + identity)
}

/** Adds the line which says that this client has at most one peer: a full peer may free a slot for it. */
export function withAlone(sdp: string): string {
  return withLine(sdp, ALONE)
}

/** Adds the line which says that the topic is isolated: the connection serves no other topic. */
export function withIsolated(sdp: string): string {
  return withLine(sdp, ISOLATED)
}

/** Adds what this client's connection policy says to that of the receiver: base64url, at most {@link MAX_NOTE} characters. */
export function withNote(sdp: string, note: string): string {
  return withLine(sdp, NOTE + note)
}

/** Adds a line to the session, where every tested engine ignores what it does not know. */
export function withLine(sdp: string, added: string): string {
  return sdp.replace(/^t=.*?(\r?\n)/m, (line, end: string) => `${line}${added}${end}`)
}

/** The first half of the ICE credentials, which names them. */
export function ufragOf(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1]
}

export function hasCandidate(sdp: string): boolean {
  return /^a=candidate:/m.test(sdp)
}

export function withoutCandidates(sdp: string): string {
  return sdp.replace(/^a=(?:candidate:|end-of-candidates).*(?:\r?\n|$)/gm, '')
}

/** Adds candidates to the last section, except those of other ICE credentials. */
export function withCandidates(sdp: string, candidates: string[]): string {
  const ufrag = ufragOf(sdp) ?? ''
  const own = candidates.filter(line => (/ ufrag (\S+)/.exec(line)?.[1] ?? ufrag) === ufrag)
  return sdp + own.map(line => `a=${line}\r\n`).join('')
}

/** Removes the candidates that {@link parseSdp} of the receiver would drop. */
export function trimCandidates(sdp: string): string {
  return withBestCandidates(sdp.split(/(?<=\n)/), () => true).join('')
}
