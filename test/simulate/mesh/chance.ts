/** Seeded random numbers: each node has its own, so that a run does not depend on the order in which nodes ask. */

/** Mulberry32: 32 bits of state, enough for one node. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = mix(seed)
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let value = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** Some of the elements, in random order. */
  sample<T>(list: readonly T[], count: number): T[] {
    const copy = [...list]
    const most = Math.min(count, copy.length)
    for (let i = 0; i < most; i++) {
      const other = i + this.below(copy.length - i)
      const [a, b] = [copy[i]!, copy[other]!]
      copy[i] = b
      copy[other] = a
    }
    return copy.slice(0, most)
  }

  hex(length: number): string {
    let text = ''
    while (text.length < length)
      text += this.below(2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return text.slice(0, length)
  }
}

/** Spreads the bits of a number: neighbouring seeds give unrelated runs. */
export function mix(value: number): number {
  let hash = Math.imul((value ^ (value >>> 16)) + 0x9e3779b9, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
