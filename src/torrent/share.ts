/** With which peers torrents in common are looked for. */
import { invalid } from '../core/arguments.js'
import { watchResult } from '../core/uncaught.js'
import type { PeerInfo } from './options.js'

/** `'verified'`: with those that prove who they are. `true`: with everybody. A function gives its word at once. */
export type Share = boolean | 'verified' | ((peer: PeerInfo) => boolean)

export function checkShare(share: unknown): void {
  if (share !== undefined && share !== 'verified' && typeof share !== 'boolean' && typeof share !== 'function')
    throw invalid('share', "true, false, 'verified' or a function", share)
}

/** Throws what the function throws, and when it gives something else than a word. */
export function mayShare(share: Share, peer: PeerInfo): boolean {
  if (share === 'verified') return peer.verified
  if (typeof share === 'boolean') return share
  const answer: unknown = share(peer)
  watchResult('`share`', answer)
  if (typeof answer !== 'boolean') throw invalid('what `share` gives', 'true or false, at once', answer)
  return answer
}
