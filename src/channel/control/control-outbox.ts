/** The sending side of the control channel: announced topics, batches of frames, and the rate limit. Opens no channel, reads nothing. */
import { concatBytes } from '../../core/bytes.js'
import type { Env, Timer } from '../../core/env.js'
import { asError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { oncePerTurn } from '../../core/once-per-turn.js'
import { TokenBucket, type RateLimit } from '../../core/token-bucket.js'
import { LOW_WATER, type EngineChannel } from '../../engine/engine.js'
import { CONTROL_VERSION, encodeControl, fits, MAX_HASHES, type ControlFrame } from './codec.js'

const log = logger('channel')

/** Largest message that frames are batched into, in bytes; every engine carries this size. */
const MAX_TOGETHER = 16 * 1024
/** Limit of queued bytes, here and in the engine, for a slow peer. Equal to the engine's low-water mark, so that `drain` follows. */
const MAX_WAITING = LOW_WATER
/** Topics that each side may announce: more than a large service shares with one peer, and little memory. */
export const MAX_SHOWN = 2_048
/** Rate limit for outgoing frames: below the remote peer's limit, because delayed frames arrive all at once. */
const SEND_RATE: RateLimit = { burst: 300, rate: 80 }
/** Frames of the rate limit that payloads of peer exchange leave to other frames, which are not retried. */
export const RESERVE = 50
/** Frames of the rate limit that all frames leave to the topics, which take at most 8. */
const RESERVE_OF_TOPICS = 16

export interface ControlOutboxDeps {
  env: Env
  capabilities: number
  /** The channel to send on; without one, frames wait for the next. */
  channel: () => EngineChannel | undefined
}

export class ControlOutbox {
  readonly #env: Env
  readonly #deps: ControlOutboxDeps
  readonly #rateLimit = new TokenBucket(SEND_RATE)
  /** Flushes at the end of this turn, so that its frames are batched. */
  readonly #flushSoon = oncePerTurn(() => this.flush())
  /** Queued frames, without topics. */
  #waiting: Uint8Array[] = []
  #bytes = 0
  /** Topics that are announced, or queued to be. */
  readonly #shown = new Set<string>()
  /** A topic in both sets was withdrawn and added again: both frames are sent. */
  readonly #toShow = new Set<string>()
  readonly #toHide = new Set<string>()
  #capabilities: number
  #hello: 'unsaid' | 'due' | 'said' = 'unsaid'
  /** Runs while the rate limit is exhausted. */
  #pause: Timer | undefined

  constructor(parts: ControlOutboxDeps) {
    this.#deps = parts
    this.#env = parts.env
    this.#capabilities = parts.capabilities
  }

  /** There is a new channel: announces all topics again, because frames on the old one may be lost. */
  renew(): void {
    this.#hello = 'unsaid'
    this.#toHide.clear()
    for (const hash of this.#shown) this.#toShow.add(hash)
    if (this.#toShow.size + this.#waiting.length > 0) this.#flushSoon()
  }

  /** Sends the hello even if no other frame is queued. */
  greet(): void {
    if (this.#hello !== 'unsaid') return
    this.#hello = 'due'
    this.#flushSoon()
  }

  /** Withdraws a capability: sends the hello again. */
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
    if (this.#toShow.size > 0) this.#flushSoon()
  }

  hide(hashes: string[]): void {
    for (const hash of hashes) if (this.#shown.delete(hash) && !this.#toShow.delete(hash)) this.#toHide.add(hash)
    if (this.#toHide.size > 0) this.#flushSoon()
  }

  /** Queues a frame. False, and the frame is dropped, if it is too large or the queue is full. */
  say(frame: ControlFrame): boolean {
    if (!fits(frame)) return false
    const bytes = encodeControl(frame)
    const reserve = frame.type === 'relay' ? RESERVE : RESERVE_OF_TOPICS
    if (this.#waiting.length + reserve >= this.#rateLimit.left(this.#env.now())) return false
    if (bytes.length + this.#bytes + (this.#deps.channel()?.bufferedAmount ?? 0) > MAX_WAITING) return false
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    this.#flushSoon()
    return true
  }

  /** Sends all queued frames. Topics first, because later frames may refer to them. */
  flush(): void {
    const channel = this.#deps.channel()
    if (channel?.state !== 'open' || channel.bufferedAmount > MAX_WAITING || this.#pause !== undefined) return
    const waiting = this.#waiting
    const frames = [...hashFrames('gone', this.#toHide), ...hashFrames('topics', this.#toShow), ...waiting]
    if (frames.length === 0 && this.#hello !== 'due') return
    const now = this.#env.now()
    if (!this.#rateLimit.take(frames.length, now)) return this.#wait(frames.length - this.#rateLimit.left(now))
    this.#clear()
    const unsent = new Set(this.#send(channel, frames))
    if (unsent.size === 0) return
    this.#waiting = waiting.filter(frame => unsent.has(frame))
    this.#bytes = this.#waiting.reduce((sum, { length }) => sum + length, 0)
    channel.close() // the channel has a gap: the remaining frames wait for the next one
  }

  bye(): void {
    this.flush()
    const channel = this.#deps.channel()
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

  /** Waits until the rate limit allows this number of frames. */
  #wait(frames: number): void {
    this.#pause = this.#env.timer(Math.ceil((frames / SEND_RATE.rate) * 1_000), () => {
      this.#pause = undefined
      this.flush()
    })
  }

  /** Returns the frames that could not be sent. */
  #send(channel: EngineChannel, frames: Uint8Array[]): Uint8Array[] {
    if (this.#hello !== 'said')
      frames.unshift(encodeControl({ type: 'hello', version: CONTROL_VERSION, capabilities: this.#capabilities }))
    this.#hello = 'said'
    const messages = batches(frames)
    for (let message = messages[0]; message !== undefined; message = messages[0]) {
      try {
        channel.send(concatBytes(...message))
      } catch (error) {
        log('control: %s', asError(error, 'ERR_ENGINE', 'sending a control frame failed').message)
        return messages.flat()
      }
      messages.shift()
    }
    return []
  }
}

/** Encodes hashes in as few frames as possible; no frame for no hashes. */
function hashFrames(type: 'topics' | 'gone', hashes: ReadonlySet<string>): Uint8Array[] {
  const all = [...hashes]
  return Array.from({ length: Math.ceil(all.length / MAX_HASHES) }, (_, i) =>
    encodeControl({ type, hashes: all.slice(i * MAX_HASHES, (i + 1) * MAX_HASHES) }),
  )
}

/** Groups frames into as few messages as possible, in order; a large frame goes alone. */
function batches(frames: Uint8Array[]): Uint8Array[][] {
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
