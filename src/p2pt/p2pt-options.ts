/** The options of a `P2PT`: their defaults, and clear errors for wrong ones. */
import { systemEnv } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { checkFlag, checkNames, checkNumber, invalid } from '../core/arguments.js'
import { readMessageLimits, type MessageLimits } from '../channel/messages/message-size.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import type { Driver } from '../signaling/drivers/driver.js'
import type { Signaling } from '../signaling/signaling.js'
import { checkSignaling } from '../signaling/open-signaling.js'
import { type RuntimeHolder, SharedRuntime, RUNTIME } from '../swarm/shared-runtime.js'
import { SWARM_DEFAULTS } from '../swarm/swarm-options.js'

/** The options of a `P2PT`. */
export interface P2PTOptions extends RtcOptions {
  /**
   * The `ConnectionManager`, or another `P2PT`, whose connections this room shares: a peer of both is connected once. The room also uses its
   * identity, tracker sockets, `signaling`, `wrtc`, `iceServers`, `rtcConfig` and `verify`. @default none: the room makes its own connections
   */
  shareWith?: RuntimeHolder
  /**
   * Further signalling: drivers, for example a `WebSocketDriver`. `destroy()` unsubscribes from them, but does not close them: close them
   * yourself. @default none
   */
  signaling?: Array<Driver | Signaling>
  /** The WebRTC implementation. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The identity that swarmlink peers see, across sessions. @default a new identity per process */
  credentials?: Credentials | CredentialStore
  /** Timeout of the promises of `send` and `respond`, in milliseconds. @default 30_000 */
  requestTimeout?: number
  /** Peers that the room connects to. @default 50 */
  maxPeers?: number
  /** The largest message that a swarmlink peer may send, in bytes; at most 256 MiB. @default 16_777_216 */
  maxMessageSize?: number
  /**
   * The largest JSON text of a message that a peer may send, in bytes; at most 256 MiB. Binary data in a message does not count. Parsing
   * JSON blocks the event loop. @default 1_048_576
   */
  maxJsonSize?: number
  /** Switches the `swarmlink:*` log on. @default false */
  debug?: boolean
}

const REQUEST_TIMEOUT = 30_000

/** The options of connections, which cannot be set together with `shareWith`. */
const SHARED = [...RTC_OPTIONS, 'signaling', 'wrtc', 'credentials'] as const
const NAMES = [...SHARED, 'shareWith', 'requestTimeout', 'maxPeers', 'maxMessageSize', 'maxJsonSize', 'debug']

export interface P2PTSettings extends MessageLimits {
  /** The room's own runtime, or that of `shareWith`. */
  runtime: SharedRuntime
  requestTimeout: number
  maxPeers: number
}

/** Returns the options with their defaults; throws ERR_INVALID_ARGUMENT for a wrong one. */
export function readP2PTOptions(options: P2PTOptions): P2PTSettings {
  checkNames(options, NAMES)
  const { requestTimeout = REQUEST_TIMEOUT, maxPeers = SWARM_DEFAULTS.maxPeers } = options
  checkFlag('debug', options.debug)
  return {
    runtime: options.shareWith === undefined ? ownRuntime(options) : sharedRuntimeOf(options.shareWith, options),
    requestTimeout: checkNumber('requestTimeout', requestTimeout, { least: 1 }),
    maxPeers: checkNumber('maxPeers', maxPeers, { whole: true }),
    ...readMessageLimits(options),
  }
}

function ownRuntime(options: P2PTOptions): SharedRuntime {
  const { signaling, wrtc, credentials } = options
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  return new SharedRuntime({
    env: systemEnv,
    rtcConfig,
    wrtc,
    credentials,
    signaling: signaling === undefined ? [] : checkSignaling('signaling', signaling),
  })
}

function sharedRuntimeOf(shareWith: RuntimeHolder, options: P2PTOptions): SharedRuntime {
  const misplaced = SHARED.find(name => options[name] !== undefined)
  if (misplaced !== undefined)
    throw new SwarmlinkError(
      'ERR_INVALID_ARGUMENT',
      `${misplaced} cannot be set on a room with shareWith: set it on the object that shares its connections`,
    )
  const runtime: unknown = (shareWith as Partial<RuntimeHolder> | null)?.[RUNTIME] // of any type
  if (!(runtime instanceof SharedRuntime)) throw invalid('shareWith', 'a ConnectionManager or a P2PT', shareWith)
  return runtime
}
