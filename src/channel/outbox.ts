/**
 * What waits to be sent, and in which order it leaves: words about the connection first, then small messages and the parts
 * of large ones in turns, and never more than the remote has room for. Packets out, credit in; knows no channel and no clock.
 */
import { utf8 } from '../core/bytes.js'
import type { SwarmlinkError } from '../core/errors.js'
import type { MessageLimits } from './message-size.js'
import type { Json } from './messenger.js'
import { LargeMessage, StreamTransfer, type Transfer } from './transfer.js'
import { PacketWriter } from './packet-writer.js'
import { MAX_FRAME, MAX_PACKET, MAX_SMALL, type Head, type Verdict, type Word } from './wire.js'

/** Bytes of messages that may be on their way and unread. With those of the streams 4 MiB: SCTP alone lets 340 MB arrive. */
export const MESSAGE_WINDOW = 2 * 1024 * 1024
/** What of it plain messages may take: a remote that does not read them answers requests all the same. */
export const PLAIN_WINDOW = MESSAGE_WINDOW - 256 * 1024
/**
 * Large messages leave the other half of the window to small ones, and what is on its way of them is what a small one waits
 * behind: 15 ms at 70 MB/s. More throughput than 10 MB/s over 100 ms is not to be had from SCTP anyway.
 */
const PART_WINDOW = MESSAGE_WINDOW / 2
export const MAX_STREAMS = 4
/** Large messages on their way at a time; more wait. */
export const MAX_TRANSFERS = 8
/** Replies that may wait for a remote that asks and does not read, beside those that are being made: one of the usual largest size. */
const FLOOD = 16 * 1024 * 1024
/** Packets of small messages that may pass parts; then the parts may use that half as well, or a flood would starve them. */
const PATIENCE = 8
/** Words that wait to be sent. A remote that provokes more of them and does not read need not be told everything. */
const MAX_WORDS = 256

/** Everybody's parts are written into one buffer: engines copy what they are given before `send` returns. */
const scratch = new PacketWriter(MAX_PACKET)

/** Small messages of one kind. */
interface Small {
  readonly writer: PacketWriter
  readonly plain: boolean
}

/** What is known of a large message once it left. */
export type Sent = Pick<LargeMessage, 'head' | 'total'>

export class Outbox {
  /** In the order in which they were made. Those of plain messages and those of exchanges may have to wait for different things. */
  readonly #small: Small[] = []
  readonly #waiting: { messages: LargeMessage[]; streams: StreamTransfer[] } = { messages: [], streams: [] }
  /** Those whose parts are leaving; whose turn is next comes first. */
  readonly #active: Array<LargeMessage | StreamTransfer> = []
  /** Begun, and the remote has not read them to their end. */
  readonly #streams = new Map<number, StreamTransfer>()
  /** Left in full; until the remote has taken so much, it may still refuse them. */
  readonly #left = new Map<number, Sent & { until: number }>()
  readonly #words: Word[] = []
  readonly #stops: Array<[id: number, verdict: Verdict]> = []
  readonly #credits = new Map<number, number>()
  /** Came further, which nobody knows yet. */
  readonly #moved = new Set<Transfer>()
  /** Messages whose buffer was transferred or shortened before their bytes had left. */
  readonly #spoiled: LargeMessage[] = []
  #hello: MessageLimits | undefined
  /** The last `bye` that was asked for, and whether it has left. */
  #bye: { value: number; left: boolean } | undefined
  #pong: number | undefined
  #nextId = 1
  #smallBytes = 0
  /** Bytes of large messages whose turn has not come. */
  #waitingBytes = 0
  /** A buffer whose packet has left. */
  #spare: PacketWriter | undefined
  /** Bytes of messages that left, and that the remote took. */
  #paid = 0
  #taken = 0
  #smallIsNext = true
  /** Packets of small messages that left since the last part did. */
  #passed = 0
  /** What the remote takes as one message; as long as it has not said so, large ones leave one after the other. */
  #largest = 0

  get bufferedAmount(): number {
    return this.#active.reduce((sum, { waiting }) => sum + waiting, this.#smallBytes + this.#waitingBytes)
  }

  /** More small messages wait than a remote that reads would leave waiting. */
  get crowded(): boolean {
    return this.#smallBytes > MESSAGE_WINDOW
  }

  /** More waits than whoever reads would let come to that. */
  get flooded(): boolean {
    return this.bufferedAmount > FLOOD
  }

  hello(limits: MessageLimits): void {
    this.#hello = limits
  }

  /** Only the latest is answered: who asks more often than it reads has no claim to more. */
  pong(token: number): void {
    this.#pong = token
  }

  word(type: Word['type'], value: number): void {
    // What was begun and is not aborted stands in the way of others; there is no more of it than may be begun.
    if (type === 'abort' || this.#words.length < MAX_WORDS) this.#words.push({ type, value })
  }

  /** Leaves behind everything that waits here. 1: everything that the remote sent before its own has arrived. */
  bye(value: 0 | 1): void {
    if (this.#bye === undefined || this.#bye.value < value) this.#bye = { value, left: false }
  }

  /** Bytes or a `bye` have not left. */
  get busy(): boolean {
    return this.bufferedAmount > 0 || this.#bye?.left === false
  }

  /** Streams that the remote has not read to their end. */
  get unread(): number {
    return this.#streams.size + this.#waiting.streams.length
  }

  stop(id: number, verdict: Verdict): void {
    if (this.#stops.length < MAX_WORDS) this.#stops.push([id, verdict])
  }

  /** Tells how much of a stream, or with id 0 of all messages, was taken here. */
  credit(id: number, taken: number): void {
    this.#credits.set(id, taken)
  }

  /** Gives the transfer when the message is a large one. */
  push(head: Head, payload: string | Uint8Array, message: unknown): LargeMessage | undefined {
    const plain = head.purpose === 'plain'
    const last = this.#small.at(-1)
    const open = last?.plain === plain ? last.writer : undefined
    const before = open?.length ?? 0
    if (open?.message(head, payload) === true) {
      this.#smallBytes += open.length - before
      return undefined
    }
    const bytes = typeof payload === 'string' ? utf8.encode(payload) : payload
    if (bytes.byteLength > MAX_SMALL) {
      const large = new LargeMessage(this.#nextId++, head, bytes, message)
      this.#waiting.messages.push(large)
      this.#waitingBytes += large.total
      return large
    }
    const writer = this.#spare ?? new PacketWriter(MAX_FRAME)
    this.#spare = undefined
    writer.clear()
    writer.message(head, bytes)
    this.#small.push({ writer, plain })
    this.#smallBytes += writer.length
    return undefined
  }

  stream(size: number | undefined, meta: Json | undefined): StreamTransfer {
    const said = meta === undefined ? new Uint8Array(0) : utf8.encode(JSON.stringify(meta))
    const stream = new StreamTransfer(this.#nextId++, size, said, meta)
    this.#waiting.streams.push(stream)
    return stream
  }

  /** The transfer goes; the remote is told if it has heard of it. */
  abort(transfer: Transfer): void {
    if (this.#remove(transfer) && transfer.begun) this.word('abort', transfer.id)
  }

  /** The remote wants no more of this one, or has it all: what it was. */
  stopped(id: number): StreamTransfer | Sent | undefined {
    const left = this.#left.get(id)
    if (this.#left.delete(id)) return left
    const transfer = this.#streams.get(id) ?? this.#active.find(active => active.id === id)
    if (transfer !== undefined) this.#remove(transfer)
    return transfer
  }

  /** Whether this id was ever that of a transfer. */
  knew(id: number): boolean {
    return id > 0 && id < this.#nextId
  }

  /** The remote took so much. False for a number that cannot be. */
  credited(id: number, taken: number): boolean {
    if (id !== 0) return this.#streams.get(id)?.take(taken) ?? this.knew(id) // it may have ended meanwhile
    if (taken < this.#taken || taken > this.#paid) return false
    this.#taken = taken
    for (const [left, { until }] of this.#left) {
      if (until > taken) break
      this.#left.delete(left)
    }
    return true
  }

  /**
   * What the remote takes as one message: those that are larger go, and come back. A message with bytes inside whose JSON is too large leaves
   * all the same, and the remote refuses it.
   */
  limit({ maxMessageSize, maxJsonSize }: MessageLimits): LargeMessage[] {
    this.#largest = maxMessageSize
    const tooLarge = this.#waiting.messages.filter(
      ({ total, head }) => total > maxMessageSize || (head.form === 'json' && total > maxJsonSize),
    )
    for (const transfer of tooLarge) this.#remove(transfer)
    return tooLarge
  }

  /** The next packet; undefined when nothing can leave now. Worthless as soon as the next is asked for. */
  next(): Uint8Array | undefined {
    this.#admit()
    scratch.clear()
    this.#writeWords()
    const small = scratch.length === 0 ? this.#firstSmall() : undefined
    if (small !== undefined && (this.#smallIsNext || this.#active.length === 0)) return this.#takeSmall(small)
    this.#smallIsNext = true
    this.#writeParts()
    this.#writeBye()
    if (scratch.length > 0) return scratch.packet
    return small === undefined ? undefined : this.#takeSmall(small) // the others were stuck
  }

  /**
   * What came further since this was asked last. Asked for when the packets have left: whoever is told may send or close, and
   * all packets are written into one buffer.
   */
  moved(): Transfer[] {
    const moved = [...this.#moved]
    this.#moved.clear()
    return moved
  }

  /** Messages that turned out spoiled since the last call. Called when the packets have left, like {@link moved}. */
  spoiled(): LargeMessage[] {
    return this.#spoiled.splice(0)
  }

  /** Streams whose source is not done end as they are; messages and other streams still leave. */
  closeStreams(error: SwarmlinkError): void {
    for (const stream of [...this.#streams.values(), ...this.#waiting.streams]) {
      if (stream.filled) continue
      stream.fail(error)
      this.abort(stream)
    }
  }

  /** Nothing leaves any more. */
  close(error: SwarmlinkError): void {
    for (const stream of [...this.#streams.values(), ...this.#waiting.streams]) stream.fail(error)
    this.#streams.clear()
    const { messages, streams } = this.#waiting
    for (const list of [this.#small, this.#active, messages, streams, this.#words, this.#stops, this.#spoiled]) list.length = 0
    this.#credits.clear()
    this.#left.clear()
    this.#moved.clear()
    this.#smallBytes = this.#waitingBytes = 0
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

  /** The remote keeps no more unfinished messages than one of the largest size. */
  #hasRoomFor(message: LargeMessage): boolean {
    const active = this.#active.filter(transfer => transfer instanceof LargeMessage)
    const bytes = active.reduce((sum, { total }) => sum + total, message.total)
    return active.length === 0 || (active.length < MAX_TRANSFERS && bytes <= this.#largest)
  }

  #writeWords(): void {
    if (this.#hello !== undefined && scratch.hello(this.#hello)) this.#hello = undefined
    if (this.#pong !== undefined && scratch.word('pong', this.#pong)) this.#pong = undefined
    // Before the credit, after which nothing is refused any more.
    while (this.#stops[0] !== undefined && scratch.stop(...this.#stops[0])) this.#stops.shift()
    for (const [id, taken] of this.#credits) if (scratch.credit(id, taken)) this.#credits.delete(id)
    while (this.#words[0] !== undefined && scratch.word(this.#words[0].type, this.#words[0].value)) this.#words.shift()
  }

  #writeBye(): void {
    if (this.#bye?.left === false && this.bufferedAmount === 0) this.#bye.left = scratch.word('bye', this.#bye.value)
  }

  /** The oldest that may leave: plain messages must not take what is kept for exchanges, which then pass them. */
  #firstSmall(): Small | undefined {
    const spent = this.#paid - this.#taken
    const mayLeave = ({ writer, plain }: Small) => spent + writer.cost <= (plain ? PLAIN_WINDOW : MESSAGE_WINDOW)
    const [first] = this.#small
    return first === undefined || mayLeave(first) ? first : this.#small.find(small => !small.plain && mayLeave(small))
  }

  #takeSmall(small: Small): Uint8Array {
    const { writer } = small
    this.#smallIsNext = false
    this.#passed++
    take(this.#small, small)
    this.#smallBytes -= writer.length
    this.#paid += writer.cost
    this.#spare = writer
    return writer.packet
  }

  /** Everybody in turn, as long as there is room for anybody. */
  #writeParts(): void {
    const plainWindow = this.#passed < PATIENCE ? PART_WINDOW : PLAIN_WINDOW
    for (let stuck = 0; stuck < this.#active.length;) {
      const transfer = this.#active.shift()
      if (transfer === undefined) break
      if (transfer instanceof LargeMessage && transfer.spoiled) {
        if (transfer.begun) this.word('abort', transfer.id)
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
      if (cost !== undefined && transfer.milestones.reached(transfer.sent, transfer.complete)) this.#moved.add(transfer)
    }
  }

  /** False when everything of it had left already, or it was removed before. */
  #remove(transfer: Transfer): boolean {
    const wasActive = take(this.#active, transfer)
    if (transfer instanceof StreamTransfer)
      return take(this.#waiting.streams, transfer) || this.#streams.delete(transfer.id) || wasActive
    if (!(transfer instanceof LargeMessage) || !take(this.#waiting.messages, transfer)) return wasActive
    this.#waitingBytes -= transfer.total
    return true
  }
}

/** False when it was not there. */
function take<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
  return at >= 0
}
