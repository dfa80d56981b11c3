/** The options of a `ConnectionManager`: their defaults, and clear errors for wrong ones. */
import { checkFlag, checkFunction, checkNames, invalid, readNumbers, type NumberBounds } from '../core/arguments.js'
import { readMessageLimits, type MessageLimits } from '../channel/messages/message-size.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import type { Driver } from '../signaling/drivers/driver.js'
import { checkSignaling } from '../signaling/open-signaling.js'
import type { PeerSource } from '../peer/topic-peer.js'
import type { Signaling } from '../signaling/signaling.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import { RUNTIME_DEFAULTS } from '../swarm/runtime.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'
import { PUBLIC_TRACKERS } from './public-trackers.js'

/** A peer, as the application sees it. */
export interface PeerInfo {
  /** The identity of a swarmlink peer, kept across sessions; the announce id of a stock peer. */
  peerId: string
  /** The id of its session, as trackers see it: new per process or page. */
  announceId: string
  /** A signature proves its peer id for the DTLS certificate of this connection. */
  verified: boolean
  /** True for a swarmlink peer, false for a stock peer. */
  isSwarmlink: boolean
  /** The kind of signalling that introduced it. */
  source: PeerSource
}

/** `'verified'`: peers with a verified identity. `true`: all peers. A function decides synchronously. */
export type Share = boolean | 'verified' | ((peer: PeerInfo) => boolean)

/** The options of a `ConnectionManager`. */
export interface ConnectionManagerOptions extends RtcOptions {
  /** Trackers besides those of the torrents. @default a short public list for torrents without trackers, unless there is `signaling` */
  trackers?: string[]
  /**
   * Further signalling: drivers, for example a `WebSocketDriver`. Each torrent that is not private uses them. `destroy()` unsubscribes from
   * them, but does not close them: close them yourself. @default none
   */
  signaling?: Array<Driver | Signaling>
  /**
   * Peers that one torrent connects to. In a larger swarm it dials for three fifths of these slots and keeps the rest for incoming peers.
   * @default 50
   */
  maxPeersPerTorrent?: number
  /** Connections of the whole client, over all torrents. @default 256 */
  maxConnections?: number
  /** The longest time between announcements of a torrent with free slots, in milliseconds. @default 30_000 */
  refreshInterval?: number
  /** The first gap between announcements, in milliseconds. @default 5_000 */
  announceInterval?: number
  /** The largest gap between announcements, in milliseconds. @default 120_000 */
  maxAnnounceInterval?: number
  /** The factor between one gap and the next. @default 1.1 */
  backoffMultiplier?: number
  /** The most peers that one announcement asks a tracker for. @default 50 */
  numwant?: number
  /** The largest message that a peer may send, in bytes; at most 256 MiB. @default 16_777_216 */
  maxMessageSize?: number
  /**
   * The largest JSON text of a message that a peer may send, in bytes; at most 256 MiB. Binary data in a message does not count. Parsing
   * JSON blocks the event loop. @default 1_048_576
   */
  maxJsonSize?: number
  /** The longest wait of an offer or answer for its ICE candidates, in milliseconds. @default 1_000 */
  gatherTimeout?: number
  /** The WebRTC implementation. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The identity behind `peerId`, across sessions. @default a new identity per process */
  credentials?: Credentials | CredentialStore
  /** Refuses peers without a verified identity, and so all stock peers. @default false */
  requireIdentity?: boolean
  /** Decides before a connection is made whether a peer is accepted. @default all peers are accepted */
  verify?: (peer: PeerInfo) => boolean | Promise<boolean>
  /** Switches WebTorrent's own WebSocket trackers off while the manager runs. @default true */
  takeover?: boolean
  /**
   * Connects to `trackers` and gathers offers when the manager is made, which saves the first torrent that time. Without a torrent both are given up
   * after a minute.
   * @default true
   */
  warm?: boolean
  /**
   * Peer exchange: connected peers introduce further ones, so that a swarm outlives its trackers. Always off for private torrents, and on a
   * page without a secure context, which cannot prove its identity. @default true
   */
  exchange?: boolean
  /**
   * Peers that torrents in common are looked for with: verified ones (`'verified'`), all (`true`), none (`false`), or those for which a
   * function returns true. A peer of one torrent can then find out which of the torrents that it knows you have. @default 'verified'
   */
  share?: Share
  /** Switches the `swarmlink:*` log on. @default false */
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
  ...RUNTIME_DEFAULTS,
}

type NumberName = keyof typeof DEFAULTS

/** Trackers ban clients that announce too often, and a multiplier below 1 would lead to that. */
const BOUNDS: Partial<Record<NumberName, NumberBounds>> = {
  announceInterval: { least: 100 },
  maxAnnounceInterval: { least: 100 },
  refreshInterval: { least: 100 },
  backoffMultiplier: { least: 1 },
  maxPeersPerTorrent: { whole: true },
  maxConnections: { whole: true },
  numwant: { whole: true },
}

const FLAGS = ['requireIdentity', 'takeover', 'warm', 'exchange', 'debug'] as const
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
    /** Used beside a torrent's own trackers. */
    trackers: string[]
    signaling: Array<Driver | Signaling>
    /** Prepares for the first torrent. */
    warm: boolean
    /** Used for torrents that would have no tracker otherwise. */
    fallbackTrackers: string[]
    rtcConfig: RTCConfiguration
  }

/** Returns the options with their defaults; throws ERR_INVALID_ARGUMENT for a wrong one. */
export function readOptions(options: ConnectionManagerOptions): Settings {
  checkNames(options, NAMES)
  const { trackers, signaling: given, wrtc, credentials, verify, share } = options
  const numbers = readNumbers<NumberName>(options, DEFAULTS, BOUNDS)
  for (const name of FLAGS) checkFlag(name, options[name])
  checkFunction('verify', verify)
  if (share !== undefined && share !== 'verified' && typeof share !== 'boolean' && typeof share !== 'function')
    throw invalid('share', "true, false, 'verified' or a function", share)
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  const signaling = given === undefined ? [] : checkSignaling('signaling', given)
  const own = readTrackers(trackers)
  return {
    ...numbers,
    ...readMessageLimits(options),
    trackers: own,
    warm: options.warm !== false && own.length > 0,
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
