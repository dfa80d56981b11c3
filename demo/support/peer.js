// @ts-check
/** One peer of a demo: a WebTorrent client that finds others only through swarmlink. */
import { ConnectionManager, fileCredentials } from 'swarmlink'
// @ts-ignore -- ships no types
import WebTorrent from 'webtorrent'
import { Failure, messageOf, unlessAborted } from './program.js'

/**
 * @typedef {object} PeerOptions
 * @property {string[]} trackers
 * @property {string} [credentials] a file
 * @property {string} [wrtc]
 * @property {boolean} [stun]
 * @property {boolean} [debug]
 */

/**
 * A peer's events for the terminal.
 *
 * @typedef {object} Report
 * @property {(text: string) => void} warn
 * @property {(connection: import('swarmlink').DataConnection) => void} joined
 * @property {(peerId: string) => void} left
 * @property {(peerId: string, text: string) => void} heard
 * @property {() => void} wired
 */

/** Only swarmlink finds peers, and only the given trackers are contacted. */
const NOTHING_ELSE = { dht: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, utp: false, webSeeds: false }

/** A host that drops packets would block the demo for ever. */
const REACH_TIMEOUT = 6_000

/** Length limit of a remote's text, which is also stripped of characters that move the cursor. */
const SHOWN = 500

export class Peer {
  #client
  #manager
  #report
  /** @type {Promise<never>} */
  #failure
  #closing = false
  /** Tracker errors, until it is known whether they matter. @type {string[] | undefined} */
  #unreached = []

  /**
   * @param {any} client
   * @param {ConnectionManager} manager
   * @param {Report} report
   */
  constructor(client, manager, report) {
    this.#client = client
    this.#manager = manager
    this.#report = report
    this.#failure = new Promise((_resolve, reject) => {
      client.on('error', (/** @type {unknown} */ error) => reject(new Failure(`WebTorrent: ${messageOf(error)}`)))
    })
    this.#failure.catch(() => {}) // pending waits reject with it
    manager.on('connection', connection => this.#join(connection))
    manager.on('wire', () => report.wired())
    manager.on('warning', error => {
      if (error.code === 'ERR_TRACKER_LINK' && this.#unreached !== undefined) this.#unreached.push(error.message)
      else report.warn(error.message)
    })
  }

  /**
   * @param {PeerOptions} options
   * @param {Report} report
   * @param {AbortSignal} signal
   */
  static async open({ trackers, credentials, wrtc, stun = false, debug = false }, report, signal) {
    const engine = wrtc === undefined ? undefined : await loadEngine(wrtc)
    const client = new WebTorrent(NOTHING_ELSE)
    try {
      const manager = new ConnectionManager(client, {
        trackers,
        debug,
        ...(engine && { wrtc: engine }),
        ...(credentials !== undefined && { credentials: fileCredentials(credentials) }),
        ...(!stun && { rtcConfig: { iceServers: [] } }),
      })
      try {
        await unlessAborted(signal, ready(manager))
        return new Peer(client, manager, report)
      } catch (error) {
        await manager.destroy()
        throw error
      }
    } catch (error) {
      await destroyed(client)
      throw error
    }
  }

  /** Constant from start to end, and the same again with the same credentials. */
  get peerId() {
    return this.#manager.peerId ?? ''
  }

  stats() {
    return this.#manager.getStats()
  }

  /**
   * Resolves when other peers can find the file.
   *
   * @param {string} path
   * @param {string[]} announce
   * @param {AbortSignal} signal
   */
  async seed(path, announce, signal) {
    const torrent = this.#client.seed(path, { announce })
    muffle(torrent, this.#report)
    await this.#wait(signal, new Promise(resolve => torrent.once('seed', resolve)))
    await this.#reachTracker(signal)
    return torrent
  }

  /**
   * Resolves when a tracker has been asked for peers.
   *
   * @param {string} magnet
   * @param {string} folder
   * @param {AbortSignal} signal
   */
  async leech(magnet, folder, signal) {
    const torrent = this.#client.add(magnet, { path: folder })
    muffle(torrent, this.#report)
    await this.#reachTracker(signal)
    return torrent
  }

  /**
   * Resolves with the torrent's event, rejects when WebTorrent gives up.
   *
   * @param {AbortSignal} signal
   * @param {any} torrent
   * @param {'metadata' | 'done'} event
   */
  async until(signal, torrent, event) {
    if (event === 'done' ? torrent.done : torrent.metadata) return
    await this.#wait(signal, new Promise(resolve => torrent.once(event, resolve)))
  }

  /** Resolves when the signal aborts, rejects when WebTorrent gives up before. @param {AbortSignal} signal */
  async untilStopped(signal) {
    const stopped = new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    if (!signal.aborted) await Promise.race([stopped, this.#failure])
  }

  /**
   * Sends a line to all connected peers, and returns their number.
   *
   * @param {string} text
   */
  say(text) {
    const connections = this.#manager.connections()
    for (const connection of connections) connection.send(text)
    return connections.length
  }

  async close() {
    this.#closing = true
    await this.#manager.destroy()
    await destroyed(this.#client)
  }

  /** @param {import('swarmlink').DataConnection} connection */
  #join(connection) {
    const { remotePeerId } = connection
    this.#report.joined(connection)
    connection.on('data', message => this.#report.heard(remotePeerId, shown(message)))
    connection.on('close', () => this.#closing || this.#report.left(remotePeerId))
    connection.on('error', error => this.#report.warn(error.message))
  }

  /**
   * Rejects at once when every tracker has refused, and after a timeout when none has answered.
   *
   * @param {AbortSignal} signal
   */
  async #reachTracker(signal) {
    const manager = this.#manager
    let finish = () => {}
    const answered = new Promise((resolve, reject) => {
      const fail = () => reject(new Failure(`no tracker can be reached: ${this.#unreached?.at(-1) ?? 'none of them answers'}`))
      const timer = setTimeout(fail, REACH_TIMEOUT)
      // The states are updated shortly after the warning.
      const look = () => setImmediate(() => manager.getStats().trackers.every(({ state }) => state === 'waiting') && fail())
      manager.on('update', resolve)
      manager.on('warning', look)
      finish = () => {
        clearTimeout(timer)
        manager.off('update', resolve)
        manager.off('warning', look)
      }
      if (manager.getStats().trackers.some(({ framesIn }) => framesIn > 0)) resolve(undefined)
      else if ((this.#unreached?.length ?? 0) > 0) look()
    })
    try {
      await this.#wait(signal, answered)
    } finally {
      finish()
    }
    for (const text of this.#unreached ?? []) this.#report.warn(text)
    this.#unreached = undefined
  }

  /**
   * @param {AbortSignal} signal
   * @param {Promise<unknown>} promise
   */
  async #wait(signal, promise) {
    await unlessAborted(signal, Promise.race([promise, this.#failure]))
  }
}

/** A manager that cannot start gives the reason in its first warning, and does not affect WebTorrent. @param {ConnectionManager} manager */
function ready(manager) {
  return new Promise((resolve, reject) => {
    manager.once('ready', resolve)
    manager.once('warning', reject)
  })
}

/** @param {string} name @returns {Promise<any>} */
async function loadEngine(name) {
  try {
    return name === 'roamhq' ? (await import('@roamhq/wrtc')).default : await import('node-datachannel/polyfill')
  } catch (error) {
    throw new Failure(`--wrtc ${name} cannot be loaded: ${messageOf(error)}`)
  }
}

/**
 * Hides one warning per WebSocket tracker: WebTorrent's own are off, because the manager announces instead.
 *
 * @param {any} torrent
 * @param {Report} report
 */
function muffle(torrent, report) {
  torrent.on('warning', (/** @type {unknown} */ warning) => {
    const text = messageOf(warning)
    if (!text.startsWith('Unsupported tracker protocol: ws')) report.warn(`WebTorrent: ${text}`)
  })
}

/** @param {any} client */
function destroyed(client) {
  return new Promise(resolve => client.destroy(resolve))
}

/** @param {unknown} message */
function shown(message) {
  if (message instanceof Uint8Array) return `(${message.byteLength} bytes)`
  const text = typeof message === 'string' ? message : JSON.stringify(message)
  // Control characters move a terminal's cursor. The others change the text direction or end a line.
  return text.slice(0, SHOWN).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
}
