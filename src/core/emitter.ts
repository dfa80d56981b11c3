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

  /** Adds a listener. */
  on<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    return this.#add(name, listener, false)
  }

  /** Adds a listener that is called once. */
  once<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    return this.#add(name, listener, true)
  }

  /** Removes a listener. */
  off<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void): this {
    this.#keep(name, entry => entry.listener !== listener)
    return this
  }

  /** The number of listeners of one event, or of all events. */
  listenerCount(name?: keyof Events): number {
    if (name !== undefined) return this.#listeners.get(name)?.length ?? 0
    return [...this.#listeners.values()].reduce((sum, entries) => sum + entries.length, 0)
  }

  protected emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const entries = this.#listeners.get(name)
    if (entries === undefined) return false
    // As in Node, all listeners that exist when the event begins are called, even if an earlier one removes a later one.
    for (const entry of entries) {
      // Already removed: an earlier listener emitted the same event again, which called this one.
      if (entry.once && !this.#keep(name, other => other !== entry)) continue
      try {
        const result = (entry.listener as Listener<Events[Name]>)(...args) // stored under this name
        if (typeof result === 'object') watchResult(nameOfListener(name), result)
      } catch (cause) {
        callbackFailed(nameOfListener(name), cause)
      }
    }
    return true
  }

  /** Called after listeners of this event were added or removed. Does nothing here; a subclass may override it. */
  protected listenersChanged(_name: keyof Events, _change: 'added' | 'removed'): void {}

  protected removeAllListeners(): void {
    this.#listeners.clear()
  }

  /** Removes the entries that are not wanted; returns whether there were any. */
  #keep(name: keyof Events, wanted: (entry: Entry) => boolean): boolean {
    const entries = this.#listeners.get(name) ?? []
    const kept = entries.filter(wanted)
    if (kept.length > 0) this.#listeners.set(name, kept)
    else this.#listeners.delete(name)
    if (kept.length === entries.length) return false
    this.listenersChanged(name, 'removed')
    return true
  }

  #add<Name extends keyof Events>(name: Name, listener: (...args: Events[Name]) => void, once: boolean): this {
    if (typeof listener !== 'function') throw invalid(`the listener for '${String(name)}'`, 'a function', listener)
    const entries = this.#listeners.get(name) ?? []
    this.#listeners.set(name, [...entries, { listener, once }])
    this.listenersChanged(name, 'added')
    return this
  }
}

function nameOfListener(name: PropertyKey): string {
  return `a listener for '${String(name)}'`
}
