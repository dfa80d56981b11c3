/** Wraps a data channel as the duplex stream that WebTorrent expects of a connection. Reads only the BitTorrent handshake. */
import { concatBytes, toHex } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { TokenBucket, type RateLimit } from '../core/token-bucket.js'
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'
import { chunkCost, ChunkQueue, JOINED_BELOW } from './chunk-queue.js'
import { Duplex } from './duplex.js'

/** A block of 16 KiB, and the head of the BitTorrent message that carries it. */
const BLOCK_SIZE = 16 * 1024 + 13
/**
 * Size in bytes that small writes are joined to and larger ones are split to: fewer messages cost less CPU. WebTorrent writes whole blocks, so
 * messages of 64 KiB would leave a rest of 52 bytes behind each.
 */
const WIRE_MESSAGE_SIZE = 4 * BLOCK_SIZE
/** A remote may say that it takes one byte, and each byte would then cost one call of the engine. The engine refuses what is really too large. */
const LEAST_MESSAGE_SIZE = 1_024
/**
 * Limit in bytes for data that WebTorrent has not read, overhead included. The receiver of a data channel has no backpressure; WebTorrent
 * requests at most 1 s of blocks in advance.
 */
const MAX_UNREAD = 64 * 1024 * 1024
/**
 * Rate limit for incoming messages below `JOINED_BELOW`; a wire that exceeds it is closed. Stock WebTorrent 3.0 sends a request and at most a
 * `have` for each 16 KiB that it downloads, and a 13-byte head before each 16 KiB that it uploads: 8 500 a second at 70 MB/s, the most
 * that node-datachannel carries. The burst is what arrives at once after an event loop was blocked for 10 s.
 */
const SMALL_MESSAGES: RateLimit = { burst: 100_000, rate: 20_000 }
/**
 * Rate limit for chunks of small messages to WebTorrent. Within it they pass at once; beyond it, small messages are joined for 5 ms: each
 * chunk passes through six streams of WebTorrent, whose limits count its bytes and not its overhead.
 */
const SMALL_CHUNKS: RateLimit = { burst: 64, rate: 200 }
const JOIN_TIME = 1_000 / SMALL_CHUNKS.rate
/** A BitTorrent handshake: 48 bytes, then the peer id. */
const HANDSHAKE_BYTES = 68
const HANDSHAKE_ID = 48

type Callback = (error: Error | null) => void

export interface TorrentStreamOptions {
  env: Env
  /** Unique within the torrent. */
  id: string
  remoteAddress?: string | undefined
  remotePort?: number | undefined
  /** The largest message that the remote takes. @default no limit */
  maxMessageSize?: number
}

export class TorrentStream extends Duplex {
  readonly id: string
  /** True, because WebTorrent waits for a `connect` event otherwise; streams are created when the channel is open. */
  readonly connected = true
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #messageSize: number
  readonly #unread = new ChunkQueue()
  readonly #smallMessages = new TokenBucket(SMALL_MESSAGES)
  readonly #smallChunks = new TokenBucket(SMALL_CHUNKS)
  /** Runs while small messages are joined instead of being passed to WebTorrent. */
  #joining: Timer | undefined
  #head: Uint8Array | undefined = new Uint8Array(0)
  #bitTorrentId: string | undefined
  #closedByRemote = false
  #read: Callback | undefined
  #write: Callback | undefined

  constructor(
    channel: EngineChannel,
    { env, id, remoteAddress, remotePort, maxMessageSize = WIRE_MESSAGE_SIZE }: TorrentStreamOptions,
  ) {
    super({
      byteLengthReadable: chunk => chunkCost(chunk as Uint8Array), // all chunks are bytes
      byteLengthWritable: chunk => (chunk as Uint8Array).byteLength,
      highWaterMark: WIRE_MESSAGE_SIZE,
    })
    this.#env = env
    this.id = id
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.#channel = channel
    this.#messageSize = Math.max(LEAST_MESSAGE_SIZE, Math.min(maxMessageSize, WIRE_MESSAGE_SIZE))
    channel.on('message', message => this.#receive(message))
    channel.on('drain', () => this.#release())
    const closed = () => {
      this.#closedByRemote = !this.destroying
      this.#give() // data that arrived before the close
      this.destroy()
    }
    if (channel.state === 'closed') closed()
    else channel.on('close', closed)
  }

  /** The remote peer's BitTorrent id in hex, after its handshake. */
  get bitTorrentId(): string | undefined {
    return this.#bitTorrentId
  }

  /** True if the channel closed first, false if WebTorrent ended the wire. */
  get closedByRemote(): boolean {
    return this.#closedByRemote
  }

  override _writev(batch: Uint8Array[], done: Callback): void {
    try {
      for (const message of messages(batch, this.#messageSize)) this.#channel.send(message)
    } catch (error) {
      return done(error instanceof Error ? error : new Error(String(error)))
    }
    if (this.#channel.bufferedAmount > HIGH_WATER) this.#write = done
    else done(null)
  }

  override _read(done: Callback): void {
    this.#read = done
    this.#giveInTime()
  }

  override _predestroy(): void {
    const error = new SwarmlinkError('ERR_CLOSED', 'the wire is closed')
    const [read, write] = [this.#read, this.#write]
    this.#read = this.#write = undefined
    read?.(error)
    write?.(error)
  }

  override _destroy(done: Callback): void {
    this.#joining?.cancel()
    this.#unread.clear()
    this.#channel.close()
    done(null)
  }

  #receive(message: string | Uint8Array): void {
    if (this.destroying) return
    if (message.length < JOINED_BELOW && !this.#smallMessages.take(1, this.#env.now())) {
      const limit = `${SMALL_MESSAGES.rate} messages below ${JOINED_BELOW} bytes per second`
      return this.#refuse('ERR_BAD_FRAME', `peer exceeded the rate limit of ${limit}`)
    }
    if (typeof message === 'string') return // the BitTorrent protocol has no text messages
    this.#readHandshake(message)
    this.#unread.push(message)
    if (this.#unread.cost > MAX_UNREAD) return this.#refuse('ERR_QUEUE_FULL', 'the peer sends faster than the torrent reads')
    this.#giveInTime()
  }

  #refuse(code: 'ERR_BAD_FRAME' | 'ERR_QUEUE_FULL', message: string): void {
    this.destroy(new SwarmlinkError(code, message))
  }

  /** Passes the next chunk to WebTorrent if it waits for one; beyond the rate limit small messages are joined first. */
  #giveInTime(): void {
    const { next } = this.#unread
    if (this.#read === undefined || next === 'none') return
    if (next === 'whole' || this.#smallChunks.take(1, this.#env.now())) return this.#give()
    this.#joining ??= this.#env.timer(JOIN_TIME, () => {
      this.#joining = undefined
      this.#giveInTime()
    })
  }

  #give(): void {
    const read = this.#read
    const chunk = read === undefined ? undefined : this.#unread.take()
    if (read === undefined || chunk === undefined) return
    this.#read = undefined
    this.push(chunk)
    read(null)
  }

  #release(): void {
    const write = this.#write
    this.#write = undefined
    write?.(null)
  }

  #readHandshake(message: Uint8Array): void {
    if (this.#head === undefined) return
    this.#head = concatBytes(this.#head, message.subarray(0, HANDSHAKE_BYTES))
    if (this.#head.byteLength < HANDSHAKE_BYTES) return
    this.#bitTorrentId = toHex(this.#head.subarray(HANDSHAKE_ID, HANDSHAKE_BYTES))
    this.#head = undefined
  }
}

/** Splits and joins the bytes into messages of this size. */
function* messages(batch: Uint8Array[], messageSize: number): Generator<Uint8Array> {
  let parts: Uint8Array[] = []
  let size = 0
  for (const chunk of batch) {
    for (let start = 0; start < chunk.byteLength;) {
      const part = chunk.subarray(start, start + messageSize - size)
      start += part.byteLength
      size += part.byteLength
      parts.push(part)
      if (size < messageSize) continue
      yield whole(parts)
      parts = []
      size = 0
    }
  }
  if (size > 0) yield whole(parts)
}

function whole(parts: Uint8Array[]): Uint8Array {
  const [first] = parts
  return parts.length === 1 && first !== undefined ? first : concatBytes(...parts)
}
