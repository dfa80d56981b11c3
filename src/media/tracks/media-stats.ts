/** The figures of one connection of a call, out of WebRTC's own report. Pure. */
import { isRecord } from '../../core/arguments.js'

/** One kind of media in one direction. Rates are those since the call of `getStats` before. */
export interface TrackStats {
  kind: 'audio' | 'video'
  direction: 'sent' | 'received'
  /** Kilobits per second. */
  bitrate: number
  bytes: number
  packets: number
  /** Packets that were lost, as far as the receiving end told. */
  packetsLost: number
  /** Share of the packets that were lost since the call before, from 0 to 1. */
  loss: number
  /** Frames that were encoded or decoded. */
  frames: number
  framesPerSecond: number
  width: number
  height: number
  /** Interruptions of the picture, and their length in milliseconds; only of received video. */
  freezes: number
  freezeDuration: number
  codec: string | undefined
}

/** The figures of one connection. */
export interface MediaStats {
  id: string
  state: RTCPeerConnectionState
  /** Milliseconds from one end to the other and back. */
  roundTrip: number | undefined
  /** How the ends reach each other: directly, through a NAT, or over a TURN server. */
  path: 'host' | 'srflx' | 'prflx' | 'relay' | undefined
  tracks: TrackStats[]
}

/** What `getStats` remembers of one connection for the rates of the next call. */
export type TrackCounters = Map<string, { bytes: number; packets: number; lost: number; frames: number; at: number }>

type Entry = Record<string, unknown>

export function readStats(
  id: string,
  peer: { connectionState: RTCPeerConnectionState },
  report: { forEach(callback: (entry: unknown) => void): void },
  before: TrackCounters,
): MediaStats {
  const entries = new Map<string, Entry>()
  report.forEach(entry => {
    if (isRecord(entry) && typeof entry['id'] === 'string') entries.set(entry['id'], entry)
  })
  const all = [...entries.values()]
  const pair = all.find(
    entry => entry['type'] === 'candidate-pair' && entry['state'] === 'succeeded' && entry['nominated'] === true,
  )
  const roundTrip = pair?.['currentRoundTripTime']
  return {
    id,
    state: peer.connectionState,
    roundTrip: typeof roundTrip === 'number' ? roundTrip * 1_000 : undefined,
    path: pathOf(pair, entries),
    tracks: all.flatMap(entry => (isTrack(entry) ? [trackOf(entry, entries, before)] : [])),
  }
}

function isTrack({ type, kind }: Entry): boolean {
  return (type === 'inbound-rtp' || type === 'outbound-rtp') && (kind === 'audio' || kind === 'video')
}

function pathOf(pair: Entry | undefined, entries: Map<string, Entry>): MediaStats['path'] {
  const types = [pair?.['localCandidateId'], pair?.['remoteCandidateId']].map(id => entries.get(String(id))?.['candidateType'])
  return (['relay', 'srflx', 'prflx', 'host'] as const).find(type => types.includes(type))
}

function trackOf(entry: Entry, entries: Map<string, Entry>, before: TrackCounters): TrackStats {
  const isSent = entry['type'] === 'outbound-rtp'
  const id = String(entry['id'])
  const remote = [...entries.values()].find(other => other['type'] === 'remote-inbound-rtp' && other['localId'] === id)
  const now = {
    bytes: number(entry, isSent ? 'bytesSent' : 'bytesReceived'),
    packets: number(entry, isSent ? 'packetsSent' : 'packetsReceived'),
    lost: isSent ? number(remote ?? {}, 'packetsLost') : number(entry, 'packetsLost'),
    frames: number(entry, isSent ? 'framesEncoded' : 'framesDecoded'),
    at: number(entry, 'timestamp'),
  }
  const last = before.get(id) ?? { bytes: 0, packets: 0, lost: 0, frames: 0, at: now.at }
  before.set(id, now)
  const seconds = (now.at - last.at) / 1_000
  const lost = Math.max(now.lost - last.lost, 0)
  const arrived = Math.max(now.packets - last.packets, 0)
  const codec = entries.get(String(entry['codecId']))?.['mimeType']
  return {
    kind: entry['kind'] === 'video' ? 'video' : 'audio',
    direction: isSent ? 'sent' : 'received',
    bitrate: seconds > 0 ? (8 * Math.max(now.bytes - last.bytes, 0)) / seconds / 1_000 : 0,
    bytes: now.bytes,
    packets: now.packets,
    packetsLost: now.lost,
    loss: lost === 0 ? 0 : lost / (isSent ? Math.max(arrived, lost) : arrived + lost),
    frames: now.frames,
    framesPerSecond: seconds > 0 ? Math.max(now.frames - last.frames, 0) / seconds : number(entry, 'framesPerSecond'),
    width: number(entry, 'frameWidth'),
    height: number(entry, 'frameHeight'),
    freezes: number(entry, 'freezeCount'),
    freezeDuration: 1_000 * number(entry, 'totalFreezesDuration'),
    codec: typeof codec === 'string' ? codec.replace(/^\w+\//, '') : undefined,
  }
}

function number(entry: Entry, name: string): number {
  const value = entry[name]
  return typeof value === 'number' ? value : 0
}

/** How well a connection works, for a dot on a tile. */
export type Quality = 'good' | 'fair' | 'poor' | 'lost'

/** `freezes` is the number of new interruptions since the last look. */
export function qualityOf({ roundTrip = 0, tracks }: MediaStats, isUp: boolean, freezes: number): Quality {
  if (!isUp) return 'lost'
  const loss = Math.max(0, ...tracks.map(track => track.loss))
  if (loss > 0.1 || roundTrip > 500 || freezes > 0) return 'poor'
  return loss > 0.02 || roundTrip > 250 ? 'fair' : 'good'
}
