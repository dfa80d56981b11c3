// @ts-check
/** A mesh of processes on this machine, scene by scene: it forms, broadcasts spread, half of the processes die, it heals, all leave. */
import { duration, shortId } from './format.js'
import { Crowd } from './mesh-crowd.js'
import { Failure } from './program.js'
import { rarely } from './rarely.js'
import { Screen } from './screen.js'

/** @typedef {import('./mesh-crowd.js').Participant} Participant */
/** @typedef {{ number: number, sender: Participant } | undefined} Broadcast */

const MAX_PEERS = 5
/** The show fails after this time without any report. In ms. */
const SILENCE = 30_000
/** A scene fails after this time. In ms. */
const SCENE = 60_000
const REDRAW = 100
/** Columns of the picture of one member: two members fit into a line of 80. */
const CELL = 38
/** Between two progress lines, where pictures do not move. */
const PROGRESS = 5_000

export class MeshShow {
  #screen = new Screen()
  #crowd = new Crowd(rarely(text => this.#screen.line(`warning: ${text}`)))
  #broadcasts = 0

  /** Rejects with a sentence when the mesh did not do what it should. @param {{ transport: string, members: number }} how */
  async run({ transport, members }) {
    const crowd = this.#crowd
    this.#screen.line(`${members} members, each a process with at most ${MAX_PEERS} connections, meet at ${transport}\n`)
    const began = performance.now()
    for (let i = 0; i < members; i++) crowd.add({ transport, name: 'demo', maxPeers: MAX_PEERS })
    await this.#untilWhole()
    this.#screen.line(`Whole after ${duration(performance.now() - began)}: ${this.#wholeness()}\n`)
    await this.#broadcast('The first broadcast finds its way')
    await this.#broadcast('The second one uses the way of the first')

    const dying = crowd.members.filter(({ number }) => number % 2 === 0)
    await crowd.crash(dying)
    const diedAt = performance.now()
    this.#screen.line(
      `Killed ${dying.length} of ${members} processes with SIGKILL: ${crowd.edges} connections between the others are left.\n`,
    )
    await this.#broadcast('A broadcast right after that')
    await this.#untilWhole()
    this.#screen.line(`Healed after ${duration(performance.now() - diedAt)}: ${this.#wholeness()}\n`)
    await this.#broadcast('A broadcast over the healed mesh')

    const leaving = crowd.alive.length
    await crowd.leave()
    this.#screen.line(`${leaving} members left. Goodbye.`)
  }

  /** Ends every process. */
  async close() {
    await this.#crowd.close()
  }

  /** One piece, without connections to the dead, in which the loss of one connection cuts no member off. */
  async #untilWhole() {
    const crowd = this.#crowd
    const least = () => Math.min(2, crowd.alive.length - 1)
    const few = () => crowd.alive.filter(member => crowd.livingPeers(member).length < least()).length
    await this.#until(
      () => crowd.largestPiece === crowd.alive.length && few() === 0 && crowd.deadEdges === 0,
      () =>
        `${crowd.largestPiece} of ${crowd.alive.length} members in one piece, ${few()} with less than ${least()} connections, ${crowd.deadEdges} connections to dead members`,
    )
    this.#screen.keep(this.#picture())
  }

  #wholeness() {
    const counts = this.#crowd.alive.map(({ peers }) => peers.size)
    const [least, most] = [Math.min(...counts), Math.max(...counts)]
    return `all ${counts.length} members are in one piece, with ${least === most ? least : `${least} to ${most}`} connections each.`
  }

  /** @param {string} title */
  async #broadcast(title) {
    const crowd = this.#crowd
    const number = ++this.#broadcasts
    const [sender] = crowd.alive
    if (sender === undefined) throw new Failure('no member is alive')
    const broadcast = { number, sender }
    const others = crowd.alive.length - 1
    this.#screen.line(`${title}. Member ${sender.number} sends:`)
    sender.process.order({ broadcast: number })
    await this.#until(
      () => crowd.without(number, sender).length === 0,
      () => {
        const missing = crowd.without(number, sender)
        const names = missing.map(member => member.number).join(', ')
        return `the broadcast reached ${others - missing.length} of ${others} members: it did not reach member ${names}`
      },
      broadcast,
    )
    this.#screen.keep(this.#picture(broadcast))
    const arrivals = crowd.alive.flatMap(member => member.arrivals.get(number) ?? [])
    const last = Math.max(...arrivals.map(({ ms }) => ms))
    const hops = Math.max(...arrivals.map(arrival => arrival.hops))
    this.#screen.line(
      `Reached ${arrivals.length} of ${others}, the last one after ${duration(last)}, over at most ${hops} hops.\n`,
    )
  }

  /** @param {() => boolean} isSo @param {() => string} state @param {Broadcast} [broadcast] */
  async #until(isSo, state, broadcast) {
    const began = performance.now()
    let toldAt = began
    const waited = () => duration(performance.now() - began)
    await this.#crowd.until(isSo, {
      silence: SILENCE,
      most: SCENE,
      every: REDRAW,
      look: () => {
        this.#screen.draw([...this.#picture(broadcast), `  ${state()}`.slice(0, this.#screen.width - 1)])
        if (this.#screen.isLive || performance.now() - toldAt < PROGRESS) return
        toldAt = performance.now()
        this.#screen.line(`  after ${waited()}: ${state()}`)
      },
      late: () => `after ${waited()}: ${state()}`,
    })
  }

  /** A cell for each member, in columns. @param {Broadcast} [broadcast] */
  #picture(broadcast) {
    const cells = this.#crowd.members.map(member => this.#cell(member, broadcast))
    const columns = Math.max(1, Math.floor(this.#screen.width / CELL))
    const rows = Math.ceil(cells.length / columns)
    return Array.from({ length: rows }, (_, row) =>
      cells
        .filter((_cell, i) => i % rows === row)
        .join('')
        .trimEnd(),
    )
  }

  /**
   * The number of a member, its connections to living members and to others, and what became of the broadcast.
   *
   * @param {Participant} member
   * @param {Broadcast} broadcast
   */
  #cell(member, broadcast) {
    const { number, peerId, peers, isAlive, arrivals } = member
    const living = this.#crowd.livingPeers(member).length
    const head = `${String(number).padStart(4)} ${shortId(peerId).padEnd(8)} `
    if (!isAlive) return this.#screen.paint(`${head}dead`.padEnd(CELL), 'dim')
    const edges = `${'●'.repeat(living)}${'×'.repeat(peers.size - living)}`.padEnd(MAX_PEERS, '·').padEnd(MAX_PEERS + 2)
    const arrival = broadcast && arrivals.get(broadcast.number)
    let news = ''
    if (broadcast?.sender === member) news = 'sends'
    else if (arrival !== undefined) news = `${duration(arrival.ms).padStart(7)} ${hopsOf(arrival)}`
    const colour = arrival === undefined ? 'yellow' : 'green'
    return `${head}${edges} ${this.#screen.paint(news.padEnd(CELL - head.length - edges.length - 1), colour)}`
  }
}

/** @param {{ hops: number }} arrival */
function hopsOf({ hops }) {
  return `${hops} ${hops === 1 ? 'hop' : 'hops'}`
}
