/** The remote's names of our topics on one connection: keyed hashes that only a peer that knows the topic can compute. */
import type { Id } from '../../core/id.js'

/** Computes each name once: with a thousand topics, computing them for every frame of a remote would cost too much. */
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

  /** The topic of this name, among the topics whose names were computed. */
  topic(name: string): Id | undefined {
    return this.#topics.get(name)
  }

  delete(topic: Id): void {
    const name = this.#names.get(topic)
    if (name !== undefined) this.#topics.delete(name)
    this.#names.delete(topic)
  }
}
