/** Chooses the candidates of a description, one by one as they come: `MAX_CANDIDATES` of them, at the end that gathers and at the other one. */
import { MAX_CANDIDATES } from './sdp.js'

/**
 * Host candidates come first, two for each address in Chromium. Those of a machine with many interfaces must not take the places of reflexive and
 * relayed ones, which may be the only ones that work.
 */
const MAX_HOSTS = 14

export class CandidateAllowance {
  #taken = 0
  #hosts = 0

  /** Whether there is a place for the candidate; it takes the place. */
  take(candidate: string): boolean {
    const isHost = / typ host\b/i.test(candidate)
    if (this.#taken >= MAX_CANDIDATES || (isHost && this.#hosts >= MAX_HOSTS)) return false
    this.#taken++
    if (isHost) this.#hosts++
    return true
  }
}
