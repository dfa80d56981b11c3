/** Time, randomness and sockets, handed in. Tests hand in a virtual one and run hours in milliseconds. */
import { dial, keepAlive } from '#dial'
import { hasMethods, invalid } from './arguments.js'

/** A text connection to a server. Iterating ends when the connection does; breaking out closes it. */
export interface Link extends AsyncIterable<string> {
  send(text: string): void
  close(): void
  /** Bytes accepted by `send` that have not left yet. */
  readonly bufferedAmount: number
}

/** Opens a {@link Link}; rejects when it cannot. An abort ends the dialling and, later, the live link. */
export type Dial = (url: string, signal: AbortSignal) => Promise<Link>

/** A pending call; `cancel()` is idempotent. */
export interface Timer {
  cancel(): void
}

export interface Env {
  /** Milliseconds on a clock that never jumps back. */
  now(): number
  /** A number in [0, 1). */
  random(): number
  randomBytes(length: number): Uint8Array
  /** Calls back once after `ms`; never keeps a process alive. */
  timer(ms: number, callback: () => void): Timer
  /** Keeps a Node process alive until it is cancelled, as an open socket does. Absent where nothing has to be kept. */
  keepAlive?(): Timer
  dial: Dial
}

/** Throws for what cannot be an {@link Env}. */
export function checkEnv(value: unknown): void {
  const methods = ['now', 'random', 'randomBytes', 'timer', 'dial']
  if (!hasMethods(value, methods)) throw invalid('env', `an object with the methods ${methods.join(', ')}`, value)
}

/** Waits; resolves to `true` after `ms`, to `false` as soon as the signal aborts. Never rejects. */
export function sleep(env: Env, ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted === true) return Promise.resolve(false)
  return new Promise(resolve => {
    const done = (elapsed: boolean) => {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
      resolve(elapsed)
    }
    const abort = () => done(false)
    const timer = env.timer(ms, () => done(true))
    signal?.addEventListener('abort', abort)
  })
}

/** Settles as `promise` does, or rejects with what `late` makes once `ms` have passed. */
export async function withDeadline<T>(env: Env, promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: Timer | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = env.timer(ms, () => reject(late()))
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    timer?.cancel()
  }
}

/** Settles as `promise` does, or rejects with what `aborted` makes as soon as the signal aborts: what never settles keeps no caller. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, aborted: () => Error): Promise<T> {
  let abort: () => void = () => {}
  const stop = new Promise<never>((_resolve, reject) => {
    abort = () => reject(aborted())
  })
  signal.addEventListener('abort', abort)
  if (signal.aborted) abort()
  try {
    return await Promise.race([promise, stop])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** `setTimeout` counts in 32 bits: what is longer would fire at once. Nobody here waits for a month. */
const LONGEST_TIMER = 2 ** 31 - 1

/** The real thing. */
export const systemEnv: Env = {
  now: () => performance.now(),
  random: () => Math.random(),
  randomBytes: length => crypto.getRandomValues(new Uint8Array(length)),
  timer(ms, callback) {
    // Node returns an object that can be unref'd, a browser a number.
    const handle: unknown = setTimeout(callback, Math.min(ms, LONGEST_TIMER))
    if (typeof handle === 'object' && handle !== null && 'unref' in handle) (handle as { unref(): void }).unref()
    return { cancel: () => clearTimeout(handle as Parameters<typeof clearTimeout>[0]) }
  },
  ...(keepAlive !== undefined && { keepAlive }),
  dial,
}
