/** Our candidates that were gathered after the description left and follow it. Knows no signalling. */
import { MAX_CANDIDATES } from '../core/sdp.js'

/** Sends candidates behind their description: none before it, none that it holds already. */
export class CandidateTail {
  readonly #send: (candidate: RTCIceCandidateInit) => void
  readonly #early: RTCIceCandidateInit[] = []
  /** What the description holds; undefined until it has left. */
  #told: Set<string> | undefined

  constructor(send: (candidate: RTCIceCandidateInit) => void) {
    this.#send = send
  }

  add(candidate: RTCIceCandidateInit): void {
    if (this.#told === undefined) this.#early.push(candidate)
    else this.#follow(candidate, this.#told)
  }

  /** The description has left; later calls change nothing. */
  follow(description: string): void {
    this.#told ??= new Set(
      description.split(/\r?\n/).flatMap(line => (line.startsWith('a=candidate:') ? nameOf(line.slice(2)) : [])),
    )
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
