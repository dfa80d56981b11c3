/** The watchers of one driver, and the state that was last reported to them. */
import { hasMethods, invalid } from '../../core/arguments.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { callSafely } from '../../core/uncaught.js'
import type { DriverWatcher } from '../drivers/driver.js'

export class Watchers {
  readonly #watchers = new Set<{ readonly watcher: DriverWatcher }>()
  #open = false

  get isOpen(): boolean {
    return this.#open
  }

  add(watcher: DriverWatcher): () => void {
    const methods = ['open', 'close', 'warning']
    if (!hasMethods(watcher, methods)) throw invalid('a watcher', `an object with the methods ${methods.join(', ')}`, watcher)
    const entry = { watcher } // one object may be added twice, and removed once
    this.#watchers.add(entry)
    if (this.#open) call(() => watcher.open())
    return () => void this.#watchers.delete(entry)
  }

  open(): void {
    if (this.#open) return
    this.#open = true
    this.#notify(watcher => watcher.open())
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#notify(watcher => watcher.close())
  }

  warning(error: SwarmlinkError): void {
    this.#notify(watcher => watcher.warning(error))
  }

  clear(): void {
    this.#watchers.clear()
  }

  #notify(event: (watcher: DriverWatcher) => unknown): void {
    for (const entry of [...this.#watchers]) if (this.#watchers.has(entry)) call(() => event(entry.watcher))
  }
}

function call(event: () => unknown): void {
  callSafely('a watcher of a driver', event)
}
