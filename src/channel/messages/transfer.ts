/** Outgoing transfers that are sent in parts: large messages and streams. Each writes its next frame on request; knows no channel. */
import type { SwarmlinkError } from '../../core/errors.js'
import type { PacketWriter } from './packet-writer.js'
import { FRAME_COST, MAX_PART, PART_HEAD, type Head } from './frame-codec.js'

/** Window of one stream in bytes: sent and not read by the peer. */
export const STREAM_WINDOW = 512 * 1024
/** High-water mark in bytes for queued bytes of a stream; above it the source is not read. */
const STREAM_AHEAD = 256 * 1024
/** Limit for buffers that a stream reuses, and for their size in bytes: the chunk sizes of files and sockets. */
const MAX_SPARES = 4
const MAX_SPARE = 64 * 1024
/** Smallest part in bytes, except the last: a frame for fewer bytes is inefficient. */
const WORTHWHILE = 1024
/** Steps of `progress` events, and the fewest bytes between two. */
const STEPS = 100
const LEAST_STEP = 64 * 1024
const PART_COST = FRAME_COST + PART_HEAD

/** The cost of a chunk in its stream's window. */
export function chunkCost(length: number): number {
  return FRAME_COST + length
}

/** Limits `progress` events: one per percent, and at most one per 64 KiB. */
export class ProgressThrottle {
  readonly #total: number | undefined
  #reported = 0

  constructor(total: number | undefined) {
    this.#total = total
  }

  /** True at each step, and once at the end; pass `complete` if the total is unknown. */
  reached(bytes: number, complete: boolean = bytes === this.#total): boolean {
    const step = Math.max(LEAST_STEP, (this.#total ?? 0) / STEPS)
    if (bytes === this.#reported || (bytes - this.#reported < step && !complete)) return false
    this.#reported = bytes
    return true
  }
}

export abstract class Transfer<Total extends number | undefined = number | undefined> {
  readonly id: number
  readonly total: Total
  /** The value that the application passed. */
  readonly message: unknown
  readonly throttle: ProgressThrottle
  protected hasBegun = false
  protected bytesSent = 0

  constructor(id: number, total: Total, message: unknown) {
    this.id = id
    this.total = total
    this.message = message
    this.throttle = new ProgressThrottle(total)
  }

  /** Its first frame has left. */
  get begun(): boolean {
    return this.hasBegun
  }

  /** Bytes that left. */
  get sent(): number {
    return this.bytesSent
  }

  /** Bytes that wait to be sent. */
  abstract get waiting(): number
  /** All bytes have left. */
  abstract get complete(): boolean
  /** Writes the next frame. Returns its cost in message credit; undefined if nothing can be sent now. */
  abstract writeNext(writer: PacketWriter, credit: number): number | undefined
}

/** A message that is too large for one frame. Its bytes are not copied before they leave. */
export class LargeMessage extends Transfer<number> {
  readonly head: Head
  readonly #bytes: Uint8Array

  constructor(id: number, head: Head, bytes: Uint8Array, message: unknown) {
    super(id, bytes.byteLength, message)
    this.head = head
    this.#bytes = bytes
  }

  /** The application transferred or shortened the buffer: the remaining bytes are lost. */
  get spoiled(): boolean {
    return this.#bytes.byteLength < this.total
  }

  get waiting(): number {
    return this.total - this.bytesSent
  }

  get complete(): boolean {
    return this.waiting === 0
  }

  writeNext(writer: PacketWriter, credit: number): number | undefined {
    const [length, cost] = [writer.length, writer.cost]
    if (credit < WORTHWHILE) return undefined
    if (!this.hasBegun) {
      if (!writer.begin(this.id, this.head, this.total)) return undefined
      this.hasBegun = true
    }
    const room = Math.min(writer.partRoom, credit - (writer.cost - cost) - PART_COST, MAX_PART)
    if (room >= Math.min(WORTHWHILE, this.waiting)) {
      const part = this.#bytes.subarray(this.bytesSent, Math.min(this.bytesSent + room, this.total))
      writer.part(this.id, part)
      this.bytesSent += part.byteLength
    }
    return writer.length > length ? writer.cost - cost : undefined
  }
}

/** An outgoing stream, between its source and the window of the remote peer. */
export class StreamTransfer extends Transfer {
  readonly #meta: Uint8Array
  readonly #queue: Uint8Array[] = []
  #queued = 0
  /** Buffers to reuse: as garbage they would be collected late. */
  readonly #spare: ArrayBufferLike[] = []
  /** The stream's window: its total cost, and the part that the remote peer has read. */
  #paid = 0
  #taken = 0
  /** `last`: the source has ended. `ended`: the `end` frame has left, or the stream failed. */
  #state: 'open' | 'last' | 'ended' = 'open'
  #error: SwarmlinkError | undefined
  #roomy: () => void = () => {}
  #settle: () => void = () => {}
  /** Resolves when the remote peer has read all bytes, or when the stream has failed. */
  readonly over = new Promise<undefined>(resolve => {
    this.#settle = () => resolve(undefined)
  })

  constructor(id: number, total: number | undefined, meta: Uint8Array, message: unknown) {
    super(id, total, message)
    this.#meta = meta
  }

  get error(): SwarmlinkError | undefined {
    return this.#error
  }

  get waiting(): number {
    return this.#queued
  }

  get complete(): boolean {
    return this.#state === 'ended'
  }

  /** The source has ended. */
  get filled(): boolean {
    return this.#state !== 'open'
  }

  take(taken: number): boolean {
    if (taken < this.#taken || taken > this.#paid) return false
    this.#taken = taken
    return true
  }

  write(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    this.#queue.push(this.#copy(bytes)) // a copy, because sources may reuse their buffer
    this.#queued += bytes.byteLength
  }

  end(): void {
    this.#state = 'last'
  }

  /** Resolves when more may be written, or when the stream has ended. */
  async roomy(): Promise<void> {
    if (this.#isRoomy() || this.#state === 'ended') return
    await new Promise<void>(resolve => {
      this.#roomy = resolve
    })
  }

  /** The remote peer has read all bytes. */
  done(): void {
    this.#state = 'ended'
    this.#roomy()
    this.#settle()
  }

  fail(error: SwarmlinkError): void {
    this.#error ??= error
    this.#queue.length = 0
    this.#queued = 0
    this.#spare.length = 0
    this.done()
  }

  writeNext(writer: PacketWriter): number | undefined {
    const before = writer.length
    if (!this.hasBegun) {
      if (!writer.stream(this.id, this.total, this.#meta)) return undefined
      this.hasBegun = true
    }
    const [first] = this.#queue
    const room = Math.min(writer.partRoom, STREAM_WINDOW - (this.#paid - this.#taken) - FRAME_COST, MAX_PART)
    if (first !== undefined && room >= Math.min(WORTHWHILE, first.byteLength)) {
      const chunk = first.subarray(0, room)
      writer.chunk(this.id, chunk)
      if (chunk.byteLength < first.byteLength) this.#queue[0] = first.subarray(room)
      else this.#recycle()
      this.#queued -= chunk.byteLength
      this.bytesSent += chunk.byteLength
      this.#paid += chunkCost(chunk.byteLength)
      if (this.#isRoomy()) this.#roomy()
    } else if (first === undefined && this.#state === 'last' && writer.word('end', this.id)) this.#state = 'ended'
    return writer.length > before ? 0 : undefined // a stream has its own window, and costs no message credit
  }

  /** The first piece has left: keeps its buffer for reuse. */
  #recycle(): void {
    const buffer = this.#queue.shift()?.buffer
    if (buffer !== undefined && buffer.byteLength <= MAX_SPARE && this.#spare.length < MAX_SPARES) this.#spare.push(buffer)
  }

  #copy(bytes: Uint8Array): Uint8Array {
    const spare = this.#spare.pop()
    if (spare === undefined || spare.byteLength < bytes.byteLength) return new Uint8Array(bytes)
    const copy = new Uint8Array(spare, 0, bytes.byteLength)
    copy.set(bytes)
    return copy
  }

  /** Counts an overhead per piece, because many small pieces take more memory than their bytes. */
  #isRoomy(): boolean {
    return this.#queued + this.#queue.length * FRAME_COST < STREAM_AHEAD
  }
}
