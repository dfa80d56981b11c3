// @ts-check
/** Runs one tracker and many clients, each in a process of its own, and observes them. Knows nothing of what is measured. */
import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** @typedef {import('./types.js').ClientOptions} ClientOptions */
/** @typedef {import('./types.js').ClientSample} ClientSample */
/** @typedef {import('./types.js').FromChild} FromChild */
/** @typedef {import('./types.js').System} System */
/** @typedef {import('./types.js').ToChild} ToChild */
/** @typedef {import('./types.js').Topic} Topic */
/** @typedef {import('./types.js').TrackerSample} TrackerSample */

/** Thirty processes that load WebTorrent at once take half a minute on two cores. */
const READY_TIMEOUT = 120_000
const STOP_TIMEOUT = 4_000
const SAMPLE_TIMEOUT = 10_000
const SETTLE = { least: 500, spread: 1_000 }
/** Counts every connection of a client. Loaded before the client. */
const COUNTING = ['--import', new URL('clients/connections.js', import.meta.url).href]

/** Flags for every process of the benchmark. @type {string[]} */
let profiling = []

/** Makes each client write a CPU profile and a heap profile into this folder when it ends. @param {string} folder */
export function profileTo(folder) {
  profiling = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--heap-prof', `--heap-prof-dir=${folder}`]
}

/** The number of the latest request, to match replies. */
let asked = 0

/** @param {string} text */
export function progress(text) {
  process.stderr.write(`${text}\n`)
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
  /** @type {Set<Child>} */
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
   * @param {{ distance?: number, cold?: boolean }} [options] milliseconds to the tracker, each way; whether the leecher has not dialled it before
   */
  async pair(system, topic, timeout, { distance, cold = false } = {}) {
    const tracker = await this.tracker()
    const trackerUrl = distance === undefined ? tracker.url : await this.distant(tracker, distance)
    const options = { trackerUrl, topic, cold }
    const [seeder, leecher] = await Promise.all([
      this.client(system, { ...options, seeder: true }),
      this.client(system, { ...options, seeder: false }),
    ])
    seeder.start()
    await untilAny([tracker, seeder], () => (tracker.announced.size > 0 ? true : undefined), timeout, 'the first announce')
    await sleep(SETTLE.least + Math.random() * SETTLE.spread)
    return { seeder, leecher }
  }

  /** @param {System} system @param {number} count @param {Omit<ClientOptions, 'seeder'>} options */
  clients(system, count, options) {
    return Promise.all(Array.from({ length: count }, () => this.client(system, { ...options, seeder: false })))
  }

  async close() {
    await Promise.all([...this.#children].map(child => child.stop()))
  }
}

/** A forked process that speaks the protocol of `child.js`. */
class Child {
  #process
  #samples = 0
  #stopping = false
  #errors = ''
  /** @type {Fallen | undefined} the error that ended it */
  fallen
  /** Emits `event` with every message, `failed` with an error. */
  events = new EventEmitter()

  /** @param {string} file @param {string[]} [flags] */
  constructor(file, flags = []) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    this.events.setMaxListeners(0)
    this.#process = fork(path, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: ['--no-warnings', ...flags],
      serialization: 'advanced', // JSON cannot represent NaN
    })
    this.#process.stderr?.on('data', chunk => (this.#errors = (this.#errors + String(chunk)).slice(-2_000)))
    this.#process.on('message', (/** @type {FromChild} */ message) => {
      if (message.type === 'failed') this.#fail(message.message)
      else {
        this.receive(message)
        this.events.emit('event', message)
      }
    })
    this.#process.on('exit', (code, signal) => this.#fail(`${file} ended (${signal ?? code})\n${this.#errors}`))
  }

  /** @param {string} message */
  #fail(message) {
    if (this.#stopping || this.fallen) return
    this.fallen = new Fallen(message)
    progress(message.trimEnd())
    this.events.emit('failed', this.fallen)
  }

  /** @param {FromChild} _message */
  receive(_message) {}

  /** @param {ToChild} message */
  send(message) {
    if (this.#process.connected) this.#process.send(message)
  }

  /**
   * Resolves at the first message, this one or a later one, after which `look` finds something.
   * @template T
   * @param {(message: FromChild | undefined) => T | undefined} look
   * @param {number} timeout
   * @param {string} what
   * @returns {Promise<T>}
   */
  until(look, timeout, what) {
    return untilAny([this], look, timeout, what)
  }

  /** @param {unknown} options */
  async prepare(options) {
    this.send({ type: 'prepare', options })
    try {
      await this.until(message => (message?.type === 'ready' ? true : undefined), READY_TIMEOUT, 'a process to be ready')
    } catch (cause) {
      throw new Error('a process of the benchmark could not be started', { cause })
    }
  }

  /** @returns {Promise<ClientSample | TrackerSample>} */
  takeSample() {
    const number = ++this.#samples
    this.send({ type: 'sample', number })
    return this.until(
      message => (message?.type === 'sample' && message.number === number ? message.sample : undefined),
      SAMPLE_TIMEOUT,
      'a sample',
    )
  }

  /**
   * @param {unknown} task
   * @param {number} timeout
   * @param {Child[]} [others] also needed for an answer
   * @returns {Promise<unknown>}
   */
  ask(task, timeout, others = []) {
    const number = ++asked
    this.send({ type: 'ask', number, task })
    return untilAny(
      [this, ...others],
      message => (message?.type === 'told' && message.number === number ? { answer: message.answer } : undefined),
      timeout,
      'an answer of a process',
    ).then(({ answer }) => answer)
  }

  /** Kills the process, like a crash. */
  async kill() {
    this.#stopping = true
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await exit
  }

  async stop() {
    this.#stopping = true
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, 'exit')
    this.send({ type: 'stop' })
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT)
    await exit
    clearTimeout(timer)
  }
}

export class Tracker extends Child {
  port = 0
  readyAt = NaN
  /** @type {Map<string, number>} peer id to the time of its first announce */
  announced = new Map()

  get url() {
    return `ws://127.0.0.1:${this.port}`
  }

  /** @override @param {FromChild} message */
  receive(message) {
    if (message.type === 'ready') {
      this.port = message.port ?? 0
      this.readyAt = message.at
    } else if (message.type === 'announced' && !this.announced.has(message.peerId)) {
      this.announced.set(message.peerId, message.at)
    }
  }

  async sample() {
    return /** @type {TrackerSample} */ (await this.takeSample())
  }
}

export class ClientProcess extends Child {
  startedAt = NaN
  /** @type {number | undefined} */
  firstLinkAt
  /** @type {number | undefined} */
  finishedAt
  /** @type {Map<string, number>} remote to the number of connections with it */
  links = new Map()
  /** @type {Set<string>} */
  kinds = new Set()

  start() {
    this.send({ type: 'start' })
  }

  /** @override @param {FromChild} message */
  receive(message) {
    switch (message.type) {
      case 'started':
        this.startedAt = message.at
        break
      case 'linked':
        this.firstLinkAt ??= message.at
        this.kinds.add(message.kind)
        this.links.set(message.remote, (this.links.get(message.remote) ?? 0) + 1)
        break
      case 'unlinked': {
        const left = (this.links.get(message.remote) ?? 1) - 1
        if (left > 0) this.links.set(message.remote, left)
        else this.links.delete(message.remote)
        break
      }
      case 'finished':
        this.finishedAt ??= message.at
        break
      default:
        break
    }
  }

  async sample() {
    return /** @type {ClientSample} */ (await this.takeSample())
  }

  /** Resolves with the time of the first connection. @param {number} timeout */
  linked(timeout) {
    return this.until(() => this.firstLinkAt, timeout, 'the first connection')
  }

  /** Resolves with the time at which the download was complete. @param {number} timeout */
  finished(timeout) {
    return this.until(() => this.finishedAt, timeout, 'the download')
  }
}

class TooSlow extends Error {}
class Fallen extends Error {}

/**
 * Accepts a run that was too slow or that crashed: that is a result, not a failure of the harness. Rethrows everything else.
 * @param {unknown} error
 */
export function acceptDefeat(error) {
  if (!(error instanceof TooSlow || error instanceof Fallen)) throw error
}

/**
 * Looks at once, and again after each message of any child, until `look` finds a value.
 * @template T
 * @param {Child[]} children
 * @param {(message: FromChild | undefined) => T | undefined} look
 * @param {number} timeout
 * @param {string} what
 * @returns {Promise<T>}
 */
export function untilAny(children, look, timeout, what) {
  return new Promise((resolve, reject) => {
    const there = look(undefined)
    if (there !== undefined) return resolve(there)
    const fallen = children.find(child => child.fallen)?.fallen
    if (fallen) return reject(fallen)

    /** @param {FromChild} message */
    const check = message => {
      const found = look(message)
      if (found === undefined) return
      leave()
      resolve(found)
    }
    /** @param {Error} error */
    const fail = error => {
      leave()
      reject(error)
    }
    const leave = () => {
      clearTimeout(timer)
      for (const { events } of children) {
        events.off('event', check)
        events.off('failed', fail)
      }
    }
    const timer = setTimeout(() => fail(new TooSlow(`waited ${timeout / 1000} s for ${what}`)), timeout)
    for (const { events } of children) {
      events.on('event', check)
      events.on('failed', fail)
    }
  })
}
