/** The options of a `TrackerClient`: their defaults, and clear errors for wrong ones. */
import { readMessageLimits, type MessageLimits } from '../channel/messages/message-size.js'
import { checkFlag, checkNames, MAX_PORT, readNumbers, type NumberBounds } from '../core/arguments.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'

/** The options of a `TrackerClient`. */
export interface TrackerClientOptions extends RtcOptions {
  /** Switches the `swarmlink:*` log on. @default false */
  debug?: boolean
  /** The most peers that one announcement asks a tracker for. @default 50 */
  numwant?: number
  /** The first gap between announcements, in milliseconds. @default 5_000 */
  announceInterval?: number
  /** The largest gap between announcements, in milliseconds. @default 120_000 */
  maxAnnounceInterval?: number
  /** The factor between one gap and the next. @default 1.1 */
  backoffMultiplier?: number
  /** The port in announcements. @default 6881 */
  port?: number
  /** Peers that the client connects to. @default 50 */
  maxPeers?: number
  /** The largest message that a peer may send, in bytes; a stock peer's message has at most 256 KiB. @default 16 MiB */
  maxMessageSize?: number
  /**
   * The largest JSON text of a message that a peer may send, in bytes; at most 256 MiB. Binary data in a message does not count. Parsing
   * JSON blocks the event loop. @default 1 MiB
   */
  maxJsonSize?: number
  /** The WebRTC implementation. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The identity behind `peerId`, across sessions. @default a new identity per process */
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

/** Returns the options with their defaults; throws ERR_INVALID_ARGUMENT for a wrong one. */
export function readTrackerClientOptions(options: TrackerClientOptions): TrackerClientSettings {
  checkNames(options, [...Object.keys(DEFAULTS), ...RTC_OPTIONS, 'debug', 'maxMessageSize', 'maxJsonSize', 'wrtc', 'credentials'])
  const { debug, wrtc, credentials } = options
  const numbers = readNumbers<NumberName>(options, DEFAULTS, BOUNDS)
  checkFlag('debug', debug)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  return { ...numbers, ...readMessageLimits(options), rtcConfig: readRtcConfig(options) }
}
