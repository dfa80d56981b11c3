// @ts-check
/** Keeps a repeated line from filling the screen. Runs in Node and in a page. */

const MINUTE = 60_000
/** The most remembered texts, because a remote may invent any number. */
const REMEMBERED = 100

/**
 * Prints each text at most once a minute: a tracker that is down causes one warning per dial, every 2 s at first.
 *
 * @param {(text: string) => void} say
 * @returns {(text: string) => void}
 */
export function rarely(say) {
  /** @type {Map<string, number>} */
  const saidAt = new Map()
  return text => {
    const now = performance.now()
    const before = saidAt.get(text)
    if (before !== undefined && now - before < MINUTE) return
    saidAt.delete(text) // the oldest come first
    saidAt.set(text, now)
    const [oldest] = saidAt.keys()
    if (saidAt.size > REMEMBERED && oldest !== undefined) saidAt.delete(oldest)
    say(text)
  }
}
