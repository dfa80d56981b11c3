// @ts-check
/** Magnet links: reports what is wrong with one before any tracker is contacted. */
import { UsageError } from './program.js'

const INFO_HASH = /^urn:btih:([0-9a-f]{40}|[a-z2-7]{32})$/i

/**
 * @param {string} text
 * @param {string[]} trackers besides those that it names
 */
export function readMagnet(text, trackers) {
  const magnet = text.startsWith('magnet:') && URL.canParse(text) ? new URL(text) : undefined
  if (!magnet?.searchParams.getAll('xt').some(topic => INFO_HASH.test(topic)))
    throw new UsageError(`not a magnet link with an info hash: ${text.slice(0, 80)} (it belongs in quotes)`)
  const named = magnet.searchParams.getAll('tr').filter(url => /^wss?:/i.test(url))
  if (named.length + trackers.length === 0)
    throw new UsageError(
      'this magnet link names no ws: or wss: tracker, so no tracker can be asked: put the whole link in quotes, or give one with --tracker URL',
    )
  return text
}
