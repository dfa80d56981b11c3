/**
 * The sending queue of a connection: control frames first, then small messages and parts of large ones in turns, within the
 * remote peer's window. Packets out, credit in; knows no channel and no clock.
 */
import { utf8 } from '../../core/bytes.js'
import type { SwarmlinkError } from '../../core/errors.js'
import { ControlQueue } from './control-queue.js'
import type { MessageLimits } from './message-size.js'
import type { Json } from './messenger.js'
import { LargeMessage, StreamTransfer, type Transfer } from './transfer.js'
import { PacketWriter } from './packet-writer.js'
import { SmallQueue } from './small-queue.js'
import { MAX_PACKET, MAX_SMALL, type Head } from './frame-codec.js'

/** Window in bytes for messages that the peer has not read. 4 MiB with those of the streams; without windows 340 MB arrived (SCTP). */
export const MESSAGE_WINDOW = 2 * 1024 * 1024
/** The part of the window for plain messages: a peer that does not read them can still answer requests. */
export const PLAIN_WINDOW = MESSAGE_WINDOW - 256 * 1024
/**
 * The part of the window for large messages; the other half is for small ones. A small message waits behind at most this much: 15 ms at
 * 70 MB/s. It allows 10 MB/s at a round-trip time of 100 ms, which SCTP does not exceed anyway.
 */
const PART_WINDOW = MESSAGE_WINDOW / 2
export const MAX_STREAMS = 4
/** Large messages that are sent at a time; others wait. */
export const MAX_TRANSFERS = 8
/** Limit in bytes for queued replies to a peer that sends requests and does not read: one message of the default largest size. */
const FLOOD = 16 * 1024 * 1024
/** Packets of small messages that may overtake parts; then parts may use that half of the window too, or a flood would starve them. */
const PATIENCE = 8
/** One buffer for all connections: engines copy a packet before `send` returns. */
const scratch = new PacketWriter(MAX_PACKET)

/** The fields of a large message that are kept after it has left. */
export type SentMessage = Pick<LargeMessage, 'head' | 'total'>

export class Outbox {
  readonly control = new ControlQueue()
  readonly #small = new SmallQueue()
  readonly #waiting: { messages: LargeMessage[]; streams: StreamTransfer[] } = { messages: [], streams: [] }
  /** Transfers whose parts are being sent, in round-robin order. */
  readonly #active: Array<LargeMessage | StreamTransfer> = []
  /** Streams that were begun and that the remote peer has not read to their end. */
  readonly #streams = new Map<number, StreamTransfer>()
  /** Messages that have left in full: the remote peer may refuse them until its credit has reached `until`. */
  readonly #left = new Map<number, SentMessage & { until: number }>()
  /** Transfers with progress that was not reported yet. */
  readonly #moved = new Set<Transfer>()
  /** Messages whose buffer was transferred or shortened before all bytes had left. */
  readonly #spoiled: LargeMessage[] = []
  #nextId = 1
  /** Bytes of large messages that were not begun. */
  #waitingBytes = 0
  /** Credit: bytes of messages that left, and bytes that the remote peer has read. */
  #paid = 0
  #taken = 0
  #smallIsNext = true
  /** Packets of small messages since the last part. */
  #passed = 0
  /** The remote peer's largest message; before its `hello`, large messages are sent one at a time. */
  #largest = 0

  get bufferedAmount(): number {
    return this.#active.reduce((sum, { waiting }) => sum + waiting, this.#small.bytes + this.#waitingBytes)
  }

  /** More small messages are queued than a peer that reads would cause. */
  get crowded(): boolean {
    return this.#small.bytes > MESSAGE_WINDOW
  }

  /** More bytes are queued than a peer that reads would cause. */
  get flooded(): boolean {
    return this.bufferedAmount > FLOOD
  }

  /** Whether bytes or a `bye` have not left. */
  get busy(): boolean {
    return this.bufferedAmount > 0 || this.control.byeWaits
  }

  get unread(): number {
    return this.#streams.size + this.#waiting.streams.length
  }

  /** Queues a message; returns the transfer of a large one. */
  push(head: Head, payload: string | Uint8Array, message: unknown): LargeMessage | undefined {
    if (this.#small.append(head, payload)) return undefined
    const bytes = typeof payload === 'string' ? utf8.encode(payload) : payload
    if (bytes.byteLength > MAX_SMALL) {
      const large = new LargeMessage(this.#nextId++, head, bytes, message)
      this.#waiting.messages.push(large)
      this.#waitingBytes += large.total
      return large
    }
    this.#small.add(head, bytes)
    return undefined
  }

  stream(size: number | undefined, meta: Json | undefined): StreamTransfer {
    const metadata = meta === undefined ? new Uint8Array(0) : utf8.encode(JSON.stringify(meta))
    const stream = new StreamTransfer(this.#nextId++, size, metadata, meta)
    this.#waiting.streams.push(stream)
    return stream
  }

  /** Removes the transfer, and sends `abort` if it was begun. */
  abort(transfer: Transfer): void {
    if (this.#remove(transfer) && transfer.begun) this.control.word('abort', transfer.id)
  }

  /** The remote peer refused the transfer, or has all of it. Returns the transfer. */
  stopped(id: number): StreamTransfer | SentMessage | undefined {
    const left = this.#left.get(id)
    if (this.#left.delete(id)) return left
    const transfer = this.#streams.get(id) ?? this.#active.find(active => active.id === id)
    if (transfer !== undefined) this.#remove(transfer)
    return transfer
  }

  /** Whether a transfer ever had this id. */
  knew(id: number): boolean {
    return id > 0 && id < this.#nextId
  }

  /** Takes credit of the remote peer. False if the number is invalid. */
  credited(id: number, taken: number): boolean {
    if (id !== 0) return this.#streams.get(id)?.take(taken) ?? this.knew(id) // the stream may have ended meanwhile
    if (taken < this.#taken || taken > this.#paid) return false
    this.#taken = taken
    for (const [left, { until }] of this.#left) {
      if (until > taken) break
      this.#left.delete(left)
    }
    return true
  }

  /** Sets the peer's limits; removes and returns queued messages above them. The peer refuses one with bytes and too much JSON itself. */
  limit({ maxMessageSize, maxJsonSize }: MessageLimits): LargeMessage[] {
    this.#largest = maxMessageSize
    const most = ({ form }: Head) => (form === 'json' ? Math.min(maxMessageSize, maxJsonSize) : maxMessageSize)
    const tooLarge = this.#waiting.messages.filter(({ total, head }) => total > most(head))
    for (const transfer of tooLarge) this.#remove(transfer)
    return tooLarge
  }

  /** The next packet; undefined if nothing can be sent now. Valid until the next call. */
  next(): Uint8Array | undefined {
    this.#admit()
    scratch.clear()
    this.control.write(scratch)
    const spent = this.#paid - this.#taken
    const small = scratch.length === 0 ? this.#small.first(PLAIN_WINDOW - spent, MESSAGE_WINDOW - spent) : undefined
    if (small !== undefined && (this.#smallIsNext || this.#active.length === 0)) return this.#takeSmall(small)
    this.#smallIsNext = true
    this.#writeParts()
    if (this.bufferedAmount === 0) this.control.writeBye(scratch)
    if (scratch.length > 0) return scratch.packet
    return small === undefined ? undefined : this.#takeSmall(small) // no part could be sent
  }

  /** Transfers with progress since the last call. Call it after the packets have left: listeners may send, and all share one buffer. */
  moved(): Transfer[] {
    const moved = [...this.#moved]
    this.#moved.clear()
    return moved
  }

  /** Messages that were found spoiled since the last call. Call it after the packets have left, like {@link moved}. */
  spoiled(): LargeMessage[] {
    return this.#spoiled.splice(0)
  }

  /** Ends the streams whose source has not ended; messages and other streams are still sent. */
  closeStreams(error: SwarmlinkError): void {
    for (const stream of [...this.#streams.values(), ...this.#waiting.streams]) {
      if (stream.filled) continue
      stream.fail(error)
      this.abort(stream)
    }
  }

  close(error: SwarmlinkError): void {
    for (const stream of [...this.#streams.values(), ...this.#waiting.streams]) stream.fail(error)
    this.#streams.clear()
    const { messages, streams } = this.#waiting
    for (const list of [this.#active, messages, streams, this.#spoiled]) list.length = 0
    this.control.clear()
    this.#left.clear()
    this.#moved.clear()
    this.#small.clear()
    this.#waitingBytes = 0
  }

  #admit(): void {
    const { messages, streams } = this.#waiting
    for (let [next] = streams; next !== undefined && this.#streams.size < MAX_STREAMS; [next] = streams) {
      streams.shift()
      this.#streams.set(next.id, next)
      this.#active.push(next)
    }
    for (let [next] = messages; next !== undefined && this.#hasRoomFor(next); [next] = messages) {
      messages.shift()
      this.#waitingBytes -= next.total
      this.#active.push(next)
    }
  }

  /** The remote peer keeps unfinished messages of at most its largest message size in total. */
  #hasRoomFor(message: LargeMessage): boolean {
    const active = this.#active.filter(transfer => transfer instanceof LargeMessage)
    const bytes = active.reduce((sum, { total }) => sum + total, message.total)
    return active.length === 0 || (active.length < MAX_TRANSFERS && bytes <= this.#largest)
  }

  #takeSmall(small: PacketWriter): Uint8Array {
    this.#smallIsNext = false
    this.#passed++
    this.#small.take(small)
    this.#paid += small.cost
    return small.packet
  }

  /** Writes parts of all transfers in turn, while one of them fits. */
  #writeParts(): void {
    const plainWindow = this.#passed < PATIENCE ? PART_WINDOW : PLAIN_WINDOW
    for (let stuck = 0; stuck < this.#active.length;) {
      const transfer = this.#active.shift()
      if (transfer === undefined) break
      if (transfer instanceof LargeMessage && transfer.spoiled) {
        if (transfer.begun) this.control.word('abort', transfer.id)
        this.#spoiled.push(transfer)
        continue
      }
      const isExchange = transfer instanceof LargeMessage && transfer.head.purpose !== 'plain'
      const window = isExchange ? MESSAGE_WINDOW : plainWindow
      const cost = transfer.writeNext(scratch, window - (this.#paid - this.#taken))
      if (cost === undefined) stuck++
      else {
        stuck = 0
        this.#paid += cost
        if (cost > 0) this.#passed = 0
      }
      if (!transfer.complete) this.#active.push(transfer)
      else if (transfer instanceof LargeMessage)
        this.#left.set(transfer.id, { head: transfer.head, total: transfer.total, until: this.#paid })
      if (cost !== undefined && transfer.throttle.reached(transfer.sent, transfer.complete)) this.#moved.add(transfer)
    }
  }

  /** False if the transfer had left in full already, or was removed before. */
  #remove(transfer: Transfer): boolean {
    const wasActive = take(this.#active, transfer)
    if (transfer instanceof StreamTransfer)
      return take(this.#waiting.streams, transfer) || this.#streams.delete(transfer.id) || wasActive
    if (!(transfer instanceof LargeMessage) || !take(this.#waiting.messages, transfer)) return wasActive
    this.#waitingBytes -= transfer.total
    return true
  }
}

/** Removes an item; false if it was not in the list. */
function take<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
  return at >= 0
}
