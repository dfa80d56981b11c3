// @ts-check
/** Runs one tracker and many clients, each in a process of its own, and observes them. Knows nothing of what is measured. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ClientProcess, Tracker, untilAny } from './processes.js'

/** @typedef {import('./types.js').ClientOptions} ClientOptions */
/** @typedef {import('./types.js').System} System */
/** @typedef {import('./types.js').Topic} Topic */

const SETTLE = { least: 500, spread: 1_000 }
/** Counts every connection of a client. Loaded before the client. */
const COUNTING = ['--import', new URL('clients/connections.js', import.meta.url).href]

/** Flags for every process of the benchmark. @type {string[]} */
let profiling = []

/** Makes each client write a CPU profile and a heap profile into this folder when it ends. @param {string} folder */
export function profileTo(folder) {
  profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--heap-prof', `--heap-prof-dir=${folder}`]
}

/**
 * Gives `work` a lab and cleans it up afterwards, whatever happens.
 * @template T
 * @param {(lab: Lab) => Promise<T>} work
 */
export async function withLab(work) {
  const lab = new Lab()
  try {
    return await work(lab)
  } finally {
    await lab.close()
  }
}

/** One run. Its processes end with it. */
export class Lab {
  /** @type {Set<ClientProcess | Tracker>} */
  #children = new Set()

  /** A server that has a port: the tracker, or another one. @param {number} [port] */
  async tracker(port = 0, file = 'tracker.js') {
    const tracker = new Tracker(file)
    this.#children.add(tracker)
    await tracker.prepare({ port })
    return tracker
  }

  /** The URL of a tracker as from a place so many milliseconds away, each way. @param {Tracker} tracker @param {number} ms */
  async distant(tracker, ms) {
    const distance = new Tracker('distance.js')
    this.#children.add(distance)
    await distance.prepare({ port: tracker.port, ms })
    return distance.url
  }

  /** A client that is loaded and constructed, and waits. @param {System} system @param {ClientOptions} options */
  client(system, options) {
    return this.process(`clients/${system.name}.js`, options)
  }

  /** @param {string} file @param {unknown} options @param {string[]} [flags] for Node itself */
  async process(file, options, flags = []) {
    const client = new ClientProcess(file, [...COUNTING, ...profiling, ...flags])
    this.#children.add(client)
    await client.prepare(options)
    return client
  }

  /**
   * A seeder that announced a moment ago, so that its timers are in any phase, and a leecher that waits for its start.
   * @param {System} system
   * @param {Topic} topic
   * @param {number} timeout
   * @param {{ distance?: number, cold?: boolean, folders?: { seeder: string, leecher: string } }} [options] milliseconds to the tracker, each way; whether
   *   the leecher has not dialled it before; where the files are
   */
  async pair(system, topic, timeout, { distance, cold = false, folders } = {}) {
    const tracker = await this.tracker()
    const trackerUrl = distance === undefined ? tracker.url : await this.distant(tracker, distance)
    const options = { trackerUrl, topic, cold }
    const [seeder, leecher] = await Promise.all([
      this.client(system, { ...options, seeder: true, ...(folders && { folder: folders.seeder }) }),
      this.client(system, { ...options, seeder: false, ...(folders && { folder: folders.leecher }) }),
    ])
    seeder.start()
    await untilAny([tracker, seeder], () => (tracker.announced.size > 0 ? true : undefined), timeout, 'the first announce')
    await sleep(SETTLE.least + Math.random() * SETTLE.spread)
    return { seeder, leecher }
  }

  /** @param {System} system @param {number} count @param {Omit<ClientOptions, 'seeder'>} options */
  clients(system, count, options) {
    const others = count - 1
    return Promise.all(Array.from({ length: count }, () => this.client(system, { others, ...options, seeder: false })))
  }

  async close() {
    await Promise.all([...this.#children].map(child => child.stop()))
  }
}
