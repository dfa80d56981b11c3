/** The options of a `TrackerClient`: their defaults, and clear words about what is wrong with them. */
import { readMessageLimits, type MessageLimits } from '../channel/message-size.js'
import { checkFlag, checkNames, MAX_PORT, readNumbers, type NumberBounds } from '../core/arguments.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'

export interface TrackerClientOptions extends RtcOptions {
  /** Switch the `swarmlink:*` log on. @default false */
  debug?: boolean
  /** Peers that one announcement asks a tracker for at most. @default 50 */
  numwant?: number
  /** The first gap between announcements, in milliseconds. @default 5_000 */
  announceInterval?: number
  /** The largest gap between announcements, in milliseconds. @default 120_000 */
  maxAnnounceInterval?: number
  /** What the gap is multiplied by from announcement to announcement. @default 1.1 */
  backoffMultiplier?: number
  /** What the trackers are told as our port. @default 6881 */
  port?: number
  /** @default 50 */
  maxPeers?: number
  /** The largest message in bytes that we take; one from a peer that does not run swarmlink has 256 KiB at most. @default 16 MiB */
  maxMessageSize?: number
  /**
   * The largest JSON text in bytes that we take, 256 MiB at most: a message that is JSON, or what stands beside the bytes of one with bytes
   * inside. Parsing blocks the event loop. @default 1 MiB
   */
  maxJsonSize?: number
  /** Which WebRTC to use. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The identity behind `peerId`, across sessions. @default a new one that lives as long as the process */
  credentials?: Credentials | CredentialStore
}

const { numwant, announceInterval, maxAnnounceInterval, backoffMultiplier, port, maxPeers } = SWARM_DEFAULTS
const DEFAULTS = { numwant, announceInterval, maxAnnounceInterval, backoffMultiplier, port, maxPeers }

type NumberName = keyof typeof DEFAULTS

const BOUNDS: Record<NumberName, NumberBounds> = {
  numwant: { whole: true },
  announceInterval: { least: 100 },
  maxAnnounceInterval: { least: 100 },
  backoffMultiplier: { least: 1 },
  port: { whole: true, most: MAX_PORT },
  maxPeers: { whole: true },
}

export type TrackerClientSettings = Record<NumberName, number> & MessageLimits & { rtcConfig: RTCConfiguration }

/** The options with their defaults; throws for what cannot be meant. */
export function readTrackerClientOptions(options: TrackerClientOptions): TrackerClientSettings {
  checkNames(options, [...Object.keys(DEFAULTS), ...RTC_OPTIONS, 'debug', 'maxMessageSize', 'maxJsonSize', 'wrtc', 'credentials'])
  const { debug, wrtc, credentials } = options
  const numbers = readNumbers<NumberName>(options, DEFAULTS, BOUNDS)
  checkFlag('debug', debug)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  return { ...numbers, ...readMessageLimits(options), rtcConfig: readRtcConfig(options) }
}
