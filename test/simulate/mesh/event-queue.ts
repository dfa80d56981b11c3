/**
 * The pending events of a simulation: a heap ordered by time, then by the order in which they were added, so that a run repeats exactly. An
 * event is a few numbers and two references in parallel arrays: adding one allocates nothing.
 */

/** What an event is: the meaning of its numbers and references is the network's. */
export interface PoppedEvent {
  at: number
  kind: number
  node: number
  subject: unknown
  message: unknown
}

export class EventQueue {
  #capacity = 1 << 16
  #at = new Float64Array(this.#capacity)
  #order = new Float64Array(this.#capacity)
  #kind = new Uint8Array(this.#capacity)
  #node = new Int32Array(this.#capacity)
  #subject: unknown[] = []
  #message: unknown[] = []
  /** Slots of the arrays, as a heap with four children per node, which is half as deep as one with two. */
  #heap = new Int32Array(this.#capacity)
  #size = 0
  #free = new Int32Array(this.#capacity).map((_, i) => i)
  #added = 0
  /** Reused for every event. */
  readonly #popped: PoppedEvent = { at: 0, kind: 0, node: 0, subject: undefined, message: undefined }

  get size(): number {
    return this.#size
  }

  get nextAt(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#at[this.#heap[0]!]!
  }

  push(at: number, kind: number, node: number, subject?: unknown, message?: unknown): void {
    if (this.#size === this.#capacity) this.#grow()
    const slot = this.#free[this.#size]!
    this.#at[slot] = at
    this.#order[slot] = this.#added++
    this.#kind[slot] = kind
    this.#node[slot] = node
    this.#subject[slot] = subject
    this.#message[slot] = message
    this.#rise(this.#size++, slot)
  }

  /** The earliest event; the object is reused by the next call. */
  pop(): PoppedEvent {
    const popped = this.#popped
    const slot = this.#heap[0]!
    popped.at = this.#at[slot]!
    popped.kind = this.#kind[slot]!
    popped.node = this.#node[slot]!
    popped.subject = this.#subject[slot]
    popped.message = this.#message[slot]
    this.#subject[slot] = undefined
    this.#message[slot] = undefined
    const last = this.#heap[--this.#size]!
    this.#free[this.#size] = slot
    if (this.#size > 0) this.#sink(last)
    return popped
  }

  #rise(from: number, slot: number): void {
    const [heap, at] = [this.#heap, this.#at]
    const time = at[slot]!
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 2
      const other = heap[parent]!
      if (at[other]! <= time) break // the new event has the highest order
      heap[index] = other
      index = parent
    }
    heap[index] = slot
  }

  #sink(slot: number): void {
    const [heap, at, order, size] = [this.#heap, this.#at, this.#order, this.#size]
    const time = at[slot]!
    const turn = order[slot]!
    let index = 0
    for (;;) {
      const first = 4 * index + 1
      if (first >= size) break
      let least = first
      let leastSlot = heap[first]!
      const end = Math.min(first + 4, size)
      for (let child = first + 1; child < end; child++) {
        const other = heap[child]!
        const [a, b] = [at[other]!, at[leastSlot]!]
        if (a < b || (a === b && order[other]! < order[leastSlot]!)) {
          least = child
          leastSlot = other
        }
      }
      const earliest = at[leastSlot]!
      if (earliest > time || (earliest === time && order[leastSlot]! > turn)) break
      heap[index] = leastSlot
      index = least
    }
    heap[index] = slot
  }

  #grow(): void {
    const old = this.#capacity
    this.#capacity *= 2
    this.#at = grown(new Float64Array(this.#capacity), this.#at)
    this.#order = grown(new Float64Array(this.#capacity), this.#order)
    this.#kind = grown(new Uint8Array(this.#capacity), this.#kind)
    this.#node = grown(new Int32Array(this.#capacity), this.#node)
    this.#heap = grown(new Int32Array(this.#capacity), this.#heap)
    this.#free = grown(new Int32Array(this.#capacity), this.#free)
    for (let slot = old; slot < this.#capacity; slot++) this.#free[slot] = slot
  }
}

function grown<T extends { set(from: T): void }>(larger: T, from: T): T {
  larger.set(from)
  return larger
}
