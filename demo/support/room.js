/** A chat room: its members and their messages. Runs in Node and in a page, and knows neither a terminal nor a document. */
// @ts-check
import { P2PT } from 'swarmlink/room'
import { shown } from './shown.js'

/** Length limits of a remote's texts, which are also stripped of characters that move the cursor. */
const SHOWN = { name: 30, text: 500 }

/**
 * A room's events for the display.
 *
 * @typedef {object} RoomReport
 * @property {(name: string) => void} joined
 * @property {(name: string) => void} left
 * @property {(name: string, text: string) => void} heard
 * @property {(text: string) => void} warn
 */

/** Each member first sends its name. Until then it is shown by the beginning of its id. */
export class Room {
  #p2pt
  #name
  /** @type {Map<string, { peer: import('swarmlink/room').P2PTPeer, name: string }>} */
  #members = new Map()

  /**
   * @param {object} options
   * @param {string} options.room
   * @param {string} options.name what the others see
   * @param {string[]} options.trackers
   * @param {import('swarmlink/signaling').Driver[]} [options.drivers]
   * @param {boolean} [options.stun] ask public STUN servers, for members on other networks
   * @param {boolean} [options.debug]
   * @param {RoomReport} report
   */
  constructor({ room, name, trackers, drivers = [], stun = false, debug = false }, report) {
    this.#name = name
    this.#p2pt = new P2PT(trackers, `swarmlink chat: ${room}`, {
      debug,
      signaling: drivers,
      ...(!stun && { iceServers: [] }),
    })
    this.#p2pt.on('peerconnect', peer => {
      this.#members.set(peer.id, { peer, name: peer.id.slice(0, 8) })
      void peer.send({ name })
    })
    this.#p2pt.on('peerclose', ({ id }) => {
      const member = this.#members.get(id)
      this.#members.delete(id)
      if (member !== undefined) report.left(member.name)
    })
    this.#p2pt.on('msg', ({ id }, message) => this.#receive(id, message, report))
    this.#p2pt.on('trackerwarning', ({ message }) => report.warn(message))
  }

  get size() {
    return this.#members.size
  }

  async open() {
    await this.#p2pt.start()
  }

  /** Sends the text to all members, and returns their number. @param {string} text */
  say(text) {
    for (const { peer } of this.#members.values()) void peer.send({ name: this.#name, text })
    return this.size
  }

  async close() {
    await this.#p2pt.destroy()
  }

  /**
   * @param {string} id
   * @param {unknown} message any value from a stranger
   * @param {RoomReport} report
   */
  #receive(id, message, report) {
    const member = this.#members.get(id)
    if (member === undefined || typeof message !== 'object' || message === null) return
    if ('name' in message) {
      const name = shown(message.name, SHOWN.name)
      const isNew = name !== '' && member.name !== name
      if (isNew) member.name = name
      if (isNew) report.joined(name)
    }
    if ('text' in message) report.heard(member.name, shown(message.text, SHOWN.text))
  }
}
