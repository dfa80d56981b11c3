/** Checks what a user handed in, and says clearly what is wrong with it. */
import { SwarmlinkError } from './errors.js'

/** What an error message shows of a value, at most. */
const MAX_SHOWN = 80

export function invalid(name: string, expected: string, value: unknown): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', `${name} must be ${expected}, not ${shown(value)}`)
}

/** A value as an error message names it: texts in quotes, objects by their kind. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, MAX_SHOWN))
  if (['bigint', 'function', 'symbol'].includes(typeof value)) return `a ${typeof value}`
  if (typeof value !== 'object' || value === null) return String(value)
  const kind = kindOf(value)
  if (kind === 'Object') return 'an object'
  return `${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind}`
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
  if (typeof options !== 'object' || options === null) throw invalid('the options', 'an object', options)
  for (const name of Object.keys(options))
    if (!known.includes(name))
      throw new SwarmlinkError('ERR_INVALID_ARGUMENT', `there is no option ${name}; there are ${known.join(', ')}`)
}

export function checkNumber(
  name: string,
  value: unknown,
  { least = 0, whole = false }: { least?: number; whole?: boolean } = {},
): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least && (!whole || Number.isInteger(value))) return value
  throw invalid(name, `a ${whole ? 'whole ' : ''}number from ${least} on`, value)
}

export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(name, 'true or false', value)
}

export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalid(name, 'a function', value)
}

/** `{ urls: 'stun:…' }` and the like; the engines' own words about a wrong one name neither the option nor the server. */
export function checkIceServers(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw invalid(name, 'a list of STUN and TURN servers', value)
  for (const server of value as unknown[]) {
    const urls: unknown = typeof server === 'object' && server !== null && 'urls' in server ? server.urls : undefined
    for (const url of [urls].flat())
      if (typeof url !== 'string' || !/^(stuns?|turns?):[^\s]+$/i.test(url))
        throw invalid(`${name}: urls`, 'one or more URLs that begin with stun:, turn: or turns:', url)
  }
}
