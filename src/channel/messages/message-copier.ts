/**
 * Checks what an application sends: a message may be any JSON value, with bytes at any depth. JSON.stringify changes or drops other values
 * without an error (`Map`, `NaN`, functions); they are refused here with their path. Knows no frames.
 */
import { kindOf, shown } from '../core/arguments.js'
import { reasonOf, SwarmlinkError } from '../core/errors.js'

/** What one message may hold: the sender refuses what is beyond it, and the receiver drops it. `maxJsonSize` limits the length of the text. */
export const LIMITS = {
  /** Lists and objects inside each other. `JSON.parse` takes any depth; code that walks the result would overflow the stack. */
  depth: 500,
  /**
   * Values in the JSON text of one message; a field counts as four. `JSON.parse` takes at most 46 ms and 18 MiB of heap for as many values of
   * any kind (Node 20 on one EPYC core, messages of 14 kinds), however large `maxJsonSize` is.
   */
  values: 131_072,
  /** Byte arrays inside one message: each costs the receiver 1 µs and an object of some 100 bytes, whatever its length. */
  attachments: 16_384,
} as const

export type Key = string | number

/** Bytes inside a message, and where they stand in it. */
export interface Attachment {
  readonly path: readonly Key[]
  readonly bytes: Uint8Array
}

/** What to send instead of objects that JSON.stringify turns into `{}`. */
const INSTEAD: Readonly<Record<string, string>> = {
  Blob: 'await blob.arrayBuffer()',
  DOMException: 'error.message',
  Error: 'error.message',
  File: 'await file.arrayBuffer()',
  Map: '[...map]',
  Promise: 'what it resolves to, after an await',
  RegExp: 'regexp.source',
  Set: '[...set]',
}
/** Objects that JSON.stringify takes for the primitive value inside. */
const BOXES: ReadonlySet<string> = new Set(['Boolean', 'Number', 'String'])
const ANYTHING = 'plain objects, lists, texts, numbers or bytes'
/** What an error message shows of a path, at most. */
const MAX_SHOWN_PATH = 120

/**
 * Whether the value can be handed to JSON.stringify as it is. A value that needs a closer look (`Date`, class instances, bytes) gives false,
 * and `Copier` looks. This walk is what plain messages pay for the check: 0 to 5 % of a small one.
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
  const items = list as ArrayLike<unknown> // `isPlain` has looked
  for (let i = 0; i < items.length; i++) if (!isPlain(items[i], depth)) return false
  return !('toJSON' in list)
}

function isPlainObject(value: object, depth: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  const fields = value as Record<string, unknown> // any object can be read so
  for (const key in fields) {
    const field = fields[key]
    if (field !== undefined && !isPlain(field, depth)) return false
  }
  return !('toJSON' in value)
}

export function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer
}

/** A view of bytes of any type; undefined when their buffer was transferred (detached). */
export function viewOf(value: ArrayBuffer | ArrayBufferView): Uint8Array | undefined {
  try {
    const bytes =
      value instanceof Uint8Array
        ? value
        : value instanceof ArrayBuffer
          ? new Uint8Array(value)
          : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    // A detached `Uint8Array` claims to be empty; a new view of its buffer throws. `buffer.detached` is too new.
    return bytes.byteLength > 0 || new Uint8Array(bytes.buffer).byteLength >= 0 ? bytes : undefined
  } catch {
    return undefined
  }
}

/** Copies a message into plain JSON values, with 0 in place of bytes. Throws with the path of the first value that cannot be sent. */
export class Copier {
  readonly attachments: Attachment[] = []
  readonly #root: string
  /** Why bytes are refused; undefined where they may be sent. */
  readonly #noBytes: string | undefined
  readonly #path: Key[] = []
  /** The lists and objects around the current value. */
  readonly #above: object[] = []

  /** `root` is what errors call the whole. */
  constructor(root: string, noBytes?: string) {
    this.#root = root
    this.#noBytes = noBytes
  }

  copy(message: unknown): unknown {
    try {
      return this.#required(message)
    } catch (cause) {
      if (cause instanceof SwarmlinkError) throw cause
      throw this.#refusal(`cannot be read: ${reasonOf(cause)}`, { cause }) // a getter or a toJSON threw; `#path` still points to it
    }
  }

  #required(given: unknown): unknown {
    const value = this.#value(given)
    if (value === undefined) throw this.#unsendable(undefined, 'null')
    return value
  }

  #value(given: unknown): unknown {
    // Bytes first: `Buffer` has a toJSON, which gives a list of numbers.
    const value = !isBytes(given) && hasToJson(given) ? this.#toJson(given) : given
    switch (typeof value) {
      case 'undefined':
      case 'string':
      case 'boolean':
        return value
      case 'number':
        if (!Number.isFinite(value)) throw this.#unsendable(value, 'null or a text')
        return value
      case 'object':
        return value === null ? null : this.#object(value)
      default:
        throw this.#unsendable(value, typeof value === 'bigint' ? 'a text: String(value)' : ANYTHING)
    }
  }

  #toJson(value: { toJSON(key: string): unknown }): unknown {
    const made = value.toJSON(String(this.#path.at(-1) ?? ''))
    if (made === null && value instanceof Date) throw this.#refusal('is a Date without a time: send null')
    return made
  }

  #object(value: object): unknown {
    if (isBytes(value)) return this.#attach(value)
    if (BOXES.has(kindOf(value)) && typeof value.valueOf() !== 'object') return this.#value(value.valueOf())
    if (this.#above.includes(value)) throw this.#refusal('closes a circle: send an id in its place')
    if (this.#above.length >= LIMITS.depth)
      throw this.#refusal(`is nested deeper than ${LIMITS.depth} lists and objects: send it flatter, or as a text`)
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
      throw this.#unsendable(value, INSTEAD[kind] ?? ANYTHING)
    const fields = value as Record<string, unknown> // any object can be read so
    const copy = Object.create(null) as Record<string, unknown> // without a prototype `__proto__` is a field like any other
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
      throw this.#refusal(`is one byte array too many (${LIMITS.attachments} fit into a message): send them joined`)
    const bytes = viewOf(value)
    if (bytes === undefined) throw detached(this.#where())
    this.attachments.push({ path: [...this.#path], bytes })
    return 0
  }

  #unsendable(value: unknown, instead: string): SwarmlinkError {
    return this.#refusal(`is ${shown(value)}: send ${instead}`)
  }

  #refusal(why: string, options?: ErrorOptions): SwarmlinkError {
    return new SwarmlinkError('ERR_INVALID_ARGUMENT', `${this.#where()} ${why}`, options)
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
  return new SwarmlinkError(
    'ERR_INVALID_ARGUMENT',
    `${where} is bytes whose buffer was transferred elsewhere: send before you transfer it, or send a copy`,
  )
}

function hasToJson(value: unknown): value is { toJSON(key: string): unknown } {
  if ((typeof value !== 'object' || value === null) && typeof value !== 'bigint') return false
  return typeof (value as { toJSON?: unknown }).toJSON === 'function' // some applications define BigInt.prototype.toJSON
}
