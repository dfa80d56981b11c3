// @ts-check
/** Shared by all client processes: reports to the harness, samples of their own cost. */
import { now, serveChild, tell } from '../child.js'
import { connectionCounts } from './connections.js'

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
export function serve(prepare) {
  /** @type {Client | undefined} */
  let client
  serveChild({
    prepare: async options => {
      client = await prepare(/** @type {ClientOptions} */ (options), report)
    },
    start: () => client?.start(),
    sample: () => {
      const { user, system } = process.cpuUsage()
      return { at: now(), cpu: user + system, memory: process.memoryUsage.rss(), ...connectionCounts() }
    },
    ask: async task => await client?.ask?.(task),
    stop: () => client?.stop(),
  })
}
