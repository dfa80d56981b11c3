/** The cast for the type parameters `Received` and `Sent` of connections and rooms, which are the application's claim. */

/** Casts a value to the type that the application claims. Unchecked: a peer may send another type. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the type parameter is the claim
export function claimed<T>(value: unknown): T {
  return value as T // see above
}
