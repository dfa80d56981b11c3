/** The options that Sender and Receiver have in common. */
import { checkFlag, checkNames, checkNumber, checkText, invalid } from '../core/arguments.js'
import { checkEnv, type Env } from '../core/env.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import { checkDriver, type Driver } from '../signaling/drivers/driver.js'
import { MAX_ID } from './application-data.js'

/** In characters: a namespace holds a role and an id, too, and has at most 1024. */
export const MAX_ROOM = 512

/** Options of both `Sender` and `Receiver`. */
export interface MediaOptions extends RtcOptions {
  /** The bus: one of swarmlink's drivers, or an object with the methods `on`, `off` and `emit`. */
  driver: Driver
  /** Seconds in which a connection has to work, at first and after it was lost. @default 30 */
  connectionTimeout?: number
  /** Messages that are kept for each other end while its channel opens; the newest stay. @default 10 */
  queueSize?: number
  /** Codecs in the order of preference, such as `['VP9', 'VP8']`. @default the platform's order */
  videoCodecs?: readonly string[]
  /** The same for audio. */
  audioCodecs?: readonly string[]
  /** The name of this participant, one per tab: its own Sender and Receiver do not connect to each other. */
  participant?: string
  /** Who this end is, for the other ends. @default a new identity */
  identity?: Credentials | CredentialStore
  /** Refuses ends without a proven identity, those of the published package `p2p` too. @default false */
  requireIdentity?: boolean
  /** The WebRTC implementation. @default the platform's, in Node `@roamhq/wrtc`, for messages alone also node-datachannel */
  wrtc?: WebRtcImplementation
  /** Clock and randomness, for tests. */
  env?: Env
}

const MEDIA_OPTIONS = [
  ...RTC_OPTIONS,
  'driver',
  'connectionTimeout',
  'queueSize',
  'videoCodecs',
  'audioCodecs',
  'participant',
  'identity',
  'requireIdentity',
  'wrtc',
  'env',
] as const satisfies Array<keyof MediaOptions>

/** Throws for an invalid option; `names` are those of the class. */
export function checkOptions(options: MediaOptions, names: readonly string[]): void {
  checkNames(options, [...MEDIA_OPTIONS, ...names])
  const { driver, env, connectionTimeout, queueSize, identity, wrtc, participant, requireIdentity } = options
  checkDriver('driver', driver)
  if (env !== undefined) checkEnv(env)
  if (connectionTimeout !== undefined) checkNumber('connectionTimeout', connectionTimeout, { least: 0.1, most: 3_600 })
  if (queueSize !== undefined) checkNumber('queueSize', queueSize, { most: 100_000, whole: true })
  for (const name of ['videoCodecs', 'audioCodecs'] as const) checkTexts(name, options[name])
  checkFlag('requireIdentity', requireIdentity)
  if (participant !== undefined) checkName('participant', participant, MAX_ID)
  if (identity !== undefined) checkCredentials(identity)
  if (wrtc !== undefined) checkImplementation(wrtc)
}

function checkTexts(name: string, value: unknown): void {
  if (value !== undefined && !(Array.isArray(value) && value.every(text => typeof text === 'string')))
    throw invalid(name, "a list of texts such as ['VP9', 'VP8']", value)
}

/** Throws unless it is a text of at most so many characters. */
export function checkName(name: string, value: unknown, most: number): void {
  checkText(name, value)
  if (value.length > most) throw invalid(name, `a text of at most ${most} characters`, value)
}
