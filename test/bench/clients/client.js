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

function costNow() {
  const { user, system } = process.cpuUsage()
  return { at: now(), cpu: user + system, memory: process.memoryUsage.rss() }
}

/** @param {(options: ClientOptions, report: Report) => Client | Promise<Client>} prepare */
export function serve(prepare) {
  /** @type {Client[]} */
  let clients = []
  serveChild({
    prepare: async given => {
      const options = /** @type {ClientOptions} */ (given)
      const { crowd = 1, trackerUrl } = options
      const urls = crowd === 1 ? [trackerUrl] : Array.from({ length: crowd }, (_, at) => `${trackerUrl}/${at}`)
      clients = await Promise.all(urls.map(async url => await prepare({ ...options, trackerUrl: url }, report)))
    },
    start: async () => {
      await Promise.all(clients.map(async client => await client.start()))
    },
    sample: isEnd => {
      // Counting connections takes 2 ms for each: it stays outside of what is measured between two samples.
      const cost = isEnd ? costNow() : undefined
      const counts = connectionCounts()
      return { ...(cost ?? costNow()), ...counts }
    },
    ask: async task => await clients[0]?.ask?.(task),
    stop: async () => {
      await Promise.all(clients.map(async client => await client.stop()))
    },
  })
}
