/** A stream as it arrives: keeps what nobody has read yet, and says how much was read. Knows no channel. */
import type { SwarmlinkError } from '../core/errors.js'
import type { IncomingStream, Json } from './messenger.js'
import { Milestones } from './milestones.js'
import { chunkCost, STREAM_WINDOW } from './transfer.js'

/** Room that is made for each byte that there is none for. */
const AHEAD = 8

export interface StreamReaderOptions {
  size: number | undefined
  meta: Json | undefined
  /** So much of the window was read, since the beginning. */
  read: (taken: number) => void
  /** Read to its end. */
  done: () => void
  /** The application wants no more of it. */
  cancelled: () => void
}

export class StreamReader implements IncomingStream {
  readonly meta: Json | undefined
  readonly size: number | undefined
  readonly readable: ReadableStream<Uint8Array>
  readonly milestones: Milestones
  readonly #options: StreamReaderOptions
  /** What is not read, in the order in which it came: a ring that grows to a whole window. */
  #ring = new Uint8Array(0)
  #first = 0
  #kept = 0
  /** The lengths of the chunks in it. */
  readonly #chunks: number[] = []
  #received = 0
  #cost = 0
  #taken = 0
  #ended = false
  #controller!: ReadableByteStreamController | ReadableStreamDefaultController<Uint8Array> // the stream's constructor hands it over at once
  /** Somebody waits for bytes. */
  #wanted: (() => void) | undefined

  constructor(options: StreamReaderOptions) {
    this.#options = options
    this.meta = options.meta
    this.size = options.size
    this.milestones = new Milestones(options.size)
    const source = {
      start: (controller: ReadableByteStreamController | ReadableStreamDefaultController<Uint8Array>) => {
        this.#controller = controller
      },
      pull: () => this.#pull(),
      cancel: () => {
        this.#settle()
        options.cancelled()
      },
    }
    const lazy = { highWaterMark: 0 } // what is not asked for is not read
    // With a stream of bytes the application can have them put where it wants them. Not every browser has one.
    this.readable =
      typeof ReadableByteStreamController === 'undefined'
        ? new ReadableStream<Uint8Array>(source, lazy)
        : new ReadableStream({ ...source, type: 'bytes' }, lazy)
  }

  get received(): number {
    return this.#received
  }

  /** What of the window is not read. */
  get unread(): number {
    return this.#cost - this.#taken
  }

  push(bytes: Uint8Array): void {
    this.#received += bytes.byteLength
    this.#cost += chunkCost(bytes.byteLength)
    this.#chunks.push(bytes.byteLength)
    if (this.#kept + bytes.byteLength > this.#ring.byteLength) this.#grow(this.#kept + bytes.byteLength)
    const ring = this.#ring
    const at = (this.#first + this.#kept) % ring.byteLength
    const fitting = Math.min(bytes.byteLength, ring.byteLength - at)
    ring.set(bytes.subarray(0, fitting), at)
    ring.set(bytes.subarray(fitting), 0)
    this.#kept += bytes.byteLength
    this.#give()
  }

  /** Everything has arrived, whether it is read or not. */
  get ended(): boolean {
    return this.#ended
  }

  /** False when bytes are missing. */
  end(): boolean {
    if (this.size !== undefined && this.size !== this.#received) return false
    this.#ended = true
    this.#give()
    return true
  }

  fail(error: SwarmlinkError): void {
    this.#settle()
    this.#controller.error(error)
  }

  #pull(): Promise<void> {
    return new Promise(resolve => {
      this.#wanted = resolve
      this.#give()
    })
  }

  #give(): void {
    if (this.#kept > 0) {
      if (this.#wanted === undefined) return
      const request = 'byobRequest' in this.#controller ? this.#controller.byobRequest : null
      if (request?.view) {
        const { buffer, byteOffset, byteLength } = request.view
        const length = Math.min(byteLength, this.#kept)
        this.#take(new Uint8Array(buffer, byteOffset, length))
        request.respond(length)
      } else {
        const bytes = new Uint8Array(this.#kept)
        this.#take(bytes)
        this.#controller.enqueue(bytes)
      }
      this.#settle()
      if (!this.#ended || this.#kept > 0) return this.#options.read(this.#taken)
    }
    if (this.#ended) this.#close()
  }

  /** By much at a time, but not at once: a stream of one byte must not make us clear a window. */
  #grow(needed: number): void {
    const larger = new Uint8Array(Math.min(STREAM_WINDOW, needed * AHEAD))
    this.#copy(larger.subarray(0, this.#kept))
    this.#ring = larger
    this.#first = 0
  }

  #copy(target: Uint8Array): void {
    const ring = this.#ring
    const fitting = Math.min(target.byteLength, ring.byteLength - this.#first)
    target.set(ring.subarray(this.#first, this.#first + fitting))
    target.set(ring.subarray(0, target.byteLength - fitting), fitting)
  }

  /** Moves as many bytes as the target has room for out of the ring. */
  #take(target: Uint8Array): void {
    this.#copy(target)
    this.#first = (this.#first + target.byteLength) % this.#ring.byteLength
    this.#kept -= target.byteLength
    let left = target.byteLength
    // A chunk is paid back when the last of it is read.
    for (let [chunk] = this.#chunks; chunk !== undefined; [chunk] = this.#chunks) {
      if (chunk > left) {
        this.#chunks[0] = chunk - left
        this.#taken += left
        return
      }
      this.#chunks.shift()
      left -= chunk
      this.#taken += chunkCost(chunk)
    }
  }

  #close(): void {
    this.#settle()
    this.#controller.close()
    // Whoever waits with a buffer gets it back empty.
    if ('byobRequest' in this.#controller) this.#controller.byobRequest?.respond(0)
    this.#options.done()
  }

  #settle(): void {
    const settle = this.#wanted
    this.#wanted = undefined
    settle?.()
  }
}
