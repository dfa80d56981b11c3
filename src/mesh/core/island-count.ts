/** What the root of an island makes of the counts of its beacons: the size that it tells, and whether the last one was wrong. */

/** A count confirms a size that differs by at most this share of it: a large mesh changes all the time. */
const TOLERANCE = 0.01

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
    return Math.abs(this.#last - told) > TOLERANCE * this.#last
  }
}
