/** The options of a `P2PT`: their defaults, and clear words about what is wrong with them. */
import { systemEnv } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { checkFlag, checkNames, checkNumber, invalid } from '../core/arguments.js'
import { readMessageLimits, type MessageLimits } from '../channel/message-size.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import type { Driver } from '../signaling/pubsub/driver.js'
import type { Signaling } from '../signaling/signaling.js'
import { checkSignaling } from '../signaling/open-signaling.js'
import { type Shareable, Station, STATION } from '../swarm/station.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'

export interface P2PTOptions extends RtcOptions {
  /**
   * The `ConnectionManager`, or another `P2PT`, whose connections this room uses too: whoever is met there and here is connected once.
   * Its identity, trackers' sockets, `signaling`, `wrtc`, `iceServers`, `rtcConfig` and `verify` are this room's as well. @default none: its own
   */
  shareWith?: Shareable
  /**
   * Further ways to meet: drivers of a bus, a `WebSocketDriver` for example. They are left on `destroy()`, but stay open: whoever
   * made them closes them. @default none
   */
  signaling?: Array<Driver | Signaling>
  /** Which WebRTC to use. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** Who we are to peers that run swarmlink, across sessions. @default a new identity that lives as long as the process */
  credentials?: Credentials | CredentialStore
  /** How long the promises of `send` and `respond` wait for an answer, in milliseconds. @default 30_000 */
  requestTimeout?: number
  /** Peers that the room connects to. @default 50 */
  maxPeers?: number
  /** The largest message that a peer which runs swarmlink may send us, in bytes; 256 MiB at most. @default 16_777_216 */
  maxMessageSize?: number
  /**
   * The largest JSON text of a message that a peer may send us, in bytes; 256 MiB at most. Bytes inside a message do not count. Parsing blocks
   * the event loop. @default 1_048_576
   */
  maxJsonSize?: number
  /** Switch the `swarmlink:*` log on. @default false */
  debug?: boolean
}

const REQUEST_TIMEOUT = 30_000

/** What belongs to connections: a room that shares those of another object takes that object's settings. */
const SHARED = [...RTC_OPTIONS, 'signaling', 'wrtc', 'credentials'] as const
const NAMES = [...SHARED, 'shareWith', 'requestTimeout', 'maxPeers', 'maxMessageSize', 'maxJsonSize', 'debug']

export interface P2PTSettings extends MessageLimits {
  /** Its own, or the one of whoever it shares with. */
  station: Station
  requestTimeout: number
  maxPeers: number
}

/** The options with their defaults; throws for what cannot be meant. */
export function readP2PTOptions(options: P2PTOptions): P2PTSettings {
  checkNames(options, NAMES)
  const { requestTimeout = REQUEST_TIMEOUT, maxPeers = SWARM_DEFAULTS.maxPeers } = options
  checkFlag('debug', options.debug)
  return {
    station: options.shareWith === undefined ? ownStation(options) : stationOf(options.shareWith, options),
    requestTimeout: checkNumber('requestTimeout', requestTimeout, { least: 1 }),
    maxPeers: checkNumber('maxPeers', maxPeers, { whole: true }),
    ...readMessageLimits(options),
  }
}

function ownStation(options: P2PTOptions): Station {
  const { signaling, wrtc, credentials } = options
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  return new Station({
    env: systemEnv,
    rtcConfig,
    wrtc,
    credentials,
    signaling: signaling === undefined ? [] : checkSignaling('signaling', signaling),
  })
}

function stationOf(shareWith: Shareable, options: P2PTOptions): Station {
  const twice = SHARED.find(name => options[name] !== undefined)
  if (twice !== undefined)
    throw new SwarmlinkError(
      'ERR_INVALID_ARGUMENT',
      `${twice} cannot be set on a room with shareWith: set it on the object that shares its connections`,
    )
  const station: unknown = (shareWith as Partial<Shareable> | null)?.[STATION] // whatever it is
  if (!(station instanceof Station)) throw invalid('shareWith', 'a ConnectionManager or a P2PT', shareWith)
  return station
}
