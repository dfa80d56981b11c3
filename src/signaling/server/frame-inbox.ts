/**
 * Takes the frames of one client, a few in each turn of the event loop: a client that sends a thousand at once delays others by a few.
 * While frames wait, nothing more is read from the client. Knows no socket.
 */
import type { NextTurn } from './send-scheduler.js'

/** Frames of one client in a turn. A hundred clients that send as much as they can make it 20 ms long (Node 20). */
const FRAMES_PER_TURN = 8
/** Bytes of a frame that count as one frame more. */
const FRAME_SIZE = 4 * 1024

export interface InboxParts {
  nextTurn: NextTurn
  /** Stops reading from the client: what was read already still comes. */
  pause: () => void
  resume: () => void
}

interface WaitingFrame {
  size: number
  handle: () => void
}

export class FrameInbox {
  readonly #parts: InboxParts
  readonly #waiting: WaitingFrame[] = []
  /** Frames that are left in this turn. */
  #left = FRAMES_PER_TURN
  /** Whether the next turn is awaited. */
  #hasTurn = false
  #closed = false

  constructor(parts: InboxParts) {
    this.#parts = parts
  }

  /** Handles the frame now or in a later turn, in the order in which frames came. */
  push(size: number, handle: () => void): void {
    if (this.#closed) return
    const frame = { size, handle }
    if (this.#waiting.length === 0 && this.#left > 0) return this.#handle(frame)
    if (this.#waiting.push(frame) === 1) this.#parts.pause()
  }

  /** Handles at once what waits: the client is gone, and this is the last of it. */
  flush(): void {
    for (const { handle } of this.#waiting.splice(0)) handle()
  }

  /** Gives up what waits, and takes nothing more. */
  close(): void {
    this.#closed = true
    this.#waiting.length = 0
  }

  #handle({ size, handle }: WaitingFrame): void {
    this.#left -= 1 + size / FRAME_SIZE
    if (!this.#hasTurn) this.#parts.nextTurn(() => this.#next())
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
    if (this.#waiting.length === 0 && !this.#closed) this.#parts.resume()
  }
}
