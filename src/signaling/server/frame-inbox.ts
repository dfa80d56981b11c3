/**
 * Handles the frames of one client, a few per turn of the event loop, so that a client that sends 1000 at once does not delay the others.
 * While frames are queued, reading from the client is paused. Knows no socket.
 */
import type { NextTurn } from './send-scheduler.js'

/** Frames of one client per turn. A hundred clients that send at their limit make a turn 20 ms long (Node 20). */
const FRAMES_PER_TURN = 8
/** Each of these many bytes of a frame counts as one more frame. */
const FRAME_SIZE = 4 * 1024

export interface FrameInboxDeps {
  nextTurn: NextTurn
  /** Stops reading from the client; frames that were read already still arrive. */
  pause: () => void
  resume: () => void
}

interface WaitingFrame {
  size: number
  handle: () => void
}

export class FrameInbox {
  readonly #deps: FrameInboxDeps
  readonly #waiting: WaitingFrame[] = []
  /** The rest of this turn's budget of frames. */
  #left = FRAMES_PER_TURN
  /** Whether a callback in the next turn is scheduled. */
  #hasTurn = false
  #closed = false

  constructor(deps: FrameInboxDeps) {
    this.#deps = deps
  }

  /** Handles the frame now or in a later turn, in order. */
  push(size: number, handle: () => void): void {
    if (this.#closed) return
    const frame = { size, handle }
    if (this.#waiting.length === 0 && this.#left > 0) return this.#handle(frame)
    if (this.#waiting.push(frame) === 1) this.#deps.pause()
  }

  /** Handles all queued frames at once, because the client is gone. */
  flush(): void {
    for (const { handle } of this.#waiting.splice(0)) handle()
  }

  /** Drops the queued frames and all later ones. */
  close(): void {
    this.#closed = true
    this.#waiting.length = 0
  }

  #handle({ size, handle }: WaitingFrame): void {
    this.#left -= 1 + size / FRAME_SIZE
    if (!this.#hasTurn) this.#deps.nextTurn(() => this.#next())
    this.#hasTurn = true
    handle()
  }

  #next(): void {
    this.#hasTurn = false
    this.#left = FRAMES_PER_TURN
    if (this.#waiting.length === 0) return
    while (this.#left > 0) {
      const frame = this.#waiting.shift()
      if (frame === undefined) break
      this.#handle(frame)
    }
    if (this.#waiting.length === 0 && !this.#closed) this.#deps.resume()
  }
}
