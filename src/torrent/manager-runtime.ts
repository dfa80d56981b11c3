/** The runtime of a manager: made from its options, asks the application about each peer, and is preloaded once it is open. */
import { invalid } from '../core/arguments.js'
import { systemEnv } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { watchResult } from '../core/uncaught.js'
import type { Remote } from '../peer/remote-peer.js'
import type { PeerSource } from '../peer/topic-peer.js'
import type { Runtime } from '../swarm/runtime.js'
import { SharedRuntime } from '../swarm/shared-runtime.js'
import type { ConnectionManagerOptions, PeerInfo, Settings, Share } from './options.js'

export function createRuntime(
  options: ConnectionManagerOptions,
  settings: Settings,
  warn: (error: SwarmlinkError) => void,
): SharedRuntime {
  const { wrtc, credentials, exchange } = options
  const { rtcConfig, gatherTimeout, maxConnections, signaling } = settings
  let hasWarned = false
  const shared = new SharedRuntime({
    env: systemEnv,
    rtcConfig,
    wrtc,
    credentials,
    gatherTimeout,
    maxConnections,
    signaling,
    ...(exchange !== undefined && { exchange }),
    admit: async (remote, { source }) => {
      const { requireIdentity, verify } = options
      if (requireIdentity === true && !remote.verified) {
        if (!hasWarned && shared.runtime?.identity.key === undefined) warn(insecure('`requireIdentity` refuses every peer'))
        hasWarned = true
        return false
      }
      if (verify === undefined) return true
      try {
        return await verify(infoOf(remote, source))
      } catch (error) {
        warn(asError(error, 'ERR_IDENTITY', '`verify` failed, the peer is refused'))
        return false
      }
    },
    shares: (remote, source) => {
      try {
        return mayShare(options.share ?? 'verified', infoOf(remote, source))
      } catch (error) {
        warn(asError(error, 'ERR_CALLBACK', '`share` failed, nothing is shared with the peer'))
        return false
      }
    },
  })
  return shared
}

/** WebTorrent 3 hashes pieces with `crypto.subtle`, which pages have in a secure context only. */
export function warnWhereInsecure(warn: (error: SwarmlinkError) => void): void {
  const { isSecureContext } = globalThis as { isSecureContext?: boolean } // absent in Node
  if (isSecureContext === false) warn(insecure('WebTorrent cannot check pieces'))
}

function insecure(what: string): SwarmlinkError {
  return new SwarmlinkError(
    'ERR_INSECURE_CONTEXT',
    `${what} on this page, which has no secure context: serve it from https: or localhost`,
  )
}

/** Loads the chunks that every torrent needs, which saves 20 ms of its first wire. On failure the swarm tries again and reports it. */
export function preload(runtime: Runtime): void {
  for (const loading of [runtime.peerFeatures(), import('./wires.js')]) loading.catch(() => {})
}

/** Throws what the function throws, and when its result is not a boolean. */
export function mayShare(share: Share, peer: PeerInfo): boolean {
  if (share === 'verified') return peer.verified
  if (typeof share === 'boolean') return share
  const answer: unknown = share(peer)
  watchResult('`share`', answer)
  if (typeof answer !== 'boolean') throw invalid('the result of `share`', 'true or false, not a promise', answer)
  return answer
}

export function infoOf(remote: Remote, source: PeerSource): PeerInfo {
  const { peerId, announceId, verified, isSwarmlink } = remote
  return { peerId, announceId, verified, isSwarmlink, source }
}
