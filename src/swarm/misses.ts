/** How often each remote was missed, and whether it is worth another try. Pure bookkeeping. */

/**
 * So often an accident may happen with a peer before it counts as one that cannot be reached: libdatachannel starts to check
 * the remote's certificate before it has stored the answer's fingerprint, and on a busy machine every other attempt fails so.
 */
const MAX_MISSES = 8
/**
 * A connection that runs into its timeout counts as several: it costs ten seconds. It is tried once more, because a stock
 * client drops one of two connections without a word when both sides called at once, and the other one may fail.
 */
const TIMEOUT_MISSES = MAX_MISSES / 2
/** Peers whose misses are remembered. */
const MAX_MISSED = 256

export class Misses {
  /** The latest last. */
  readonly #misses = new Map<string, number>()

  /** False when it was missed too often. */
  add(remote: string, how: 'failed' | 'timeout'): boolean {
    const misses = (this.#misses.get(remote) ?? 0) + (how === 'failed' ? 1 : TIMEOUT_MISSES)
    this.#misses.delete(remote)
    if (misses >= MAX_MISSES) return false
    this.#misses.set(remote, misses)
    const [oldest] = this.#misses.keys()
    if (this.#misses.size > MAX_MISSED && oldest !== undefined) this.#misses.delete(oldest)
    return true
  }
}
