/** The options of `new DataConnection()`: defaults and checks. */
import { checkFlag, checkNames, checkText, invalid } from '../../core/arguments.js'
import { systemEnv, type Env } from '../../core/env.js'
import { toId } from '../../core/id.js'
import type { Engine } from '../../engine/engine.js'
import { checkImplementation, findEngine } from '../../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../../engine/ice-servers.js'
import type { WebRtcImplementation } from '../../engine/rtc.js'
import { offererWins } from '../../peer/negotiation.js'
import type { StandaloneHandshakeOptions } from '../standalone/standalone-handshake.js'
import { readMessageLimits, type MessageLimits } from './message-size.js'

/** The options of a `DataConnection` over the application's own signalling. */
export interface DataConnectionOptions extends RtcOptions {
  /** The application's name for this side: any text. */
  localPeerId: string
  /** The application's name for the remote side. */
  remotePeerId: string
  /** Whether this side makes the offer. If both do, the offer of the higher id stays. @default the side with the higher id */
  initiator?: boolean
  /** Whether candidates trickle. With `false` each side emits one signal, which contains all candidates. @default true */
  trickle?: boolean
  /** The WebRTC implementation. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The largest message that this side accepts, in bytes. @default 16 MiB */
  maxMessageSize?: number
  /**
   * The largest JSON text that this side accepts, in bytes, at most 256 MiB: a whole JSON message, or the JSON part of a message with bytes.
   * Parsing blocks the event loop. @default 1 MiB
   */
  maxJsonSize?: number
}

/** The platform, which tests replace. */
export interface Platform {
  env: Env
  findEngine: (wrtc?: WebRtcImplementation) => Promise<Engine>
}

export const system: Platform = { env: systemEnv, findEngine }

const NAMES = [
  'localPeerId',
  'remotePeerId',
  'initiator',
  'trickle',
  ...RTC_OPTIONS,
  'wrtc',
  'maxMessageSize',
  'maxJsonSize',
] as const satisfies Array<keyof DataConnectionOptions>

export type HandshakeSettings = Omit<StandaloneHandshakeOptions, 'host'> & MessageLimits

/** Reads the options and applies the defaults; throws for invalid options. */
export function readOptions(options: DataConnectionOptions, { env, findEngine: find }: Platform): HandshakeSettings {
  checkNames(options, NAMES)
  const { localPeerId, remotePeerId, initiator, trickle, wrtc } = options
  checkText('localPeerId', localPeerId)
  checkText('remotePeerId', remotePeerId)
  checkFlag('initiator', initiator)
  checkFlag('trickle', trickle)
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  const [localId, remoteId] = [toId(localPeerId), toId(remotePeerId)]
  if (localId === remoteId) throw invalid('remotePeerId', 'different from localPeerId', remotePeerId)
  return {
    env,
    findEngine: () => find(wrtc),
    localId,
    remoteId,
    initiator: initiator ?? offererWins(localId, remoteId),
    trickle: trickle ?? true,
    rtcConfig,
    ...readMessageLimits(options),
  }
}
