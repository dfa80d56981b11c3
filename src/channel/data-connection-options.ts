/** The options of a `DataConnection` of the application's own: their defaults, and clear words about what is wrong with them. */
import { checkFlag, checkNames, checkText, invalid } from '../core/arguments.js'
import { systemEnv, type Env } from '../core/env.js'
import { toId } from '../core/id.js'
import type { Engine } from '../engine/engine.js'
import { checkImplementation, findEngine } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { callerWins } from '../peer/negotiation.js'
import type { CallOptions } from './call.js'
import { readMessageLimits, type MessageLimits } from './message-size.js'

export interface DataConnectionOptions extends RtcOptions {
  /** What the application calls this side: any text. */
  localPeerId: string
  /** What it calls the other side. */
  remotePeerId: string
  /** Whether this side makes the offer. Should both, the offer of the higher id stays. @default the side with the higher id */
  initiator?: boolean
  /** Whether candidates may follow the offer and the answer; `false` makes each side signal once, with everything in it. @default true */
  trickle?: boolean
  /** Which WebRTC to use. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** The largest message in bytes that this side takes. @default 16 MiB */
  maxMessageSize?: number
  /**
   * The largest JSON text in bytes that this side takes, 256 MiB at most: a message that is JSON, or what stands beside the bytes of one with
   * bytes inside. Parsing blocks the event loop. @default 1 MiB
   */
  maxJsonSize?: number
}

/** What the world provides, and tests replace. */
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

export type CallSettings = Omit<CallOptions, 'host'> & MessageLimits

/** The options with their defaults; throws for what cannot be meant. */
export function readOptions(options: DataConnectionOptions, { env, findEngine: find }: Platform): CallSettings {
  checkNames(options, NAMES)
  const { localPeerId, remotePeerId, initiator, trickle, wrtc } = options
  checkText('localPeerId', localPeerId)
  checkText('remotePeerId', remotePeerId)
  checkFlag('initiator', initiator)
  checkFlag('trickle', trickle)
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  const [localId, remoteId] = [toId(localPeerId), toId(remotePeerId)]
  if (localId === remoteId) throw invalid('remotePeerId', 'another one than localPeerId', remotePeerId)
  return {
    env,
    findEngine: () => find(wrtc),
    localId,
    remoteId,
    initiator: initiator ?? callerWins(localId, remoteId),
    trickle: trickle ?? true,
    rtcConfig,
    ...readMessageLimits(options),
  }
}
