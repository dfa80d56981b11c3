/** Our candidates that were gathered after the description left and follow it. Knows no signalling. */
import { CandidateAllowance } from '../core/candidate-allowance.js'

/** Sends candidates behind their description: none before it, none that it holds already. */
export class CandidateTail {
  readonly #send: (candidate: RTCIceCandidateInit) => void
  readonly #early: RTCIceCandidateInit[] = []
  /** What the description holds; undefined until it has left. */
  #told: Set<string> | undefined
  readonly #allowance = new CandidateAllowance()

  constructor(send: (candidate: RTCIceCandidateInit) => void) {
    this.#send = send
  }

  add(candidate: RTCIceCandidateInit): void {
    if (this.#told === undefined) this.#early.push(candidate)
    else this.#follow(candidate, this.#told)
  }

  /** The description has left; later calls change nothing. */
  follow(description: string): void {
    if (this.#told === undefined) {
      const told = description.split(/\r?\n/).filter(line => line.startsWith('a=candidate:'))
      for (const line of told) this.#allowance.take(line)
      this.#told = new Set(told.map(line => nameOf(line.slice(2))))
    }
    for (const candidate of this.#early.splice(0)) this.#follow(candidate, this.#told)
  }

  #follow(candidate: RTCIceCandidateInit, told: Set<string>): void {
    const name = nameOf(candidate.candidate ?? '')
    if (told.has(name) || !this.#allowance.take(candidate.candidate ?? '')) return
    told.add(name)
    this.#send(candidate)
  }
}

/** Foundation, transport, priority, address and port: engines write the rest differently in a description and beside it. */
function nameOf(candidate: string): string {
  return candidate.split(' ', 6).join(' ').toLowerCase()
}
