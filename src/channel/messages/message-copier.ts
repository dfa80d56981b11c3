/**
 * Checks messages of the application: any JSON value, with bytes at any depth. Refuses, with their path, values that JSON.stringify would
 * change or drop without an error (`Map`, `NaN`, functions). Knows no frames.
 */
import { kindOf, shown } from '../../core/arguments.js'
import { misuse, reasonOf, SwarmlinkError } from '../../core/errors.js'

/** Limits of one message: the sender throws beyond them, and the receiver drops the message. `maxJsonSize` limits the length of the text. */
export const LIMITS = {
  /** Nested lists and objects. `JSON.parse` accepts any depth, but code that walks the result would overflow the stack. */
  depth: 500,
  /**
   * Values in the JSON text of one message; a field counts as four. For this number `JSON.parse` takes at most 46 ms and 18 MiB of heap
   * (Node 20 on one EPYC core, messages of 14 kinds), whatever `maxJsonSize` is.
   */
  values: 131_072,
  /** Byte arrays in one message: each costs the receiver 1 µs and an object of about 100 bytes, whatever its length. */
  attachments: 16_384,
} as const

export type Key = string | number

/** Bytes inside a message, and their path. */
export interface Attachment {
  readonly path: readonly Key[]
  readonly bytes: Uint8Array
}

/** Advice for objects that JSON.stringify turns into `{}`. */
const INSTEAD: Readonly<Record<string, string>> = {
  Blob: 'await blob.arrayBuffer()',
  DOMException: 'error.message',
  Error: 'error.message',
  File: 'await file.arrayBuffer()',
  Map: '[...map]',
  Promise: 'its value, after an await',
  RegExp: 'regexp.source',
  Set: '[...set]',
}
/** Objects that JSON.stringify replaces by their primitive value. */
const BOXES: ReadonlySet<string> = new Set(['Boolean', 'Number', 'String'])
const SENDABLE = 'plain objects, lists, strings, numbers or bytes'
/** Longest part of a path in an error message, in characters. */
const MAX_SHOWN_PATH = 120

/**
 * Whether JSON.stringify can encode the value as it is. For any other value (`Date`, class instances, bytes) `Copier` is needed. This walk
 * costs 0 to 5 % of the encoding of a small message.
 */
export function isPlain(value: unknown, depth = 0): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || (depth < LIMITS.depth && (Array.isArray(value) ? isPlainList : isPlainObject)(value, depth + 1))
    default:
      return false
  }
}

function isPlainList(list: object, depth: number): boolean {
  const items = list as ArrayLike<unknown> // `isPlain` has checked it
  for (let i = 0; i < items.length; i++) if (!isPlain(items[i], depth)) return false
  return !('toJSON' in list)
}

function isPlainObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  const fields = value as Record<string, unknown> // any object's members may be read
  for (const key in fields) {
    const field = fields[key]
    if (field !== undefined && !isPlain(field, depth)) return false
  }
  return !('toJSON' in value)
}

export function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer
}

/** A view of bytes of any type; undefined if their buffer was transferred (detached). */
export function viewOf(value: ArrayBuffer | ArrayBufferView): Uint8Array | undefined {
  try {
    const bytes =
      value instanceof Uint8Array
        ? value
        : value instanceof ArrayBuffer
          ? new Uint8Array(value)
          : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    // A detached `Uint8Array` has length 0; a new view of its buffer throws. `buffer.detached` is not in all supported versions.
    return bytes.byteLength > 0 || new Uint8Array(bytes.buffer).byteLength >= 0 ? bytes : undefined
  } catch {
    return undefined
  }
}

/** Copies a message into plain JSON values, with 0 in place of bytes. Throws with the path of the first value that cannot be sent. */
export class MessageCopier {
  readonly attachments: Attachment[] = []
  readonly #root: string
  /** Why bytes are refused; undefined if they may be sent. */
  readonly #noBytes: string | undefined
  readonly #path: Key[] = []
  /** The lists and objects around the current value. */
  readonly #above: object[] = []

  /** `root` is the name of the message in errors. */
  constructor(root: string, noBytes?: string) {
    this.#root = root
    this.#noBytes = noBytes
  }

  copy(message: unknown): unknown {
    try {
      return this.#required(message)
    } catch (cause) {
      if (cause instanceof SwarmlinkError) throw cause
      throw this.#refusal(`cannot be read: ${reasonOf(cause)}`, { cause }) // a getter or a toJSON threw; `#path` is its path
    }
  }

  #required(given: unknown): unknown {
    const value = this.#value(given)
    if (value === undefined) throw this.#unsendable(undefined, 'null')
    return value
  }

  #value(given: unknown): unknown {
    // Bytes first: `Buffer` has a toJSON, which returns a list of numbers.
    const value = !isBytes(given) && hasToJson(given) ? this.#toJson(given) : given
    switch (typeof value) {
      case 'undefined':
      case 'string':
      case 'boolean':
        return value
      case 'number':
        if (!Number.isFinite(value)) throw this.#unsendable(value, 'null or a string')
        return value
      case 'object':
        return value === null ? null : this.#object(value)
      default:
        throw this.#unsendable(value, typeof value === 'bigint' ? 'a string: String(value)' : SENDABLE)
    }
  }

  #toJson(value: { toJSON(key: string): unknown }): unknown {
    const made = value.toJSON(String(this.#path.at(-1) ?? ''))
    if (made === null && value instanceof Date) throw this.#refusal('is an invalid Date: send null')
    return made
  }

  #object(value: object): unknown {
    if (isBytes(value)) return this.#attach(value)
    if (BOXES.has(kindOf(value)) && typeof value.valueOf() !== 'object') return this.#value(value.valueOf())
    if (this.#above.includes(value)) throw this.#refusal('is a circular reference: send an id instead')
    if (this.#above.length >= LIMITS.depth)
      throw this.#refusal(`is nested deeper than ${LIMITS.depth} lists and objects: send it flatter, or as a string`)
    this.#above.push(value)
    const copy = Array.isArray(value) ? this.#list(value) : this.#fields(value)
    this.#above.pop()
    return copy
  }

  #list(list: readonly unknown[]): unknown[] {
    const copy: unknown[] = []
    for (let i = 0; i < list.length; i++) {
      this.#path.push(i)
      copy.push(this.#required(list[i]))
      this.#path.pop()
    }
    return copy
  }

  /** The object's own enumerable fields, as JSON.stringify takes them: instances of an application's classes arrive as plain objects. */
  #fields(value: object): object {
    const keys = Object.keys(value)
    const kind = kindOf(value)
    if (INSTEAD[kind] !== undefined || (kind !== 'Object' && keys.length === 0))
      throw this.#unsendable(value, INSTEAD[kind] ?? SENDABLE)
    const fields = value as Record<string, unknown> // any object's members may be read
    const copy = Object.create(null) as Record<string, unknown> // without a prototype, `__proto__` is a normal field
    for (const key of keys) {
      this.#path.push(key)
      const field = this.#value(fields[key])
      if (field !== undefined) copy[key] = field
      this.#path.pop()
    }
    return copy
  }

  #attach(value: ArrayBuffer | ArrayBufferView): number {
    if (this.#noBytes !== undefined) throw this.#refusal(`is bytes: ${this.#noBytes}`)
    if (this.attachments.length >= LIMITS.attachments)
      throw this.#refusal(`is one byte array too many (the limit is ${LIMITS.attachments}): send them joined`)
    const bytes = viewOf(value)
    if (bytes === undefined) throw detached(this.#where())
    this.attachments.push({ path: [...this.#path], bytes })
    return 0
  }

  #unsendable(value: unknown, instead: string): SwarmlinkError {
    return this.#refusal(`is ${shown(value)}: send ${instead}`)
  }

  #refusal(why: string, options?: ErrorOptions): SwarmlinkError {
    return misuse(`${this.#where()} ${why}`, options)
  }

  #where(): string {
    const steps = this.#path.map(key =>
      typeof key === 'string' && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`,
    )
    const whole = this.#root + steps.join('')
    const half = MAX_SHOWN_PATH / 2
    return whole.length > MAX_SHOWN_PATH ? `${whole.slice(0, half)}…${whole.slice(-half)}` : whole
  }
}

export function detached(where: string): SwarmlinkError {
  return misuse(`${where} is bytes whose buffer was transferred: send it before the transfer, or send a copy`)
}

function hasToJson(value: unknown): value is { toJSON(key: string): unknown } {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'bigint') return false
  return typeof (value as { toJSON?: unknown }).toJSON === 'function' // some applications define BigInt.prototype.toJSON
}
