/** Checks what a user handed in, and says clearly what is wrong with it. */
import { SwarmlinkError } from './errors.js'
import { urlName, withoutSecrets } from './secrets.js'

/** What an error message shows of a value, at most. */
const MAX_SHOWN = 80
/** What is looked at for secrets before it is cut: a password that reaches beyond this is no URL's. */
const MAX_READ = 1024
export const MAX_PORT = 65_535

export function invalid(name: string, expected: string, value: unknown, options?: ErrorOptions): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', `got ${shown(value)}: ${name} must be ${expected}`, options)
}

/** A value as an error message names it: texts in quotes and without passwords, objects by their kind and its article. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(named(value.slice(0, MAX_READ)).slice(0, MAX_SHOWN))
  if (['bigint', 'function', 'symbol'].includes(typeof value)) return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = kindOf(value)
  if (kind === 'Object') return 'an object'
  // By the sound of it: an RTCPeerConnection, a Uint8Array.
  return `${/^(?:[AEIO]|[FHLMNRSX][A-Z])/.test(kind) ? 'an' : 'a'} ${kind}`
}

/** A text that is a URL may be a server's, even if its scheme is the wrong one. */
function named(text: string): string {
  return /^[a-z][a-z\d+.-]*:\/\/\S*$/i.test(text) ? urlName(text) : withoutSecrets(text)
}

/** `Map`, `Blob`, `Error`, from whatever realm; `Object` for what applications make themselves. */
export function kindOf(value: object): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1).slice(0, MAX_SHOWN)
  } catch {
    return 'Object' // a proxy that is revoked, or a getter that throws: describing it must not throw
  }
}

/** The names that an options object may have: a misspelt one would be passed over in silence otherwise. */
export function checkNames(options: unknown, known: readonly string[]): void {
  if (!isRecord(options)) throw invalid('the options', 'an object', options)
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        `there is no option ${name.slice(0, MAX_SHOWN)}: the options are ${known.join(', ')}`,
      )
}

/** An object that has members by their names: no `Array`, `Map` or `Date`, whose own members no option has. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && kindOf(value) === 'Object'
}

export function checkRecord(name: string, value: unknown, expected = 'an object'): void {
  if (!isRecord(value)) throw invalid(name, expected, value)
}

export interface NumberBounds {
  least?: number
  most?: number
  whole?: boolean
}

export function checkNumber(name: string, value: unknown, { least = 0, most, whole = false }: NumberBounds = {}): number {
  const isNumber = typeof value === 'number' && Number.isFinite(value) && (!whole || Number.isInteger(value))
  if (isNumber && value >= least && (most === undefined || value <= most)) return value
  throw invalid(name, `a ${whole ? 'whole ' : ''}number from ${least} ${most === undefined ? 'on' : `to ${most}`}`, value)
}

/** The numbers among the options: each within its bounds, or its default when it is missing. */
export function readNumbers<Name extends string>(
  options: Partial<Record<Name, unknown>>,
  defaults: Readonly<Record<Name, number>>,
  bounds: Partial<Record<Name, NumberBounds>>,
): Record<Name, number> {
  const numbers: Record<Name, number> = { ...defaults }
  for (const name of Object.keys(defaults) as Name[]) {
    const { [name]: value = defaults[name] } = options
    numbers[name] = checkNumber(name, value, bounds[name])
  }
  return numbers
}

export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw invalid(name, 'a text that is not empty', value)
}

/** Whether it is an object, of whatever class, that has these methods. */
export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return methods.every(method => typeof (value as Record<string, unknown>)[method] === 'function') // whatever it is, its members may be read
}

export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(name, 'true or false', value)
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value)
}
