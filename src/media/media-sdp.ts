/**
 * Parses the session descriptions of calls strictly, before an implementation of WebRTC gets them. Knows nothing of connections.
 * `core/sdp.ts` does the same for torrents and rooms, whose descriptions have one data channel section and nothing else.
 */
import { checkTransport, isCandidate, isPort, refuse, sdpLines, withBestCandidates } from '../core/sdp.js'

/** In characters. Chromium 156 writes 7 000 for audio, video and data. */
const MAX_LENGTH = 48 * 1024
/** Chromium and Firefox have one section for each track and one for all channels. */
const MAX_SECTIONS = 8
/** Chromium 156 offers 40 for video. */
const MAX_PAYLOAD_TYPES = 64

export type MediaKind = 'audio' | 'video'

/** A description that an implementation of WebRTC may parse. */
export interface MediaSdp {
  /** The text, without candidates beyond the limit and without those whose host name a resolver would have to look up. */
  text: string
  /** `sha-256 AB:CD:…`: the hash of the sender's DTLS certificate. All sections have the same one. */
  fingerprint: string
  /** The ICE user fragments of all sections: an ICE restart or another connection has others. */
  ufrags: string
  hasMedia: boolean
}

/** Throws a `ProtocolError` unless all sections are audio, video or one data channel section, with one certificate. */
export function parseMediaSdp(text: unknown): MediaSdp {
  const lines = sdpLines(text, MAX_LENGTH)
  const [session = [], ...sections] = splitSections(lines)
  if (sections.length === 0 || sections.length > MAX_SECTIONS) refuse(`it has ${sections.length} media sections`)
  const kinds = sections.map(([line = '']) => kindOf(line))
  if (kinds.filter(kind => kind === 'application').length > 1) refuse('it has more than one data channel section')
  const mids = sections.map(section => section.find(line => line.startsWith('a=mid:'))).filter(mid => mid !== undefined)
  if (new Set(mids).size !== mids.length) refuse('two sections have the same mid')
  const certificates = new Set(lines.filter(line => line.startsWith('a=fingerprint:')).map(line => line.toUpperCase()))
  if (certificates.size !== 1) refuse(`it has ${certificates.size} fingerprints instead of one`)
  // A section with port 0 is stopped, or uses the transport of the first one: it may have no transport of its own.
  const withPort = sections.filter(([line = '']) => !/^m=\w+ 0 /.test(line))
  if (withPort.length === 0) refuse('all of its sections are stopped')
  const [fingerprint = ''] = withPort.map(section => checkTransport(withInherited(session, section)))
  return {
    text: `${withBestCandidates(lines, isCandidate).join('\r\n')}\r\n`,
    fingerprint,
    ufrags: lines.filter(line => line.startsWith('a=ice-ufrag:')).join(),
    hasMedia: kinds.some(kind => kind !== 'application'),
  }
}

/**
 * Whether a candidate is one of RTCP alone, component 2. Firefox 153 gathers them for audio and video, although every connection carries RTCP
 * beside the media (`rtcp-mux`). They are never used.
 */
export function isRtcpCandidate(candidate: unknown): boolean {
  return typeof candidate === 'string' && /^candidate:[!-~]{1,64} 2 /.test(candidate)
}

/** The lines before the first section, then those of each section. */
function splitSections(lines: string[]): string[][] {
  const parts: string[][] = [[]]
  for (const line of lines) {
    if (line.startsWith('m=')) parts.push([])
    parts.at(-1)?.push(line)
  }
  return parts
}

function kindOf(line: string): MediaKind | 'application' {
  const [, kind, port = '', protocol = '', formats = ''] =
    /^m=(audio|video|application) (\d{1,5}) ([\w/]{1,32}) (.+)$/.exec(line) ?? []
  if (port !== '0' && !isPort(port)) refuse('a section is neither audio, nor video, nor a data channel')
  if (kind === 'application') {
    if (!/^(?:(?:UDP|TCP)\/)?DTLS\/SCTP (?:webrtc-datachannel|5000)$/.test(`${protocol} ${formats}`))
      refuse('its data section is malformed')
    return kind
  }
  const types = formats.split(' ')
  if (protocol !== 'UDP/TLS/RTP/SAVPF' || types.length > MAX_PAYLOAD_TYPES || !types.every(type => /^\d{1,3}$/.test(type)))
    refuse('a media section is malformed')
  return kind === 'video' ? 'video' : 'audio'
}

/** The lines of a section, with the attributes of the session that it does not repeat. */
function withInherited(session: string[], section: string[]): string[] {
  const own = new Set(section.map(nameOf))
  return [...session.filter(line => !own.has(nameOf(line))), ...section]
}

function nameOf(line: string): string {
  return /^a=[\w-]+/.exec(line)?.[0] ?? line
}
