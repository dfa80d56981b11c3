/** A typed `EventTarget` whose listeners cannot end the process: what one throws or rejects with is reported. Knows nothing of calls. */
import { invalid } from '../core/arguments.js'
import { callSafely } from '../core/uncaught.js'

/** A listener, as a function or as an object with `handleEvent`. */
export type MediaListener<Detail> =
  | ((event: CustomEvent<Detail>) => unknown)
  | { handleEvent(event: CustomEvent<Detail>): unknown }

/** `Events` maps each event's name to its `event.detail`. */
export class MediaEvents<Events extends object> extends EventTarget {
  /** The guarded form of each listener, so that `removeEventListener` finds it. */
  readonly #guarded = new WeakMap<object, (event: Event) => void>()
  /** The listener of each guarded form. */
  readonly #listeners = new WeakMap<object, object>()
  readonly #counts = new Map<string, Set<object>>()

  /** Adds a listener. */
  override addEventListener<Name extends keyof Events & string>(
    name: Name,
    listener: MediaListener<Events[Name]> | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    if (listener === null) return
    if (!isListener(listener)) throw invalid(`the listener for '${name}'`, 'a function or an object with handleEvent', listener)
    let guarded = this.#guarded.get(listener)
    if (guarded === undefined) {
      guarded = event =>
        callSafely(`a listener for '${event.type}'`, () => {
          const heard = event as CustomEvent<Events[Name]> // fired by `fire`
          return typeof listener === 'function' ? listener.call(this, heard) : listener.handleEvent(heard)
        })
      this.#guarded.set(listener, guarded)
      this.#listeners.set(guarded, listener)
    }
    super.addEventListener(name, guarded, options)
    this.#listenersOf(name).add(listener)
    this.listenersChanged(name)
  }

  /** Removes a listener. */
  override removeEventListener<Name extends keyof Events & string>(
    name: Name,
    listener: MediaListener<Events[Name]> | null,
    options?: EventListenerOptions | boolean,
  ): void {
    if (listener === null) return
    // Node's EventTarget removes the guarded form by this method when the signal of a listener aborts.
    const original = this.#listeners.get(listener) ?? listener
    const guarded = this.#guarded.get(original)
    if (guarded === undefined) return
    super.removeEventListener(name, guarded, options)
    this.#listenersOf(name).delete(original)
    this.listenersChanged(name)
  }

  protected fire<Name extends keyof Events & string>(name: Name, detail: Events[Name]): void {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }

  /** Whether the event had a listener that was not removed. A listener that was added with `once` counts after its call, too. */
  protected isHeard(name: keyof Events & string): boolean {
    return this.#listenersOf(name).size > 0
  }

  /** Called after a listener was added or removed. Does nothing here; a subclass may override it. */
  protected listenersChanged(_name: keyof Events & string): void {}

  #listenersOf(name: string): Set<object> {
    const known = this.#counts.get(name) ?? new Set<object>()
    this.#counts.set(name, known)
    return known
  }
}

function isListener(value: unknown): boolean {
  if (typeof value === 'function') return true
  return typeof value === 'object' && value !== null && 'handleEvent' in value
}
