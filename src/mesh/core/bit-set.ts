/** A set of small whole numbers, one bit each: a `Set` takes 30 times the memory. */
export class BitSet {
  readonly #words: number[] = []

  has(value: number): boolean {
    return (((this.#words[value >>> 5] ?? 0) >>> (value & 31)) & 1) === 1
  }

  add(value: number): void {
    const word = value >>> 5
    while (this.#words.length <= word) this.#words.push(0)
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (value & 31))
  }

  delete(value: number): void {
    const word = value >>> 5
    if (word < this.#words.length) this.#words[word] = (this.#words[word] ?? 0) & ~(1 << (value & 31))
  }
}
