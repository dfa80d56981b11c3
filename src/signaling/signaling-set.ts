/** The signallings of one client beside its trackers: those of the `signaling` option, each driver wrapped in a {@link PubSubSignaling}. */
import type { Env } from '../core/env.js'
import type { SwarmlinkError } from '../core/errors.js'
import { withoutSecrets } from '../core/secrets.js'
import { callSafely } from '../core/uncaught.js'
import { isWatched, type Driver } from './drivers/driver.js'
import { PubSubSignaling } from './pubsub/pubsub-signaling.js'
import type { PubSubStatus } from './pubsub/pubsub-signaling-types.js'
import { isSignaling } from './open-signaling.js'
import { guardSignaling } from './guard-signaling.js'
import type { Signaling, SignalingStatus } from './signaling.js'

export class SignalingSet {
  readonly #given: ReadonlyArray<Driver | Signaling>
  readonly #buses: PubSubSignaling[] = []
  readonly #all: Signaling[]

  constructor(given: ReadonlyArray<Driver | Signaling>, env: Env, warn: (error: SwarmlinkError) => void) {
    this.#given = given
    const taken = new Set(given.flatMap(one => (isSignaling(one) ? withoutSecrets(one.name) : [])))
    this.#all = given.map(one => {
      if (one instanceof PubSubSignaling) return one
      if (isSignaling(one)) return guardSignaling(one, env, warn)
      const bus = new PubSubSignaling(one, { env, name: nameOf(one, taken) })
      bus.on('warning', warn)
      this.#buses.push(bus)
      return bus
    })
  }

  list(): Signaling[] {
    return [...this.#all]
  }

  statuses(): Array<SignalingStatus | PubSubStatus> {
    return this.#all.map(one =>
      one instanceof PubSubSignaling ? one.status() : { name: one.name, state: one.open ? 'open' : 'closed' },
    )
  }

  /** The network is back: drivers that wait for their next dial dial at once. */
  wake(): void {
    for (const one of this.#given)
      if (!isSignaling(one) && isWatched(one)) callSafely(`wake() of the driver ${withoutSecrets(one.name)}`, () => one.wake?.())
  }

  /** Ends every subscription. The drivers and signallings stay open: they belong to the application. */
  close(): void {
    for (const bus of this.#buses) bus.close()
  }
}

/** Numbers drivers of the same name, for instance two for one server. */
function nameOf(driver: Driver, taken: Set<string>): string {
  const base = withoutSecrets(`driver:${isWatched(driver) ? driver.name : 'own'}`)
  let name = base
  for (let i = 2; taken.has(name); i++) name = `${base}#${i}`
  taken.add(name)
  return name
}
