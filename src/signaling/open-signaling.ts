/** What an application hands in as `signaling`: checked at once; what a bus takes is loaded by those only who have one. */
import { hasMethods, invalid } from '../core/arguments.js'
import type { Env } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { checkDriver, DRIVER, type Driver } from './pubsub/driver.js'
import type { Signaling } from './signaling.js'
import type { SignalingSet } from './signaling-set.js'

/** Undefined when nothing was handed in. */
export async function openSignaling(
  given: ReadonlyArray<Driver | Signaling>,
  env: Env,
  warn: (error: SwarmlinkError) => void,
): Promise<SignalingSet | undefined> {
  if (given.length === 0) return undefined
  const { SignalingSet } = await import('./signaling-set.js')
  return new SignalingSet(given, env, warn)
}

export function isSignaling(one: Driver | Signaling): one is Signaling {
  return 'subscribe' in one
}

/** A list of drivers and signallings, or a clear error. */
export function checkSignaling(name: string, value: unknown): Array<Driver | Signaling> {
  if (!Array.isArray(value)) throw invalid(name, 'a list of drivers', value)
  const names = new Set<string>()
  const given = (value as unknown[]).map((one, index) => checkOne(`${name}[${index}]`, one))
  for (const one of given) {
    const isTwice = isSignaling(one) ? names.size === names.add(one.name).size : given.indexOf(one) < given.lastIndexOf(one)
    if (isTwice)
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `${name} names one twice: name each driver and each signalling once`)
  }
  return given
}

function checkOne(name: string, one: unknown): Driver | Signaling {
  const fields = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown> // whatever it is, only its fields are looked at
  if (!('subscribe' in fields)) {
    checkDriver(name, one)
    return one
  }
  const hasShape = typeof fields['name'] === 'string' && typeof fields['maxOffers'] === 'number'
  if (!hasShape || !hasMethods(one, ['subscribe', 'announce', 'answer'])) throw invalid(name, DRIVER, one)
  return one as Signaling // as far as its shape tells
}
