/** An incoming stream: buffers unread bytes, and reports how much was read. Knows no channel. */
import type { SwarmlinkError } from '../../core/errors.js'
import type { IncomingStream, Json } from './messenger.js'
import { chunkCost, ProgressThrottle, STREAM_WINDOW } from './transfer.js'

/** Growth factor of the ring buffer. */
const AHEAD = 8

export interface StreamReaderOptions {
  size: number | undefined
  meta: Json | undefined
  /** Reports the part of the window that was read, in total. */
  read: (taken: number) => void
  done: () => void
  cancelled: () => void
}

export class StreamReader implements IncomingStream {
  readonly meta: Json | undefined
  readonly size: number | undefined
  readonly readable: ReadableStream<Uint8Array>
  readonly throttle: ProgressThrottle
  readonly #options: StreamReaderOptions
  /** A ring buffer of unread bytes, which grows up to a whole window. */
  #ring = new Uint8Array(0)
  #first = 0
  #kept = 0
  /** The lengths of the chunks in the ring. */
  readonly #chunks: number[] = []
  #received = 0
  #cost = 0
  #taken = 0
  #ended = false
  #controller!: ReadableByteStreamController | ReadableStreamDefaultController<Uint8Array> // the stream's constructor sets it
  /** Set while a reader waits for bytes. */
  #resolvePull: (() => void) | undefined

  constructor(options: StreamReaderOptions) {
    this.#options = options
    this.meta = options.meta
    this.size = options.size
    this.throttle = new ProgressThrottle(options.size)
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
    const lazy = { highWaterMark: 0 } // no bytes are read ahead
    // A byte stream can write into a buffer of the application (BYOB). Not every browser has it.
    this.readable =
      typeof ReadableByteStreamController === 'undefined'
        ? new ReadableStream<Uint8Array>(source, lazy)
        : new ReadableStream({ ...source, type: 'bytes' }, lazy)
  }

  get received(): number {
    return this.#received
  }

  /** The unread part of the window. */
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

  /** All bytes have arrived, read or not. */
  get ended(): boolean {
    return this.#ended
  }

  /** All bytes have arrived; false if bytes are missing. */
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
      this.#resolvePull = resolve
      this.#give()
    })
  }

  #give(): void {
    if (this.#kept > 0) {
      if (this.#resolvePull === undefined) return
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

  /** Grows in large steps; not to the whole window at once, because zeroing it for a stream of one byte is a waste. */
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

  /** Moves bytes from the ring to the target, until it is full. */
  #take(target: Uint8Array): void {
    this.#copy(target)
    this.#first = (this.#first + target.byteLength) % this.#ring.byteLength
    this.#kept -= target.byteLength
    let left = target.byteLength
    // The overhead of a chunk is credited when its last byte is read.
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
    // A reader that waits with a buffer gets it back empty.
    if ('byobRequest' in this.#controller) this.#controller.byobRequest?.respond(0)
    this.#options.done()
  }

  #settle(): void {
    const settle = this.#resolvePull
    this.#resolvePull = undefined
    settle?.()
  }
}
