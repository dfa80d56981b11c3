/** Typed, Node-style events. A listener that throws or rejects harms neither the emitter, nor the other listeners, nor the process. */
import { invalid } from './arguments.js'
import { callbackFailed, watchResult } from './uncaught.js'

type Listener<Args extends unknown[]> = (...args: Args) => unknown

interface Entry {
  readonly listener: Listener<never>
  readonly once: boolean
}

/** `Events` maps each event's name to the tuple of its arguments. */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<keyof Events, readonly Entry[]>()

  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    return this.#add(name, listener, false)
  }

  once<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    return this.#add(name, listener, true)
  }

  off<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    this.#keep(name, entry => entry.listener !== listener)
    return this
  }

  /** How many listeners an event has, or all events together. */
  listenerCount(name?: keyof Events): number {
    if (name !== undefined) return this.#listeners.get(name)?.length ?? 0
    return [...this.#listeners.values()].reduce((sum, entries) => sum + entries.length, 0)
  }

  protected emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const entries = this.#listeners.get(name)
    if (entries === undefined) return false
    // As in Node, whoever listened when the event began hears of it, even when an earlier listener removes a later one.
    for (const entry of entries) {
      // Gone already: a listener before this one emitted the same event again.
      if (entry.once && !this.#keep(name, other => other !== entry)) continue
      try {
        const result = (entry.listener as Listener<Events[Name]>)(...args) // stored under this very name
        if (typeof result === 'object') watchResult(whatIs(name), result)
      } catch (cause) {
        callbackFailed(whatIs(name), cause)
      }
    }
    return true
  }

  protected removeAllListeners(): void {
    this.#listeners.clear()
  }

  /** True when something was removed. */
  #keep(name: keyof Events, wanted: (entry: Entry) => boolean): boolean {
    const entries = this.#listeners.get(name) ?? []
    const kept = entries.filter(wanted)
    if (kept.length > 0) this.#listeners.set(name, kept)
    else this.#listeners.delete(name)
    return kept.length < entries.length
  }

  #add<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void, once: boolean): this {
    if (typeof listener !== 'function') throw invalid(`the listener for '${String(name)}'`, 'a function', listener)
    const entries = this.#listeners.get(name) ?? []
    this.#listeners.set(name, [...entries, { listener, once }])
    return this
  }
}

function whatIs(name: PropertyKey): string {
  return `a listener for '${String(name)}'`
}
