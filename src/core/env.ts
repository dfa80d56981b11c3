/** Clock, random numbers, timers and sockets, as one object. Tests pass a virtual one and run hours in milliseconds. */
import { dial, keepAlive } from '#dial'
import { hasMethods, invalid } from './arguments.js'

/** A text connection to a server. The iteration ends when the connection has closed; leaving the loop closes the connection. */
export interface TextSocket extends AsyncIterable<string> {
  send(text: string): void
  close(): void
  /** Bytes that `send` accepted and that have not left yet. */
  readonly bufferedAmount: number
}

/** Opens a {@link TextSocket}; rejects when that fails. An abort cancels the dial and, later, closes the open socket. */
export type Dial = (url: string, signal: AbortSignal) => Promise<TextSocket>

/** A pending callback; `cancel()` is idempotent. */
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
  /** Keeps a Node process alive until it is cancelled, as an open socket does. Absent in browsers. */
  keepAlive?(): Timer
  dial: Dial
}

/** Throws unless the value has the methods of an {@link Env}. */
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

/** Settles as `promise` does, or rejects with the error of `late()` after `ms`. */
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

/** Settles as `promise` does, or rejects with the error of `aborted()` as soon as the signal aborts. */
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

/** `setTimeout` takes 32 bits: a longer delay would fire at once. 24.8 days. */
const LONGEST_TIMER = 2 ** 31 - 1

/** The environment of the platform. */
export const systemEnv: Env = {
  now: () => performance.now(),
  random: () => Math.random(),
  randomBytes: length => crypto.getRandomValues(new Uint8Array(length)),
  timer(ms, callback) {
    // Node returns an object with `unref()`, a browser a number.
    const handle: unknown = setTimeout(callback, Math.min(ms, LONGEST_TIMER))
    if (typeof handle === 'object' && handle !== null && 'unref' in handle) (handle as { unref(): void }).unref()
    return { cancel: () => clearTimeout(handle as Parameters<typeof clearTimeout>[0]) }
  },
  ...(keepAlive !== undefined && { keepAlive }),
  dial,
}
