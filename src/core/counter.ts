/** Counts by key. A key whose count is 0 takes no memory. */
export class Counter<Key extends string = string> {
  readonly #counts = new Map<Key, number>()

  of(key: Key): number {
    return this.#counts.get(key) ?? 0
  }

  /** Returns the new count. */
  add(key: Key): number {
    const count = this.of(key) + 1
    this.#counts.set(key, count)
    return count
  }

  remove(key: Key): void {
    const left = this.of(key) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }

  counts(): Partial<Record<Key, number>> {
    return Object.fromEntries(this.#counts) as Partial<Record<Key, number>> // fromEntries forgets the type of the keys
  }
}
