/** Checks the arguments of public calls; the errors name the argument, the expected type and the given value. */
import { misuse, type SwarmlinkError } from './errors.js'
import { urlName, withoutSecrets } from './secrets.js'

/** Longest part of a value that an error message shows, in characters. */
const MAX_SHOWN = 80
/** Longest part of a text that is searched for secrets before it is cut to MAX_SHOWN: no URL has a longer password. */
const MAX_READ = 1024
export const MAX_PORT = 65_535

export function invalid(name: string, expected: string, value: unknown, options?: ErrorOptions): SwarmlinkError {
  return misuse(`got ${shown(value)}: ${name} must be ${expected}`, options)
}

/** A value for an error message: a string in quotes and without passwords, an object as its kind with an article. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(named(value.slice(0, MAX_READ)).slice(0, MAX_SHOWN))
  if (['bigint', 'function', 'symbol'].includes(typeof value)) return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = kindOf(value)
  if (kind === 'Object') return 'an object'
  // The article follows the sound: an RTCPeerConnection, a Uint8Array.
  return `${/^(?:[AEIO]|[FHLMNRSX][A-Z])/.test(kind) ? 'an' : 'a'} ${kind}`
}

/** Hides the secrets of a text. A text that is one URL counts as a server's, even if its scheme is wrong. */
function named(text: string): string {
  return /^[a-z][a-z\d+.-]*:\/\/\S*$/i.test(text) ? urlName(text) : withoutSecrets(text)
}

/** The built-in kind of an object, from any realm: `Map`, `Blob`, `Error`; `Object` for classes of the application. */
export function kindOf(value: object): string {
  try {
    return Object.prototype.toString.call(value).slice(8, -1).slice(0, MAX_SHOWN)
  } catch {
    return 'Object' // a revoked proxy, or a getter that throws: this function must not throw
  }
}

/** Throws if an options object has an unknown name: a misspelt option would be ignored without an error otherwise. */
export function checkNames(options: unknown, known: readonly string[]): void {
  if (!isRecord(options)) throw invalid('the options', 'an object', options)
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw misuse(`there is no option ${name.slice(0, MAX_SHOWN)}: the options are ${known.join(', ')}`)
}

/** Whether the value is an object with named members. An `Array`, `Map` or `Date` is not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && kindOf(value) === 'Object'
}

/** Parses a JSON object; undefined for any other text. The parser's error is dropped, because it quotes the text. */
export function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
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

/** Reads the numeric options: checks each against its bounds or those of all others, and takes the default of a missing one. */
export function readNumbers<Name extends string>(
  options: Partial<Record<Name, unknown>>,
  defaults: Readonly<Record<Name, number>>,
  bounds: Partial<Record<Name, NumberBounds>>,
  others: NumberBounds = {},
): Record<Name, number> {
  const numbers: Record<Name, number> = { ...defaults }
  for (const name of Object.keys(defaults) as Name[]) {
    const { [name]: value = defaults[name] } = options
    numbers[name] = checkNumber(name, value, bounds[name] ?? others)
  }
  return numbers
}

export function checkText(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || value === '') throw invalid(name, 'a non-empty string', value)
}

/** Whether the value is an object of any class with these methods. */
export function hasMethods(value: unknown, methods: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return methods.every(method => typeof (value as Record<string, unknown>)[method] === 'function') // any object's members may be read
}

export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(name, 'true or false', value)
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value)
}
