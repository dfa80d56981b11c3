// @ts-check
/** Members of a mesh in processes of their own: what each reported, and whether they are in one piece. Prints nothing. */
import { Member } from './crew.js'
import { Failure } from './program.js'

/** @typedef {import('./mesh-member.js').Task} Task */
/** @typedef {Member<import('./mesh-member.js').Told>} MeshProcess */
/** @typedef {{ ms: number, hops: number }} Arrival */

/** One member, as this process knows it from the reports. */
export class Participant {
  peerId = ''
  /** The peer ids of the connected members. @type {ReadonlySet<string>} */
  peers = new Set()
  /** Members of the mesh, as it counts them. */
  size = 1
  isAlive = true
  /** When each broadcast arrived, by its number. @type {Map<number, Arrival>} */
  arrivals = new Map()
  /** @type {MeshProcess} */
  process

  /** @param {number} number @param {Task} task */
  constructor(number, task) {
    this.number = number
    this.process = new Member(`member ${number}`, 'mesh-member.js', task)
  }
}

export class Crowd {
  /** @type {Participant[]} */
  members = []
  /** When a member reported last, on the clock of `performance.now()`. */
  #changedAt = performance.now()
  /** @type {(text: string) => void} */
  #warn
  #changed = () => {}

  /** @param {(text: string) => void} warn */
  constructor(warn) {
    this.#warn = warn
  }

  /** Starts one more member. @param {Task} task */
  add(task) {
    const member = new Participant(this.members.length + 1, task)
    this.members.push(member)
    const { process } = member
    process.on('joined', ({ peerId }) => this.#note(() => (member.peerId = peerId)))
    process.on('edges', ({ peers }) => this.#note(() => (member.peers = new Set(peers))))
    process.on('size', ({ size }) => this.#note(() => (member.size = size)))
    process.on('heard', ({ number, ms, hops }) => this.#note(() => member.arrivals.set(number, { ms, hops })))
    process.on('warned', ({ text }) => this.#warn(`member ${member.number}: ${text}`))
  }

  get alive() {
    return this.members.filter(member => member.isAlive)
  }

  /** Connections of living members whose other end is dead. */
  get deadEdges() {
    const dead = new Set(this.members.flatMap(({ isAlive, peerId }) => (isAlive ? [] : [peerId])))
    return this.alive.reduce((sum, { peers }) => sum + [...peers].filter(peer => dead.has(peer)).length, 0)
  }

  /** Connections between living members. */
  get edges() {
    return this.alive.reduce((sum, member) => sum + this.livingPeers(member).length, 0) / 2
  }

  /** The living members that a member is connected to. @param {Participant} member */
  livingPeers({ peers }) {
    return this.alive.filter(({ peerId }) => peers.has(peerId))
  }

  /** Living members in the largest piece: paths of connections join them. */
  get largestPiece() {
    const left = new Set(this.alive)
    let largest = 0
    for (const first of left) {
      const piece = new Set([first])
      for (const member of piece) for (const peer of this.livingPeers(member)) piece.add(peer)
      for (const member of piece) left.delete(member)
      largest = Math.max(largest, piece.size)
    }
    return largest
  }

  /** Living members that a broadcast has not reached. @param {number} number @param {Participant} sender */
  without(number, sender) {
    return this.alive.filter(member => member !== sender && !member.arrivals.has(number))
  }

  /** Ends these members as a crash would. @param {Participant[]} members */
  async crash(members) {
    for (const member of members) member.isAlive = false
    await Promise.all(members.map(({ process }) => process.crash()))
    this.#note(() => {})
  }

  /** Lets all living members leave. */
  async leave() {
    await Promise.all(this.alive.map(({ process }) => process.stop()))
  }

  /** Ends every process. */
  async close() {
    await Promise.all(this.members.map(({ process }) => process.kill()))
  }

  /**
   * Resolves when the condition holds. Rejects when a living member ends, after `silence` ms without a report, and after `most` ms.
   *
   * @param {() => boolean} isSo
   * @param {{ silence: number, most: number, every: number, look: () => void, late: () => string }} how `look` is called each `every` ms
   */
  async until(isSo, { silence, most, every, look, late }) {
    const began = performance.now()
    this.#changedAt = began
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    const reached = new Promise((resolve, reject) => {
      this.#changed = () => isSo() && resolve(undefined)
      this.#changed()
      timer = setInterval(() => {
        const now = performance.now()
        if (now - this.#changedAt > silence || now - began > most) reject(new Failure(late()))
        else look()
      }, every)
    })
    try {
      await Promise.race([reached, ...this.alive.map(({ process }) => process.failure)])
    } finally {
      clearInterval(timer)
      this.#changed = () => {}
    }
  }

  /** @param {() => void} change */
  #note(change) {
    change()
    this.#changedAt = performance.now()
    this.#changed()
  }
}
