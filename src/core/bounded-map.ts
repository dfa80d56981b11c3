/** A map with at most `limit` keys. Setting a key makes it the newest; one key too many deletes the oldest. */
export class BoundedMap<Key, Value> extends Map<Key, Value> {
  readonly #limit: number

  constructor(limit: number) {
    super()
    this.#limit = limit
  }

  override set(key: Key, value: Value): this {
    this.delete(key)
    super.set(key, value)
    const [oldest] = this.size > this.#limit ? this.keys() : []
    if (oldest !== undefined) this.delete(oldest)
    return this
  }
}
