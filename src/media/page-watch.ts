/** Tells when the page is left, when the browser shows it again, and when the network is back. Does nothing in Node. Knows nothing of calls. */

export interface PageWatchDeps {
  /** The page is left: it may be kept in the cache of the browser. */
  left: () => void
  /** The page comes back from the cache of the browser. */
  back: () => void
  online: () => void
}

export class PageWatch {
  readonly #deps: PageWatchDeps
  readonly #page = globalThis as Partial<Pick<Window, 'addEventListener' | 'removeEventListener'>> // absent in Node

  constructor(deps: PageWatchDeps) {
    this.#deps = deps
  }

  start(): void {
    this.stop()
    this.#page.addEventListener?.('pagehide', this.#hide)
    this.#page.addEventListener?.('online', this.#online)
  }

  stop(): void {
    this.#page.removeEventListener?.('pagehide', this.#hide)
    this.#page.removeEventListener?.('online', this.#online)
    this.#page.removeEventListener?.('pageshow', this.#show)
  }

  readonly #online = (): void => this.#deps.online()

  readonly #hide = (): void => {
    this.stop()
    this.#page.addEventListener?.('pageshow', this.#show)
    this.#deps.left()
  }

  readonly #show = (): void => {
    this.stop()
    this.#deps.back()
  }
}
