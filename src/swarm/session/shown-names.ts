/** The topic names shown to one remote, padded with random ones to a power of two, so that it cannot count ours. Knows no channel. */
import { toHex } from '../../core/bytes.js'
import type { Env } from '../../core/env.js'

/** Names that are shown when the client has no topic to show. */
const LEAST = 4

export interface ShownNamesDeps {
  env: Env
  /** Of a name, in bytes. */
  size: number
  /** The most that the remote listens to, a power of two. */
  most: number
  control: { show(names: string[]): void; hide(names: string[]): void }
}

export class ShownNames {
  readonly #deps: ShownNamesDeps
  readonly #names = new Set<string>()
  readonly #fillers: string[] = []

  constructor(parts: ShownNamesDeps) {
    this.#deps = parts
  }

  /** The remote listens from now on. */
  start(): void {
    this.#fill()
  }

  show(name: string): void {
    if (this.#names.has(name)) return
    this.#names.add(name)
    this.#fill() // first, so that there is room
    this.#deps.control.show([name])
  }

  hide(name: string): void {
    if (!this.#names.delete(name)) return
    this.#deps.control.hide([name])
    this.#fill()
  }

  #fill(): void {
    const { env, size, most, control } = this.#deps
    const all = Math.min(2 ** Math.ceil(Math.log2(Math.max(this.#names.size, LEAST))), most)
    const wanted = Math.max(0, all - this.#names.size)
    const surplus = this.#fillers.splice(wanted)
    if (surplus.length > 0) control.hide(surplus)
    const added = Array.from({ length: wanted - this.#fillers.length }, () => toHex(env.randomBytes(size)))
    this.#fillers.push(...added)
    if (added.length > 0) control.show(added)
  }
}
