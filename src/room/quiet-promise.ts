/**
 * A promise whose rejection needs no `catch`. Users of the published `p2pt` write `peer.send(x).then(…)` and nothing else; with a plain
 * promise, Node ends their process with an unhandled rejection when the peer goes.
 *
 * A rejection with a SwarmlinkError is never an unhandled one, neither of this promise nor of any that `then`, `catch` or `finally` derive
 * from it, at any depth: `then` makes promises of this same class, because a class is its own `Symbol.species`. `await`, `Promise.all` and
 * the result of an `async` function are plain promises: they throw and reject as usual. So does an error of another class: an
 * application that throws in its own `then` callback gets its unhandled rejection.
 */
import { SwarmlinkError } from '../core/errors.js'

/** Set while the constructor derives the promise that watches `this`: that promise never rejects and is not watched itself. */
let watching = false

export class QuietPromise<T> extends Promise<T> {
  /** `then` was called: now the derived promise decides, as with plain promises. */
  #followed = false
  /** Rejected with the application's own error: this plain promise is the unhandled one, until `then` is called. */
  #unhandled: Promise<never> | undefined
  #passedOver: ((error: SwarmlinkError) => void) | undefined

  constructor(executor: (resolve: (value: T | PromiseLike<T>) => void, reject: (reason?: unknown) => void) => void) {
    super(executor)
    if (watching) return
    watching = true
    void super.then(undefined, (reason: unknown) => this.#rejected(reason))
    watching = false
  }

  /** Calls the listener when this promise, or one derived from it, rejects with a SwarmlinkError and has no `then` or `catch`. */
  whenPassedOver(listener: (error: SwarmlinkError) => void): this {
    this.#passedOver = listener
    return this
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a promise has a `then`
  override then<Fulfilled = T, Rejected = never>(
    fulfilled?: ((value: T) => Fulfilled | PromiseLike<Fulfilled>) | null,
    rejected?: ((reason: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Fulfilled | Rejected> {
    this.#followed = true
    this.#unhandled?.catch(() => {})
    const derived = super.then(fulfilled, rejected)
    if (derived instanceof QuietPromise) derived.#passedOver = this.#passedOver
    return derived
  }

  #rejected(reason: unknown): void {
    if (this.#followed) return
    if (reason instanceof SwarmlinkError) this.#passedOver?.(reason)
    else this.#unhandled = Promise.reject(reason) // oxlint-disable-line typescript/prefer-promise-reject-errors -- whatever was thrown
  }
}
