/**
 * A promise whose rejection needs no `catch`. Users of the published `p2pt` write `peer.send(x).then(…)` without one; with a plain promise,
 * Node would end their process with an unhandled rejection when the peer disconnects.
 *
 * A rejection with a SwarmlinkError never counts as unhandled, neither of this promise nor of those that `then`, `catch` or `finally` derive
 * from it, at any depth: `then` makes promises of the same class, because a class is its own `Symbol.species`. `await`, `Promise.all` and
 * the result of an `async` function are plain promises: they throw and reject as usual. Errors of other classes are reported as usual, too:
 * an application that throws in its own `then` callback gets an unhandled rejection.
 */
import { SwarmlinkError } from './errors.js'

/** Set while the constructor derives the promise that observes `this`: that promise never rejects and is not observed itself. */
let observing = false

export class QuietPromise<T> extends Promise<T> {
  /** `then` was called: the derived promise is responsible for the rejection, as with plain promises. */
  #isDerivedFrom = false
  /** Set after a rejection with the application's own error: this plain promise is the unhandled one, until `then` is called. */
  #unhandled: Promise<never> | undefined
  #ignored: ((error: SwarmlinkError) => void) | undefined

  constructor(executor: (resolve: (value: T | PromiseLike<T>) => void, reject: (reason?: unknown) => void) => void) {
    super(executor)
    if (observing) return
    observing = true
    void super.then(undefined, (reason: unknown) => this.#rejected(reason))
    observing = false
  }

  /** Calls the listener when this promise, or one derived from it, rejects with a SwarmlinkError and has no `then` or `catch`. */
  whenIgnored(listener: (error: SwarmlinkError) => void): this {
    this.#ignored = listener
    return this
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a promise has a `then`
  override then<Fulfilled = T, Rejected = never>(
    fulfilled?: ((value: T) => Fulfilled | PromiseLike<Fulfilled>) | null,
    rejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#isDerivedFrom = true
    this.#unhandled?.catch(() => {})
    const derived = super.then(fulfilled, rejected)
    if (derived instanceof QuietPromise) derived.#ignored = this.#ignored
    return derived
  }

  #rejected(reason: unknown): void {
    if (this.#isDerivedFrom) return
    if (reason instanceof SwarmlinkError) this.#ignored?.(reason)
    else this.#unhandled = Promise.reject(reason) // oxlint-disable-line typescript/prefer-promise-reject-errors -- the application's own error
  }
}
