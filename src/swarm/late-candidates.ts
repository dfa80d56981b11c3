/**
 * Candidates that are not in their answer, on both ends: those of ours that follow it, and those of others that may overtake
 * theirs. Knows no signalling.
 */
import type { Id } from '../core/id.js'
import { MAX_CANDIDATES } from '../core/sdp.js'
import type { RemotePeer } from '../peer/remote-peer.js'

/** Answers that are being looked at or connecting; each has room for as many candidates as a description. */
const MAX_BOXES = 128

interface Box {
  readonly from: Id
  /** Candidates of a peer that is not there yet. */
  readonly kept: RTCIceCandidateInit[]
  peer?: RemotePeer
}

/** What arrives for the offers of ours that were answered, by the ids of the offers. */
export class CandidateBoxes {
  readonly #boxes = new Map<Id, Box>()

  get size(): number {
    return this.#boxes.size
  }

  /** `awaited`: whether this remote may still answer this offer. False when it has no business with it. */
  add(offerId: Id, from: Id, candidate: RTCIceCandidateInit, awaited: boolean): boolean {
    let box = this.#boxes.get(offerId)
    if (box === undefined && awaited) box = this.#open(offerId, from)
    if (box === undefined || box.from !== from) return false
    if (box.peer !== undefined) box.peer.addCandidate(candidate)
    else if (box.kept.length < MAX_CANDIDATES) box.kept.push(candidate)
    return true
  }

  /** Its answer is here and is being looked at. */
  expect(offerId: Id, from: Id): void {
    if (this.#boxes.get(offerId)?.from !== from) this.#open(offerId, from)
  }

  /** It is on its way: what was kept is for this peer, and so is what comes until it is connected. */
  deliver(offerId: Id, peer: RemotePeer): void {
    const box = this.#boxes.get(offerId)
    if (box === undefined) return
    box.peer = peer
    for (const candidate of box.kept.splice(0)) peer.addCandidate(candidate)
    const close = () => void this.#boxes.delete(offerId)
    peer.on('connect', close)
    peer.on('close', close)
  }

  /** Nothing came of it. */
  drop(offerId: Id): void {
    this.#boxes.delete(offerId)
  }

  clear(): void {
    this.#boxes.clear()
  }

  #open(offerId: Id, from: Id): Box {
    const box: Box = { from, kept: [] }
    this.#boxes.set(offerId, box)
    const [oldest] = this.#boxes.keys()
    if (this.#boxes.size > MAX_BOXES && oldest !== undefined) this.#boxes.delete(oldest)
    return box
  }
}

/** Sends candidates behind their answer: none before it, none that it holds already. */
export class CandidateTail {
  readonly #send: (candidate: RTCIceCandidateInit) => void
  readonly #early: RTCIceCandidateInit[] = []
  /** What the answer holds; undefined until it has left. */
  #told: Set<string> | undefined

  constructor(send: (candidate: RTCIceCandidateInit) => void) {
    this.#send = send
  }

  add(candidate: RTCIceCandidateInit): void {
    if (this.#told === undefined) this.#early.push(candidate)
    else this.#follow(candidate, this.#told)
  }

  /** The answer has left. */
  follow(answer: string): void {
    this.#told = new Set(answer.split(/\r?\n/).flatMap(line => (line.startsWith('a=candidate:') ? nameOf(line.slice(2)) : [])))
    for (const candidate of this.#early.splice(0)) this.#follow(candidate, this.#told)
  }

  #follow(candidate: RTCIceCandidateInit, told: Set<string>): void {
    const name = nameOf(candidate.candidate ?? '')
    if (told.has(name) || told.size >= MAX_CANDIDATES) return
    told.add(name)
    this.#send(candidate)
  }
}

/** Foundation, transport, priority, address and port: engines write the rest differently in a description and beside it. */
function nameOf(candidate: string): string {
  return candidate.split(' ', 6).join(' ').toLowerCase()
}
