/** What leaves a part at a time: a large message, a stream. Each writes its next frame when it is asked to; knows no channel. */
import type { SwarmlinkError } from '../core/errors.js'
import { Milestones } from './milestones.js'
import type { PacketWriter } from './packet-writer.js'
import { FRAME_COST, MAX_PART, PART_HEAD, type Head } from './wire.js'

/** Bytes of one stream that may be on their way and unread. */
export const STREAM_WINDOW = 512 * 1024
/** Bytes of a stream that wait here, so that its source is not asked for more than will leave soon. */
const STREAM_AHEAD = 256 * 1024
/** Buffers of pieces that a stream keeps for the next ones: a few of the sizes that files and sockets are read in. */
const MAX_SPARES = 4
const MAX_SPARE = 64 * 1024
/** A smaller piece is not worth a frame, unless it is the last. */
const WORTHWHILE = 1024
const PART_COST = FRAME_COST + PART_HEAD

/** What a chunk takes of its stream's window. */
export function chunkCost(length: number): number {
  return FRAME_COST + length
}

export interface Transfer {
  readonly id: number
  /** Bytes that left. */
  readonly sent: number
  readonly total: number | undefined
  /** What the application knows it by. */
  readonly message: unknown
  readonly milestones: Milestones
  /** Bytes that wait here. */
  readonly waiting: number
  /** The remote has heard of it. */
  readonly begun: boolean
  /** Everything left. */
  readonly complete: boolean
  /** Writes what comes next. Gives what that takes of the credit for messages; undefined when nothing can leave now. */
  writeNext(writer: PacketWriter, credit: number): number | undefined
}

/** A message that is too large for one frame. Its bytes are not copied: they are read as they leave. */
export class LargeMessage implements Transfer {
  readonly id: number
  readonly head: Head
  readonly total: number
  readonly message: unknown
  readonly milestones: Milestones
  readonly #bytes: Uint8Array
  #begun = false
  #sent = 0

  constructor(id: number, head: Head, bytes: Uint8Array, message: unknown) {
    this.id = id
    this.head = head
    this.total = bytes.byteLength
    this.message = message
    this.milestones = new Milestones(bytes.byteLength)
    this.#bytes = bytes
  }

  /** The application transferred or shortened the buffer: the rest of the bytes is gone. */
  get spoiled(): boolean {
    return this.#bytes.byteLength < this.total
  }

  get begun(): boolean {
    return this.#begun
  }

  get sent(): number {
    return this.#sent
  }

  get waiting(): number {
    return this.total - this.#sent
  }

  get complete(): boolean {
    return this.waiting === 0
  }

  writeNext(writer: PacketWriter, credit: number): number | undefined {
    const [length, cost] = [writer.length, writer.cost]
    if (credit < WORTHWHILE) return undefined
    if (!this.#begun) {
      if (!writer.begin(this.id, this.head, this.total)) return undefined
      this.#begun = true
    }
    const room = Math.min(writer.partRoom, credit - (writer.cost - cost) - PART_COST, MAX_PART)
    if (room >= Math.min(WORTHWHILE, this.waiting)) {
      const part = this.#bytes.subarray(this.#sent, Math.min(this.#sent + room, this.total))
      writer.part(this.id, part)
      this.#sent += part.byteLength
    }
    return writer.length > length ? writer.cost - cost : undefined
  }
}

/** Bytes as their source gives them, and as the remote reads them. */
export class StreamTransfer implements Transfer {
  readonly id: number
  readonly total: number | undefined
  readonly message: unknown
  readonly milestones: Milestones
  readonly #meta: Uint8Array
  readonly #queue: Uint8Array[] = []
  #queued = 0
  /** Buffers of pieces that have left, for the next ones: as garbage they would be collected late. */
  readonly #spare: ArrayBufferLike[] = []
  #begun = false
  #sent = 0
  /** Of its window: what it cost so far, and what the remote has taken of that. */
  #paid = 0
  #taken = 0
  /** `last`: nothing more will be written. `ended`: the remote knows it. */
  #state: 'open' | 'last' | 'ended' = 'open'
  #error: SwarmlinkError | undefined
  #roomy: () => void = () => {}
  #settle: () => void = () => {}
  /** Resolves when the remote has read everything, or when that will never be. */
  readonly over = new Promise<undefined>(resolve => {
    this.#settle = () => resolve(undefined)
  })

  constructor(id: number, total: number | undefined, meta: Uint8Array, message: unknown) {
    this.id = id
    this.total = total
    this.message = message
    this.milestones = new Milestones(total)
    this.#meta = meta
  }

  /** Why nobody wants more of it. */
  get error(): SwarmlinkError | undefined {
    return this.#error
  }

  get begun(): boolean {
    return this.#begun
  }

  get sent(): number {
    return this.#sent
  }

  get waiting(): number {
    return this.#queued
  }

  get complete(): boolean {
    return this.#state === 'ended'
  }

  /** The source gave everything. */
  get filled(): boolean {
    return this.#state !== 'open'
  }

  /** The remote read so much of it. False for a number that cannot be. */
  take(taken: number): boolean {
    if (taken < this.#taken || taken > this.#paid) return false
    this.#taken = taken
    return true
  }

  write(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    this.#queue.push(this.#copy(bytes)) // sources like to fill the same buffer again
    this.#queued += bytes.byteLength
  }

  end(): void {
    this.#state = 'last'
  }

  /** Resolves when more may be written, or when it is over. */
  async roomy(): Promise<void> {
    if (this.#isRoomy() || this.#state === 'ended') return
    await new Promise<void>(resolve => {
      this.#roomy = resolve
    })
  }

  /** The remote has read everything. */
  done(): void {
    this.#state = 'ended'
    this.#roomy()
    this.#settle()
  }

  /** Nobody wants more of it. */
  fail(error: SwarmlinkError): void {
    this.#error ??= error
    this.#queue.length = 0
    this.#queued = 0
    this.#spare.length = 0
    this.done()
  }

  writeNext(writer: PacketWriter): number | undefined {
    const before = writer.length
    if (!this.#begun) {
      if (!writer.stream(this.id, this.total, this.#meta)) return undefined
      this.#begun = true
    }
    const [first] = this.#queue
    const room = Math.min(writer.partRoom, STREAM_WINDOW - (this.#paid - this.#taken) - FRAME_COST, MAX_PART)
    if (first !== undefined && room >= Math.min(WORTHWHILE, first.byteLength)) {
      const chunk = first.subarray(0, room)
      writer.chunk(this.id, chunk)
      if (chunk.byteLength < first.byteLength) this.#queue[0] = first.subarray(room)
      else this.#spend()
      this.#queued -= chunk.byteLength
      this.#sent += chunk.byteLength
      this.#paid += chunkCost(chunk.byteLength)
      if (this.#isRoomy()) this.#roomy()
    } else if (first === undefined && this.#state === 'last' && writer.word('end', this.id)) this.#state = 'ended'
    return writer.length > before ? 0 : undefined // a stream has a window of its own
  }

  /** The first piece has left. */
  #spend(): void {
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

  /** Many small pieces take more than their bytes. */
  #isRoomy(): boolean {
    return this.#queued + this.#queue.length * FRAME_COST < STREAM_AHEAD
  }
}
