/** Counts messages and bytes by their type. */
export class TrafficCounter {
  readonly #byType = new Map<string, { messages: number; bytes: number }>()

  count(type: string, size: number): void {
    let entry = this.#byType.get(type)
    if (entry === undefined) this.#byType.set(type, (entry = { messages: 0, bytes: 0 }))
    entry.messages++
    entry.bytes += size
  }

  messages(type?: string): number {
    return this.#sum(type, 'messages')
  }

  bytes(type?: string): number {
    return this.#sum(type, 'bytes')
  }

  reset(): void {
    this.#byType.clear()
  }

  /** For a look at what costs most. */
  toString(): string {
    return [...this.#byType]
      .toSorted(([, a], [, b]) => b.bytes - a.bytes)
      .map(([type, { messages, bytes }]) => `${type} ${messages} (${bytes} B)`)
      .join(', ')
  }

  #sum(type: string | undefined, what: 'messages' | 'bytes'): number {
    if (type !== undefined) return this.#byType.get(type)?.[what] ?? 0
    let sum = 0
    for (const entry of this.#byType.values()) sum += entry[what]
    return sum
  }
}
