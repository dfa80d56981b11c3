/** What the root of an island makes of the counts of its beacons: the size that it tells, and whether the last one was wrong. */

/** A count confirms a size that differs by at most this share of it; in a large mesh, which changes all the time, by the second one. */
const TOLERANCE = { small: 0.01, large: 0.1 }
const LARGE = 500

export class IslandCount {
  #last = 1
  #before = 1

  /** A beacon leaves: the counts from now on are its own. */
  begin(): void {
    this.#before = this.#last
  }

  /** So many nodes got the last beacon, as far as they are counted. Returns the size to tell. */
  counted(nodes: number): number {
    this.#last = nodes
    // A node that changes its parent is missed by one beacon: a size falls only when two of them counted less.
    return Math.max(nodes, this.#before)
  }

  /** The count does not confirm the size that the last beacon told. */
  refutes(told: number): boolean {
    const tolerance = this.#last < LARGE ? TOLERANCE.small : TOLERANCE.large
    return Math.abs(this.#last - told) > tolerance * this.#last
  }
}
