/** Resolves with the arguments of the next event of this name. */
import type { Emitter } from '../../src/core/emitter.js'

type EventsOf<E> = E extends Emitter<infer Events> ? Events : never

export function once<E extends { once(name: never, listener: never): unknown }, Name extends keyof EventsOf<E>>(
  emitter: E,
  name: Name,
): Promise<EventsOf<E>[Name]> {
  return new Promise(resolve => {
    emitter.once(name as never, ((...args: unknown[]) => resolve(args as EventsOf<E>[Name])) as never) // the emitter's own name and arguments
  })
}
