/** The options of `createMesh`: their defaults, and clear errors for wrong ones. */
import { checkFlag, checkNames, checkNumber, hasMethods, invalid, type NumberBounds, readNumbers } from '../core/arguments.js'
import { systemEnv } from '../core/env.js'
import { misuse } from '../core/errors.js'
import { checkImplementation } from '../engine/find-engine.js'
import { RTC_OPTIONS, readRtcConfig, type RtcOptions } from '../engine/ice-servers.js'
import type { WebRtcImplementation } from '../engine/rtc.js'
import { checkCredentials } from '../identity/credentials.js'
import type { Credentials, CredentialStore } from '../identity/identity.js'
import type { Driver } from '../signaling/drivers/driver.js'
import { checkSignaling } from '../signaling/open-signaling.js'
import type { Signaling } from '../signaling/signaling.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import { type RuntimeHolder, RUNTIME, SharedRuntime } from '../swarm/shared-runtime.js'
import { MAX_LARGE } from './core/recovery/chunk-table.js'

/** How members meet: the URL of a tracker, a driver, any signalling of swarmlink. */
export type MeshTransport = string | Driver | Signaling

/** Signs and verifies broadcasts in place of the identity. Signatures have 1 to 255 bytes. */
export interface MeshCrypto {
  /** Signs what this member broadcasts. */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** Whether `signature` is that of the member `from` over `data`. A rejection counts as `false`. */
  verify(data: Uint8Array, signature: Uint8Array, from: string): boolean | Promise<boolean>
}

/** The options of `createMesh`. */
export interface MeshOptions extends RtcOptions {
  /** How members meet: tracker URLs, drivers, or several at once. Not needed with `shareWith`. */
  transport?: MeshTransport | readonly MeshTransport[]
  /** Members of one name are one mesh. @default '' */
  name?: string
  /**
   * The `ConnectionManager`, `P2PT` or mesh whose connections this mesh shares: a peer of both is connected once. The mesh also uses its
   * identity, drivers, `wrtc`, `iceServers` and `rtcConfig`. @default none: the mesh makes its own connections
   */
  shareWith?: RuntimeHolder
  /** The peer id of `credentials`, to make sure that they are the expected ones: an id is the hash of a key. @default that of the credentials */
  peerId?: string
  /** The identity of this member, across sessions. @default a new identity */
  credentials?: Credentials | CredentialStore
  /** Members that this one is connected to, from 2 on. More make broadcasts faster and the mesh firmer: 8 is a good number. @default 5 */
  maxPeers?: number
  /** For the DHT, which is to come. It has no effect yet, and a `warning` says so when the list is not empty. @default [] */
  bootstrapNodes?: readonly string[]
  /** For the DHT, which is to come. It has no effect yet, and a `warning` says so when it is not the default. @default 20 */
  kademliaK?: number
  /** Milliseconds until a broadcast with `confirm` that has not reached all members is announced again; doubles each time, up to a minute. @default 1_000 */
  retryInterval?: number
  /** How often such a broadcast is announced again. @default 3 */
  maxRetries?: number
  /** A broadcast that has made this many hops is not passed on. @default 64 */
  ttl?: number
  /** Broadcasts that this member keeps for those that missed them. @default 4_096 */
  keepMessages?: number
  /** Their size in bytes. @default 4_194_304 */
  keepBytes?: number
  /** The largest broadcast, in bytes; at most 4 MiB. @default 1_048_576 */
  maxMessageSize?: number
  /** Signs and verifies broadcasts in place of the identity. @default the identity's key */
  crypto?: MeshCrypto
  /** The WebRTC implementation. @default the platform's own, then node-datachannel, then `@roamhq/wrtc` */
  wrtc?: WebRtcImplementation
  /** Switches the `swarmlink:*` log on. @default false */
  debug?: boolean
}

/** The options that are numbers. */
export const MESH_DEFAULTS = {
  maxPeers: 5,
  retryInterval: 1_000,
  maxRetries: 3,
  ttl: 64,
  keepMessages: 4_096,
  keepBytes: 4 * 1024 * 1024,
  maxMessageSize: 1024 * 1024,
}

const BOUNDS: Record<keyof typeof MESH_DEFAULTS, NumberBounds> = {
  maxPeers: { least: 2, most: 64, whole: true },
  retryInterval: { least: 1 },
  maxRetries: { most: 100, whole: true },
  ttl: { least: 1, most: 255, whole: true },
  keepMessages: { most: 1_000_000, whole: true },
  keepBytes: { most: 2 ** 31, whole: true },
  maxMessageSize: { least: 1, most: MAX_LARGE - 1, whole: true },
}

export interface MeshSettings extends Record<keyof typeof MESH_DEFAULTS, number> {
  runtime: SharedRuntime
  name: string
  /** In normal form. */
  trackers: string[]
  peerId: string | undefined
  crypto: MeshCrypto | undefined
  /** Options that were set and have no effect. */
  ineffective: string[]
}

const DEFAULT_K = 20

/** Options of connections, which belong to the object of `shareWith`. */
const OWN = [...RTC_OPTIONS, 'wrtc', 'credentials'] as const
const NAMES = [
  ...OWN,
  ...Object.keys(MESH_DEFAULTS),
  'transport',
  'name',
  'shareWith',
  'peerId',
  'bootstrapNodes',
  'kademliaK',
  'crypto',
  'debug',
]

/** Returns the options with their defaults; throws ERR_INVALID_ARGUMENT for a wrong one. */
export function readMeshOptions(options: MeshOptions): MeshSettings {
  checkNames(options, NAMES)
  const { name = '', peerId, transport, shareWith, crypto, bootstrapNodes = [], kademliaK = DEFAULT_K } = options
  if (typeof name !== 'string') throw invalid('name', 'a text', name)
  if (peerId !== undefined && typeof peerId !== 'string') throw invalid('peerId', 'a text', peerId)
  if (crypto !== undefined && !hasMethods(crypto, ['sign', 'verify']))
    throw invalid('crypto', 'an object with the methods sign and verify', crypto)
  if (!Array.isArray(bootstrapNodes)) throw invalid('bootstrapNodes', 'a list of peer ids', bootstrapNodes)
  checkNumber('kademliaK', kademliaK, { least: 1, whole: true })
  checkFlag('debug', options.debug)
  const { trackers, signaling } = readTransport(transport)
  if (shareWith === undefined && trackers.length + signaling.length === 0)
    throw misuse('there is no transport: pass tracker URLs or drivers, so that members find each other')
  return {
    runtime: shareWith === undefined ? ownRuntime(options, signaling) : sharedRuntime(shareWith, options, signaling),
    name,
    trackers,
    peerId,
    crypto,
    ineffective: [...(bootstrapNodes.length > 0 ? ['bootstrapNodes'] : []), ...(kademliaK === DEFAULT_K ? [] : ['kademliaK'])],
    ...readNumbers<keyof typeof MESH_DEFAULTS>(options, MESH_DEFAULTS, BOUNDS),
  }
}

function readTransport(transport: MeshOptions['transport']): { trackers: string[]; signaling: Array<Driver | Signaling> } {
  const given: readonly unknown[] = transport === undefined ? [] : [transport].flat()
  for (const one of given)
    if (!isTransport(one))
      throw invalid('transport', 'the URL of a tracker, a driver with the methods on, off and emit, or a list of these', one)
  const trackers = new Set(given.flatMap(one => (typeof one === 'string' ? [validateTrackerUrl(one)] : [])))
  return {
    trackers: [...trackers],
    signaling: checkSignaling(
      'transport',
      given.filter(one => typeof one !== 'string'),
    ),
  }
}

/** Also for a signalling, which has the method `subscribe`: what else is wrong with it `checkSignaling` says. */
function isTransport(one: unknown): boolean {
  return typeof one === 'string' || hasMethods(one, ['on', 'off', 'emit']) || hasMethods(one, ['subscribe'])
}

function ownRuntime(options: MeshOptions, signaling: Array<Driver | Signaling>): SharedRuntime {
  const { wrtc, credentials } = options
  const rtcConfig = readRtcConfig(options)
  if (wrtc !== undefined) checkImplementation(wrtc)
  if (credentials !== undefined) checkCredentials(credentials)
  return new SharedRuntime({ env: systemEnv, rtcConfig, wrtc, credentials, signaling })
}

function sharedRuntime(shareWith: RuntimeHolder, options: MeshOptions, signaling: Array<Driver | Signaling>): SharedRuntime {
  const misplaced = OWN.find(name => options[name] !== undefined)
  if (misplaced !== undefined)
    throw misuse(`${misplaced} cannot be set on a mesh with shareWith: set it on the object that shares its connections`)
  if (signaling.length > 0)
    throw misuse('a mesh with shareWith uses the drivers of that object: pass only tracker URLs as its transport')
  const runtime: unknown = (shareWith as Partial<RuntimeHolder> | null)?.[RUNTIME] // of any type
  if (!(runtime instanceof SharedRuntime)) throw invalid('shareWith', 'a ConnectionManager, a P2PT or a mesh', shareWith)
  return runtime
}
