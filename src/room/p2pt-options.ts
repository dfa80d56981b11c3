/** The options of a `P2PT`: their defaults, and clear words about what is wrong with them. */
import { checkFlag, checkIceServers, checkNames, checkNumber, invalid } from '../core/arguments.js'
import { readMaxMessageSize } from '../channel/data-connection-options.js'
import { checkImplementation } from '../engine/find-engine.js'
import { PUBLIC_ICE_SERVERS } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import type { Driver } from '../signaling/pubsub/driver.js'
import type { Signaling } from '../signaling/signaling.js'
import { checkSignaling } from '../signaling/open-signaling.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'

export interface P2PTOptions {
  /** STUN and TURN servers. @default three public STUN servers */
  iceServers?: RTCIceServer[]
  /** What else there is to say about every connection; `iceServers` in it counts when the option of that name is missing. */
  rtcConfig?: RTCConfiguration
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
  /** Switch the `swarmlink:*` log on. @default false */
  debug?: boolean
}

const REQUEST_TIMEOUT = 30_000

const NAMES = [
  'iceServers',
  'rtcConfig',
  'signaling',
  'wrtc',
  'credentials',
  'requestTimeout',
  'maxPeers',
  'maxMessageSize',
  'debug',
]

export interface P2PTSettings {
  rtcConfig: RTCConfiguration
  signaling: Array<Driver | Signaling>
  requestTimeout: number
  maxPeers: number
  maxMessageSize: number
}

/** The options with their defaults; throws for what cannot be meant. */
export function readP2PTOptions(options: P2PTOptions): P2PTSettings {
  checkNames(options, NAMES)
  const { rtcConfig = {}, wrtc, requestTimeout = REQUEST_TIMEOUT, maxPeers = SWARM_DEFAULTS.maxPeers } = options
  if (typeof rtcConfig !== 'object' || rtcConfig === null) throw invalid('rtcConfig', 'an RTCConfiguration', rtcConfig)
  const iceServers = options.iceServers ?? rtcConfig.iceServers ?? PUBLIC_ICE_SERVERS
  checkIceServers(options.iceServers === undefined ? 'rtcConfig.iceServers' : 'iceServers', iceServers)
  if (wrtc !== undefined) checkImplementation(wrtc)
  checkFlag('debug', options.debug)
  return {
    signaling: options.signaling === undefined ? [] : checkSignaling('signaling', options.signaling),
    rtcConfig: { ...rtcConfig, iceServers },
    requestTimeout: checkNumber('requestTimeout', requestTimeout, { least: 1 }),
    maxPeers: checkNumber('maxPeers', maxPeers, { whole: true }),
    maxMessageSize: readMaxMessageSize(options.maxMessageSize),
  }
}
