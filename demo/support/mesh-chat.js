// @ts-check
/** A chat over a mesh: its members, their lines, and the commands. Runs in Node and in a page, and knows neither a terminal nor a document. */
import { createMesh } from 'swarmlink/mesh'
import { shortId } from './format.js'
import { shown } from './shown.js'

const TOPIC = 'chat'
/** Earlier broadcasts of each member that a newcomer gets. */
const HISTORY = 10
const SHOWN = { name: 30, text: 500 }
/** Names that are remembered; a remote may invent any number of ids. */
const MAX_NAMES = 1_000
const HELP = '/nick NAME changes your name, /peers lists your connections, /stats shows figures of the mesh, /quit leaves'

/**
 * The events of a chat for the display.
 *
 * @typedef {object} MeshChatReport
 * @property {(text: string) => void} event a member came, left, or has another name
 * @property {(name: string, text: string) => void} heard
 * @property {(text: string) => void} warn
 * @property {() => void} changed the number of connections changed
 */
/** @typedef {{ name: string, text?: string, isLeaving?: boolean }} Line */
/** @typedef {import('swarmlink/mesh').Mesh<Line, Line>} ChatMesh */

export class MeshChat {
  #mesh
  #name
  #report
  /** Names by peer id. @type {Map<string, string>} */
  #names = new Map()

  /**
   * @param {object} options
   * @param {string} options.room
   * @param {string} options.name what the others see
   * @param {string[]} options.trackers
   * @param {boolean} [options.stun] ask public STUN servers, for members on other networks
   * @param {boolean} [options.debug]
   * @param {MeshChatReport} report
   */
  static async open({ room, name, trackers, stun = false, debug = false }, report) {
    /** @type {ChatMesh} */
    const mesh = await createMesh({ transport: trackers, name: room, maxPeers: 8, debug, ...(!stun && { iceServers: [] }) })
    const chat = new MeshChat(mesh, name, report)
    await mesh.join()
    return chat
  }

  /** @param {ChatMesh} mesh @param {string} name @param {MeshChatReport} report */
  constructor(mesh, name, report) {
    this.#mesh = mesh
    this.#name = name
    this.#report = report
    mesh.subscribe(TOPIC, ({ from, data }) => this.#receive(from, data), { history: HISTORY })
    mesh.on('message', ({ from, topic, data }) => {
      if (topic === undefined) this.#receive(from, data) // the greeting of a neighbour
    })
    mesh.on('warning', ({ message }) => report.warn(message))
    mesh.on('size', () => report.changed())
    mesh.on('peer:disconnect', () => report.changed())
    mesh.on('peer:connect', peerId => {
      void mesh.send(peerId, { name: this.#name })
      report.changed()
    })
    // A broadcast that is sent without a connection reaches no member.
    mesh.once('peer:connect', () => void mesh.sendBroadcast(TOPIC, { name: this.#name }))
  }

  get name() {
    return this.#name
  }

  /** The number of members, with this one. */
  get size() {
    return this.#mesh.size
  }

  get connections() {
    return this.#mesh.peers.length
  }

  /**
   * Carries out a command, or says the text to all members. Returns the lines to show.
   *
   * @param {string} text
   * @returns {Promise<string[]>}
   */
  async enter(text) {
    const [command = '', ...rest] = text.trim().split(/\s+/)
    if (!command.startsWith('/')) return await this.#say({ name: this.#name, text: text.trim() })
    if (command === '/nick') return await this.#rename(shown(rest.join(' '), SHOWN.name))
    if (command === '/peers') return this.#peerLines()
    if (command === '/stats') return this.#statLines()
    return [`(${HELP})`]
  }

  /** Tells all members, and leaves. */
  async close() {
    if (this.connections > 0) await this.#mesh.sendBroadcast(TOPIC, { name: this.#name, isLeaving: true }).catch(() => {})
    await this.#mesh.leave()
  }

  /** @param {Line} line @returns {Promise<string[]>} */
  async #say(line) {
    if (this.connections === 0) return ['(no member is connected yet: not sent)']
    const { reached, of } = await this.#mesh.sendBroadcast(TOPIC, line, { confirm: true })
    return reached < of ? [`(${reached} of ${of} members confirmed it)`] : []
  }

  /** @param {string} name */
  async #rename(name) {
    if (name === '') return ['(/nick needs a name)']
    this.#name = name
    if (this.connections > 0) await this.#mesh.sendBroadcast(TOPIC, { name })
    return [`(you are ${name} now)`]
  }

  #peerLines() {
    const neighbours = this.#mesh.getStats()?.neighbours ?? []
    return [
      `(${this.size} members, ${neighbours.length} of them connected to you)`,
      ...neighbours.map(
        ({ peerId, role, roundTripTime }) => `  ${this.#nameOf(peerId)}: ${role}, ${roundTripTime.toFixed(0)} ms`,
      ),
    ]
  }

  #statLines() {
    const stats = this.#mesh.getStats()
    if (stats === undefined) return []
    const { delivered, duplicates, repaired, gaps } = stats.counts
    return [
      `  members ${stats.size}, connections ${stats.neighbours.length}, island ${shortId(stats.island)}, depth ${stats.depth}`,
      `  broadcasts: ${delivered} received, ${duplicates} received twice, ${repaired} repaired, ${gaps} lost`,
    ]
  }

  /** @param {string} from @param {unknown} data any value from a stranger */
  #receive(from, data) {
    if (typeof data !== 'object' || data === null) return
    const { name, text, isLeaving } = /** @type {Record<string, unknown>} */ (data)
    const known = this.#names.get(from)
    const is = shown(name, SHOWN.name)
    if (is !== '' && is !== known) {
      this.#names.delete(from) // the oldest name comes first
      this.#names.set(from, is)
      const [oldest] = this.#names.keys()
      if (this.#names.size > MAX_NAMES && oldest !== undefined) this.#names.delete(oldest)
      this.#report.event(known === undefined ? `${is} is here` : `${known} is ${is} now`)
    }
    if (text !== undefined) this.#report.heard(this.#nameOf(from), shown(text, SHOWN.text))
    if (isLeaving !== true) return
    this.#report.event(`${this.#nameOf(from)} is gone`)
    this.#names.delete(from)
  }

  /** @param {string} peerId */
  #nameOf(peerId) {
    return this.#names.get(peerId) ?? shortId(peerId)
  }
}
