/** A stream as it arrives: keeps what nobody has read yet, and says how much was read. Knows no channel. */
import { concatBytes } from '../core/bytes.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { IncomingStream, Json } from './messenger.js'
import { Milestones } from './milestones.js'
import { chunkCost } from './transfer.js'

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
  readonly #kept: Uint8Array[] = []
  #received = 0
  #cost = 0
  #taken = 0
  #ended = false
  #controller!: ReadableStreamDefaultController<Uint8Array> // the constructor of the stream hands it over at once
  /** Somebody waits for bytes. */
  #wanted: (() => void) | undefined

  constructor(options: StreamReaderOptions) {
    this.#options = options
    this.meta = options.meta
    this.size = options.size
    this.milestones = new Milestones(options.size)
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: controller => {
          this.#controller = controller
        },
        pull: () => this.#pull(),
        cancel: () => {
          this.#settle()
          options.cancelled()
        },
      },
      { highWaterMark: 0 }, // what is not asked for is not read
    )
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
    this.#cost += chunkCost(bytes)
    this.#kept.push(bytes.slice()) // the packet that it came in may be much larger
    this.#give()
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
    if (this.#wanted === undefined) {
      if (this.#ended && this.#kept.length === 0) this.#close()
      return
    }
    if (this.#kept.length > 0) {
      const bytes = concatBytes(...this.#kept.splice(0))
      this.#taken = this.#cost
      this.#controller.enqueue(bytes)
      this.#settle()
      if (this.#ended) this.#close()
      else this.#options.read(this.#taken)
    } else if (this.#ended) this.#close()
  }

  #close(): void {
    this.#settle()
    this.#controller.close()
    this.#options.done()
  }

  #settle(): void {
    const settle = this.#wanted
    this.#wanted = undefined
    settle?.()
  }
}
