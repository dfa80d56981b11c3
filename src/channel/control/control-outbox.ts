/**
 * What a peer says to another one on the control channel: which topics the remote was told of, what travels together, and how fast. Opens
 * and reads nothing.
 */
import { concatBytes } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { asError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { TokenBucket, type Allowance } from '../core/token-bucket.js'
import { LOW_WATER, type EngineChannel } from '../engine/engine.js'
import { CONTROL_VERSION, encodeControl, fits, MAX_HASHES, type ControlFrame } from './control-wire.js'

const log = logger('channel')

/** Words travel together up to this size; every engine there ever was takes such a message whole. */
const MAX_TOGETHER = 16 * 1024
/** What may wait for a slow remote, here and in the engine; at this mark the engine says that it goes on. */
const MAX_WAITING = LOW_WATER
/** So many topics each side may show: above what a large service shares with one peer, and little to keep. */
export const MAX_SHOWN = 2_048
/** Below what a remote listens to, since words that were held up on their way come all at once. */
const SAID: Allowance = { burst: 300, rate: 80 }
/** Messages of peer exchange leave so many frames to the other words, which nobody repeats when they are lost. */
export const RESERVE = 50
/** Other words leave so many to the topics, which are at most eight frames. */
const RESERVE_OF_TOPICS = 16

export interface ControlOutboxParts {
  env: Env
  capabilities: number
  /** On which all of it leaves; what is said while there is none waits for the next. */
  channel: () => EngineChannel | undefined
}

export class ControlOutbox {
  readonly #env: Env
  readonly #parts: ControlOutboxParts
  readonly #said: TokenBucket
  /** Said and not sent, beside topics. */
  #waiting: Uint8Array[] = []
  #bytes = 0
  /** What the remote was told of, or will be. */
  readonly #shown = new Set<string>()
  /** What is in both went and came back, and the remote is told so. */
  readonly #toShow = new Set<string>()
  readonly #toHide = new Set<string>()
  #capabilities: number
  #hello: 'unsaid' | 'due' | 'said' = 'unsaid'
  #flushing = false
  /** Runs while more was said than the remote listens to. */
  #pause: Timer | undefined

  constructor(parts: ControlOutboxParts) {
    this.#parts = parts
    this.#env = parts.env
    this.#capabilities = parts.capabilities
    this.#said = new TokenBucket(SAID, this.#env.now())
  }

  /** Another channel took the place of the one before: all topics are told again, because the last word about them may be lost. */
  renew(): void {
    this.#hello = 'unsaid'
    this.#toHide.clear()
    for (const hash of this.#shown) this.#toShow.add(hash)
    this.#flushSoon(this.#toShow.size + this.#waiting.length)
  }

  /** The remote is to know what we can do, also when there is nothing else to say. */
  greet(): void {
    if (this.#hello !== 'unsaid') return
    this.#hello = 'due'
    this.#flushSoon(1)
  }

  /** This side can do less than it said: it says hello again. */
  withdraw(capability: number): void {
    this.#capabilities &= ~capability
    if (this.#hello === 'said') this.#hello = 'unsaid'
    this.greet()
  }

  show(hashes: string[]): void {
    for (const hash of hashes)
      if (!this.#shown.has(hash) && this.#shown.size < MAX_SHOWN) {
        this.#shown.add(hash)
        this.#toShow.add(hash)
      }
    this.#flushSoon(this.#toShow.size)
  }

  hide(hashes: string[]): void {
    for (const hash of hashes) if (this.#shown.delete(hash) && !this.#toShow.delete(hash)) this.#toHide.add(hash)
    this.#flushSoon(this.#toHide.size)
  }

  /** False, and it is forgotten, when it is too large or too much waits. */
  say(frame: ControlFrame): boolean {
    if (!fits(frame)) return false
    const bytes = encodeControl(frame)
    const reserve = frame.type === 'relay' ? RESERVE : RESERVE_OF_TOPICS
    if (this.#waiting.length + reserve >= this.#said.left(this.#env.now())) return false
    if (bytes.length + this.#bytes + (this.#parts.channel()?.bufferedAmount ?? 0) > MAX_WAITING) return false
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    this.#flushSoon(this.#waiting.length)
    return true
  }

  /** Topics go first: what follows may be about them. */
  flush(): void {
    const channel = this.#parts.channel()
    if (channel?.state !== 'open' || channel.bufferedAmount > MAX_WAITING || this.#pause !== undefined) return
    const waiting = this.#waiting
    const frames = [...hashFrames('gone', this.#toHide), ...hashFrames('topics', this.#toShow), ...waiting]
    if (frames.length === 0 && this.#hello !== 'due') return
    const now = this.#env.now()
    if (!this.#said.take(frames.length, now)) return this.#wait(frames.length - this.#said.left(now))
    this.#clear()
    const unsent = new Set(this.#send(channel, frames))
    if (unsent.size === 0) return
    this.#waiting = waiting.filter(frame => unsent.has(frame))
    this.#bytes = this.#waiting.reduce((sum, { length }) => sum + length, 0)
    channel.close() // a channel with a gap is of no use: what is left waits for the next
  }

  /** Leaves at once, behind what was said before. */
  bye(): void {
    this.flush()
    const channel = this.#parts.channel()
    if (channel?.state === 'open') void this.#send(channel, [encodeControl({ type: 'bye' })])
  }

  close(): void {
    this.#pause?.cancel()
    this.#clear()
  }

  #clear(): void {
    this.#toHide.clear()
    this.#toShow.clear()
    this.#waiting = []
    this.#bytes = 0
  }

  /** Once at the end of this turn, so that what is said in it travels together. */
  #flushSoon(words: number): void {
    if (words === 0 || this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      this.flush()
    })
  }

  /** Until the remote listens to so many frames more. */
  #wait(frames: number): void {
    this.#pause = this.#env.timer(Math.ceil((frames / SAID.rate) * 1_000), () => {
      this.#pause = undefined
      this.flush()
    })
  }

  /** Gives the frames that could not be sent. */
  #send(channel: EngineChannel, frames: Uint8Array[]): Uint8Array[] {
    if (this.#hello !== 'said')
      frames.unshift(encodeControl({ type: 'hello', version: CONTROL_VERSION, capabilities: this.#capabilities }))
    this.#hello = 'said'
    const messages = together(frames)
    for (let message = messages[0]; message !== undefined; message = messages[0]) {
      try {
        channel.send(concatBytes(...message))
      } catch (error) {
        log('control: %s', asError(error, 'ERR_ENGINE', 'a word could not be sent').message)
        return messages.flat()
      }
      messages.shift()
    }
    return []
  }
}

/** None for no hashes. */
function hashFrames(type: 'topics' | 'gone', hashes: ReadonlySet<string>): Uint8Array[] {
  const all = [...hashes]
  return Array.from({ length: Math.ceil(all.length / MAX_HASHES) }, (_, i) =>
    encodeControl({ type, hashes: all.slice(i * MAX_HASHES, (i + 1) * MAX_HASHES) }),
  )
}

/** The frames of as few messages as carry them in their order; a large frame goes alone. */
function together(frames: Uint8Array[]): Uint8Array[][] {
  const messages: Uint8Array[][] = []
  let room = 0
  for (const frame of frames) {
    if (frame.length > room) {
      messages.push([])
      room = MAX_TOGETHER
    }
    messages.at(-1)?.push(frame)
    room -= frame.length
  }
  return messages
}
