// @ts-check
/** Keeps a line that comes over and over from filling the screen. Runs in Node and in a page. */

const MINUTE = 60_000
/** Texts that are remembered; a remote may make up as many as it likes. */
const REMEMBERED = 100

/**
 * Says each text at most once a minute: a tracker that is away makes one warning for each dial, and it is dialled every two seconds at
 * first.
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
