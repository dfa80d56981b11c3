/** Keeps remote candidates that arrive apart from their answer, and maybe before it. Knows no signalling. */
import { BoundedMap } from '../../core/bounded-map.js'
import type { Id } from '../../core/id.js'
import { MAX_CANDIDATES } from '../../core/sdp.js'
import type { RemotePeer } from '../../peer/remote-peer.js'

/** Answers that are being verified or connecting. Each has room for as many candidates as a description. */
const MAX_BOXES = 128

interface Box {
  readonly from: Id
  /** Candidates that arrived before there was a peer. */
  readonly kept: RTCIceCandidateInit[]
  peer?: RemotePeer
}

export class EarlyCandidates {
  readonly #boxes = new BoundedMap<Id, Box>(MAX_BOXES)

  get size(): number {
    return this.#boxes.size
  }

  /** `awaited`: this remote may still answer this offer. False when the candidate belongs to no answer of this remote. */
  add(offerId: Id, from: Id, candidate: RTCIceCandidateInit, awaited: boolean): boolean {
    let box = this.#boxes.get(offerId)
    if (box === undefined && awaited) box = this.#open(offerId, from)
    if (box === undefined || box.from !== from) return false
    if (box.peer !== undefined) box.peer.addCandidate(candidate)
    else if (box.kept.length < MAX_CANDIDATES) box.kept.push(candidate)
    return true
  }

  /** The answer arrived and is being verified. */
  expect(offerId: Id, from: Id): void {
    if (this.#boxes.get(offerId)?.from !== from) this.#open(offerId, from)
  }

  /** Hands the kept candidates to this peer, and later ones until it is connected. */
  deliver(offerId: Id, peer: RemotePeer): void {
    const box = this.#boxes.get(offerId)
    if (box === undefined) return
    box.peer = peer
    for (const candidate of box.kept.splice(0)) peer.addCandidate(candidate)
    const close = () => void this.#boxes.delete(offerId)
    peer.on('connect', close)
    peer.on('close', close)
  }

  /** The answer was refused. */
  drop(offerId: Id): void {
    this.#boxes.delete(offerId)
  }

  clear(): void {
    this.#boxes.clear()
  }

  #open(offerId: Id, from: Id): Box {
    const box: Box = { from, kept: [] }
    this.#boxes.set(offerId, box)
    return box
  }
}
