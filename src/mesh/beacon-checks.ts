/**
 * Verifies the beacons of neighbours: of each neighbour one at a time, and of those that come meanwhile the latest. Without this bound a neighbour
 * starts any number of verifications before the first verdict closes its connection. A frozen page has many beacons of one neighbour to read
 * when it wakes, so a neighbour that sends several is not at fault.
 */
import type { Beacon } from './core/wire/messages.js'
import type { MeshEdge } from './mesh-edge.js'

export interface BeaconChecksHost {
  /** Never rejects. */
  isValid(beacon: Beacon): Promise<boolean>
  /** The verdict on a beacon. */
  checked(edge: MeshEdge, beacon: Beacon, isValid: boolean): void
}

export class BeaconChecks {
  readonly #host: BeaconChecksHost
  /** Neighbours whose beacon is being verified, and the latest one that waits. */
  readonly #next = new Map<MeshEdge, Beacon | undefined>()

  constructor(host: BeaconChecksHost) {
    this.#host = host
  }

  take(edge: MeshEdge, beacon: Beacon): void {
    const isBusy = this.#next.has(edge)
    this.#next.set(edge, isBusy ? beacon : undefined)
    if (!isBusy) void this.#check(edge, beacon)
  }

  /** The edge has ended: what waits is not verified. */
  forget(edge: MeshEdge): void {
    if (this.#next.has(edge)) this.#next.set(edge, undefined)
  }

  async #check(edge: MeshEdge, first: Beacon): Promise<void> {
    for (let beacon: Beacon | undefined = first; beacon !== undefined;) {
      this.#host.checked(edge, beacon, await this.#host.isValid(beacon))
      beacon = this.#next.get(edge)
      this.#next.set(edge, undefined)
    }
    this.#next.delete(edge)
  }
}
