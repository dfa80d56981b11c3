// @ts-check
/** What every client process has in common: reports to the harness, samples of its own cost. */
import { now, serveChild, tell } from '../child.js'

/** @typedef {import('../types.js').Client} Client */
/** @typedef {import('../types.js').ClientOptions} ClientOptions */
/** @typedef {import('../types.js').Report} Report */

/** @type {Report} */
const report = {
  linked: (remote, kind = '') => tell({ type: 'linked', at: now(), remote, kind }),
  unlinked: remote => tell({ type: 'unlinked', at: now(), remote }),
  finished: () => tell({ type: 'finished', at: now() }),
}

/** @param {(options: ClientOptions, report: Report) => Client | Promise<Client>} prepare */
export async function serve(prepare) {
  const begun = await countBegun()
  /** @type {Client | undefined} */
  let client
  serveChild({
    prepare: async options => {
      client = await prepare(/** @type {ClientOptions} */ (options), report)
    },
    start: () => client?.start(),
    sample: () => {
      const { user, system } = process.cpuUsage()
      return { at: now(), cpu: user + system, memory: process.memoryUsage.rss(), begun: begun() }
    },
    ask: async task => await client?.ask?.(task),
    stop: () => client?.stop(),
  })
}

/**
 * Counts connections where all of them pass, whoever opens them: an offer begins with a data channel. A second channel on a live
 * connection counts as well, so the figure is an upper bound.
 */
async function countBegun() {
  let begun = 0
  try {
    const { PeerConnection } = await import('node-datachannel')
    const createDataChannel = PeerConnection.prototype.createDataChannel
    PeerConnection.prototype.createDataChannel = function (/** @type {Parameters<typeof createDataChannel>} */ ...args) {
      begun++
      return Reflect.apply(createDataChannel, this, args)
    }
  } catch {
    return () => NaN
  }
  return () => begun
}
