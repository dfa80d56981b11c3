/** The options of a `ConnectionManager`: their defaults, and clear words about what is wrong with them. */
import { checkFlag, checkFunction, checkNames, invalid, readNumbers, type NumberBounds } from '../core/arguments.js'
import { readMessageLimits, type MessageLimits } from '../channel/message-size.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import type { Driver } from '../signaling/pubsub/driver.js'
import { checkSignaling } from '../signaling/open-signaling.js'
import type { PeerSource } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import { NETWORK_DEFAULTS } from '../swarm/network.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import { PUBLIC_TRACKERS } from './public-trackers.js'
import { checkShare, type Share } from './share.js'

/** Who a peer is. */
export interface PeerInfo {
  /** Its identity, kept across sessions, if it runs swarmlink; the announce id otherwise. */
  peerId: string
  /** The id of its session, which trackers call it by: new for every process or page. */
  announceId: string
  /** Its id is proven against the DTLS certificate of this very connection. */
  verified: boolean
  /** It runs swarmlink. */
  ours: boolean
  /** How it was met. */
  source: PeerSource
}

export interface ConnectionManagerOptions extends RtcOptions {
  /** Trackers besides the torrent's own. @default a short public list for torrents that have none, unless there is `signaling` */
  trackers?: string[]
  /**
   * Further ways to meet: drivers of a bus, a `WebSocketDriver` for example. Each torrent that is not private is there too. They are
   * left on `destroy()`, but stay open: whoever made them closes them. @default none
   */
  signaling?: Array<Driver | Signaling>
  /**
   * Peers that one torrent connects to. Where there are more others it looks for three fifths of them; the rest of the places is for
   * those who look for us. @default 50
   */
  maxPeersPerTorrent?: number
  /** Connections of the whole client, whatever torrent they serve. @default 256 */
  maxConnections?: number
  /** How often a torrent that is short of peers asks again at the latest, in milliseconds. @default 30_000 */
  refreshInterval?: number
  /** The first gap between announcements, in milliseconds. @default 5_000 */
  announceInterval?: number
  /** The largest gap between announcements, in milliseconds. @default 120_000 */
  maxAnnounceInterval?: number
  /** What the gap is multiplied by from announcement to announcement. @default 1.1 */
  backoffMultiplier?: number
  /** Peers that one announcement asks a tracker for at most. @default 50 */
  numwant?: number
  /** The largest message that a peer may send us, in bytes; 256 MiB at most. @default 16_777_216 */
  maxMessageSize?: number
  /**
   * The largest JSON text of a message that a peer may send us, in bytes; 256 MiB at most. Bytes inside a message do not count. Parsing blocks
   * the event loop. @default 1_048_576
   */
  maxJsonSize?: number
  /** How long an offer or answer waits for its candidates, in milliseconds. @default 1_000 */
  gatherTimeout?: number
  /** Which WebRTC to use. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** Who we are, across sessions. @default a new identity that lives as long as the process */
  credentials?: Credentials | CredentialStore
  /** Refuse peers that do not prove who they are, and so all stock clients. @default false */
  requireIdentity?: boolean
  /** The application's word on a peer, before it is connected to. @default everybody is welcome */
  verify?: (peer: PeerInfo) => boolean | Promise<boolean>
  /** Let WebTorrent's own WebSocket trackers rest while we are attached. @default true */
  takeover?: boolean
  /**
   * Let peers introduce peers, so that a swarm outlives its trackers; never those of private torrents, and not on a page that is no
   * secure context, which cannot prove who it is. @default true
   */
  exchange?: boolean
  /**
   * With whom torrents in common are looked for: with peers that prove who they are (`'verified'`), everybody (`true`), nobody (`false`), or
   * whom a function says, at once. A peer that shares one torrent with us can then find out whether we have others that it knows. @default 'verified'
   */
  share?: Share
  /** Switch the `swarmlink:*` log on. @default false */
  debug?: boolean
}

const { maxPeers, refreshInterval, announceInterval, maxAnnounceInterval, backoffMultiplier, numwant } = SWARM_DEFAULTS
const DEFAULTS = {
  maxPeersPerTorrent: maxPeers,
  refreshInterval,
  announceInterval,
  maxAnnounceInterval,
  backoffMultiplier,
  numwant,
  ...NETWORK_DEFAULTS,
}

type NumberName = keyof typeof DEFAULTS

/** Trackers shut out whoever asks all the time, and a multiplier below 1 would come to that. */
const BOUNDS: Partial<Record<NumberName, NumberBounds>> = {
  announceInterval: { least: 100 },
  maxAnnounceInterval: { least: 100 },
  refreshInterval: { least: 100 },
  backoffMultiplier: { least: 1 },
  maxPeersPerTorrent: { whole: true },
  maxConnections: { whole: true },
  numwant: { whole: true },
}

const FLAGS = ['requireIdentity', 'takeover', 'exchange', 'debug'] as const
const NAMES = [
  ...Object.keys(DEFAULTS),
  ...FLAGS,
  ...RTC_OPTIONS,
  'maxMessageSize',
  'maxJsonSize',
  'trackers',
  'signaling',
  'wrtc',
  'credentials',
  'verify',
  'share',
]

export type Settings = Record<NumberName, number> &
  MessageLimits & {
    /** Announced to beside a torrent's own trackers. */
    trackers: string[]
    signaling: Array<Driver | Signaling>
    /** Announced to when there would be none otherwise. */
    fallbackTrackers: string[]
    rtcConfig: RTCConfiguration
  }

/** The options with their defaults; throws for what cannot be meant. */
export function readOptions(options: ConnectionManagerOptions): Settings {
  checkNames(options, NAMES)
  const { trackers, signaling: given, wrtc, credentials, verify, share } = options
  const numbers = readNumbers<NumberName>(options, DEFAULTS, BOUNDS)
  for (const name of FLAGS) checkFlag(name, options[name])
  checkFunction('verify', verify)
  checkShare(share)
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  const signaling = given === undefined ? [] : checkSignaling('signaling', given)
  return {
    ...numbers,
    ...readMessageLimits(options),
    trackers: readTrackers(trackers),
    signaling,
    fallbackTrackers: trackers === undefined && signaling.length === 0 ? PUBLIC_TRACKERS : [],
    rtcConfig,
  }
}

function readTrackers(trackers: unknown): string[] {
  if (trackers === undefined) return []
  if (!Array.isArray(trackers)) throw invalid('trackers', 'a list of URLs', trackers)
  return [...new Set(trackers.map(validateTrackerUrl))]
}
