/** Checks the `signaling` option; loads the code for drivers and signallings only when the list is not empty. */
import { hasMethods, invalid } from '../core/arguments.js'
import type { Env } from '../core/env.js'
import { misuse, type SwarmlinkError } from '../core/errors.js'
import { checkDriver, DRIVER, type Driver } from './drivers/driver.js'
import type { Signaling } from './signaling.js'
import type { SignalingSet } from './signaling-set.js'

/** Undefined when the list is empty. */
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

/** Returns the list of drivers and signallings, or throws ERR_INVALID_ARGUMENT. */
export function checkSignaling(name: string, value: unknown): Array<Driver | Signaling> {
  if (!Array.isArray(value)) throw invalid(name, 'a list of drivers', value)
  const names = new Set<string>()
  const given = (value as unknown[]).map((one, index) => checkOne(`${name}[${index}]`, one))
  for (const one of given) {
    const isDuplicate = isSignaling(one) ? names.size === names.add(one.name).size : given.indexOf(one) < given.lastIndexOf(one)
    if (isDuplicate) throw misuse(`${name} has a duplicate: list each driver and each signalling once`)
  }
  return given
}

function checkOne(name: string, one: unknown): Driver | Signaling {
  const fields = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown> // only fields are read, and each is checked
  if (!('subscribe' in fields)) {
    checkDriver(name, one)
    return one
  }
  const hasShape = typeof fields['name'] === 'string' && typeof fields['maxOffers'] === 'number'
  if (!hasShape || !hasMethods(one, ['subscribe', 'announce', 'answer'])) throw invalid(name, DRIVER, one)
  return one as Signaling // as far as its shape was checked
}
