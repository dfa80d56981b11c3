/** The type parameters `Received` and `Sent` of connections and rooms are the application's claim. This is the one cast behind them. */

/** Gives a value the type that the application claims for it. No check: a peer may send something else. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the type parameter is the claim
export function claimed<T>(value: unknown): T {
  return value as T // see above
}
