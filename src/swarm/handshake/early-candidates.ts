/** Candidates of others that are not in their answer, which they may overtake. Knows no signalling. */
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
