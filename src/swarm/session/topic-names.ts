/** What the other side of one connection calls our topics: names that only who knows a topic can make. Knows no channel. */
import type { Id } from '../core/id.js'

/** Each is made once: where there are a thousand topics, to make all of them for every word of a remote would keep us busy. */
export class TopicNames {
  readonly #make: (topic: Id) => string
  readonly #names = new Map<Id, string>()
  readonly #topics = new Map<string, Id>()

  constructor(make: (topic: Id) => string) {
    this.#make = make
  }

  of(topic: Id): string {
    const known = this.#names.get(topic)
    if (known !== undefined) return known
    const name = this.#make(topic)
    this.#names.set(topic, name)
    this.#topics.set(name, topic)
    return name
  }

  /** The topic of that name, among those whose names were made. */
  topic(name: string): Id | undefined {
    return this.#topics.get(name)
  }

  delete(topic: Id): void {
    const name = this.#names.get(topic)
    if (name !== undefined) this.#topics.delete(name)
    this.#names.delete(topic)
  }
}
