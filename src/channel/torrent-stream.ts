/** A data channel as the duplex stream that WebTorrent takes for a connection. Knows nothing of what flows through it. */
import { Duplex } from 'streamx'
import { concatBytes, toHex } from '../core/bytes.js'
import type { Env, Timer } from '../core/env.js'
import { SwarmlinkError } from '../core/errors.js'
import { TokenBucket, type Allowance } from '../core/token-bucket.js'
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'
import { chunkCost, ChunkQueue, JOINED_BELOW } from './chunk-queue.js'

/** Small writes are put together up to this size, larger ones cut: every engine takes it, and fewer messages cost less. */
const MESSAGE_SIZE = 64 * 1024
/**
 * Memory for what WebTorrent has not read, overhead included. The receiver of a data channel cannot slow the sender down; WebTorrent asks
 * for at most a second's worth of blocks.
 */
const MAX_UNREAD = 64 * 1024 * 1024
/**
 * Messages below `JOINED_BELOW` that a remote may send; a wire with more is closed. Stock WebTorrent 3.0 sends a request and at most a `have`
 * for each 16 KiB that it downloads, and a 13-byte head before each 16 KiB that it uploads: 8 500 a second at 70 MB/s, the most that
 * node-datachannel carries. The burst is what arrives at once after an event loop was blocked for 10 s.
 */
const SMALL_MESSAGES: Allowance = { burst: 100_000, rate: 20_000 }
/**
 * Chunks of small messages that WebTorrent is given. The first ones pass at once, as a few requests do. Beyond that, small messages are
 * joined for 5 ms: each chunk passes six streams of WebTorrent, whose limits count its bytes and not its overhead.
 */
const SMALL_CHUNKS: Allowance = { burst: 64, rate: 200 }
const JOIN_TIME = 1_000 / SMALL_CHUNKS.rate
/** A BitTorrent handshake: 48 bytes, then the peer id. */
const HANDSHAKE_BYTES = 68
const HANDSHAKE_ID = 48

type Callback = (error: Error | null) => void

export interface WireStreamOptions {
  env: Env
  /** Unique for the torrent. */
  id: string
  remoteAddress?: string | undefined
  remotePort?: number | undefined
}

export class WireStream extends Duplex {
  readonly id: string
  /** WebTorrent waits for a `connect` event otherwise; we hand streams over when they are open. */
  readonly connected = true
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly #env: Env
  readonly #channel: EngineChannel
  readonly #unread = new ChunkQueue()
  readonly #smallMessages: TokenBucket
  readonly #smallChunks: TokenBucket
  /** Runs while small messages are joined though WebTorrent would read them. */
  #joining: Timer | undefined
  #head: Uint8Array | undefined = new Uint8Array(0)
  #bitTorrentId: string | undefined
  #closedByRemote = false
  #read: Callback | undefined
  #write: Callback | undefined

  constructor(channel: EngineChannel, { env, id, remoteAddress, remotePort }: WireStreamOptions) {
    super({
      byteLengthReadable: chunk => chunkCost(chunk as Uint8Array), // bytes in, bytes out
      byteLengthWritable: chunk => (chunk as Uint8Array).byteLength,
      highWaterMark: MESSAGE_SIZE,
    })
    this.#env = env
    this.#smallMessages = new TokenBucket(SMALL_MESSAGES, env.now())
    this.#smallChunks = new TokenBucket(SMALL_CHUNKS, env.now())
    this.id = id
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.#channel = channel
    channel.on('message', message => this.#receive(message))
    channel.on('drain', () => this.#release())
    const closed = () => {
      this.#closedByRemote = !this.destroying
      this.#give() // what arrived before the end
      this.destroy()
    }
    if (channel.state === 'closed') closed()
    else channel.on('close', closed)
  }

  /** The remote's BitTorrent id in hex, once its handshake passed through here. */
  get bitTorrentId(): string | undefined {
    return this.#bitTorrentId
  }

  /** The channel closed first; otherwise WebTorrent ended the wire. */
  get closedByRemote(): boolean {
    return this.#closedByRemote
  }

  override _writev(batch: Uint8Array[], done: Callback): void {
    try {
      for (const message of messages(batch)) this.#channel.send(message)
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
    if (message.length < JOINED_BELOW && !this.#smallMessages.take(1, this.#env.now()))
      return this.#refuse(
        'ERR_BAD_FRAME',
        `the peer sends more than ${SMALL_MESSAGES.rate} messages below ${JOINED_BELOW} bytes a second`,
      )
    if (typeof message === 'string') return // no wire speaks text; nothing of it can be meant for WebTorrent
    this.#readHandshake(message)
    this.#unread.push(message)
    if (this.#unread.cost > MAX_UNREAD) return this.#refuse('ERR_QUEUE_FULL', 'the peer sends faster than the torrent reads')
    this.#giveInTime()
  }

  #refuse(code: 'ERR_BAD_FRAME' | 'ERR_QUEUE_FULL', message: string): void {
    this.destroy(new SwarmlinkError(code, message))
  }

  /** Gives WebTorrent the next chunk that it waits for; small messages only once they were joined, when it was given many. */
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

/** The same bytes in messages of a good size. */
function* messages(batch: Uint8Array[]): Generator<Uint8Array> {
  let parts: Uint8Array[] = []
  let size = 0
  for (const chunk of batch) {
    for (let start = 0; start < chunk.byteLength;) {
      const part = chunk.subarray(start, start + MESSAGE_SIZE - size)
      start += part.byteLength
      size += part.byteLength
      parts.push(part)
      if (size < MESSAGE_SIZE) continue
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
