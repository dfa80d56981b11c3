// @ts-check
/** The processes of a benchmark as the harness sees them: clients and trackers that speak the protocol of `child.js`, and waits for their messages. */
import { fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { now } from './child.js'

/** @typedef {import('./types.js').ClientSample} ClientSample */
/** @typedef {import('./types.js').FromChild} FromChild */
/** @typedef {import('./types.js').ToChild} ToChild */
/** @typedef {import('./types.js').TrackerSample} TrackerSample */

/** Thirty processes that load WebTorrent at once take half a minute on two cores. */
const READY_TIMEOUT = 120_000
const STOP_TIMEOUT = 4_000
/** Counting the sockets of a process takes seconds where the machine has thousands of them. */
const SAMPLE_TIMEOUT = 60_000

/** The number of the latest request, to match replies. */
let asked = 0

/** @param {string} text */
export function progress(text) {
  process.stderr.write(`${text}\n`)
}

/** A forked process that speaks the protocol of `child.js`. */
class Child {
  #process
  #samples = 0
  #stopping = false
  #errors = ''
  forkedAt = now()
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

  /** @param {boolean} [isEnd] of what is measured between two samples @returns {Promise<ClientSample | TrackerSample>} */
  takeSample(isEnd = false) {
    const number = ++this.#samples
    this.send({ type: 'sample', number, isEnd })
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
  readyAt = NaN
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
      case 'ready':
        this.readyAt = message.at
        break
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

  /** The first of two samples. */
  async sample() {
    return /** @type {ClientSample} */ (await this.takeSample())
  }

  /** The second of two samples. */
  async lastSample() {
    return /** @type {ClientSample} */ (await this.takeSample(true))
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
