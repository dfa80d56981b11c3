/** Those who want to know whether a driver is connected. */
import { hasMethods, invalid } from '../../core/arguments.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { callOut } from '../../core/uncaught.js'
import type { DriverWatcher } from './driver.js'

export class Watchers {
  readonly #watchers = new Set<{ readonly watcher: DriverWatcher }>()
  #open = false

  get isOpen(): boolean {
    return this.#open
  }

  add(watcher: DriverWatcher): () => void {
    const methods = ['open', 'close', 'warning']
    if (!hasMethods(watcher, methods)) throw invalid('a watcher', `an object with the methods ${methods.join(', ')}`, watcher)
    const entry = { watcher } // the same one may watch twice, and end it once
    this.#watchers.add(entry)
    if (this.#open) call(() => watcher.open())
    return () => void this.#watchers.delete(entry)
  }

  open(): void {
    if (this.#open) return
    this.#open = true
    this.#tell(watcher => watcher.open())
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#tell(watcher => watcher.close())
  }

  warning(error: SwarmlinkError): void {
    this.#tell(watcher => watcher.warning(error))
  }

  clear(): void {
    this.#watchers.clear()
  }

  #tell(say: (watcher: DriverWatcher) => unknown): void {
    for (const entry of [...this.#watchers]) if (this.#watchers.has(entry)) call(() => say(entry.watcher))
  }
}

function call(tell: () => unknown): void {
  callOut('a watcher of a driver', tell)
}
