/** When it is worth telling how far something has come: as often as it changes a picture. */

const STEPS = 100
const LEAST = 64 * 1024

export class Milestones {
  readonly #total: number | undefined
  #told = 0

  constructor(total: number | undefined) {
    this.#total = total
  }

  /** True at every step, and once at the end, which shows by itself only where the total is known. */
  reached(bytes: number, complete: boolean = bytes === this.#total): boolean {
    const step = Math.max(LEAST, (this.#total ?? 0) / STEPS)
    if (bytes === this.#told || (bytes - this.#told < step && !complete)) return false
    this.#told = bytes
    return true
  }
}
