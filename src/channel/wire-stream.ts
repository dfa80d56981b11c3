/** A data channel as the duplex stream that WebTorrent takes for a connection. Knows nothing of what flows through it. */
import { Duplex } from 'streamx'
import { concatBytes, toHex } from '../core/bytes.js'
import { SwarmlinkError } from '../core/errors.js'
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'

/** Small writes are put together up to this size, larger ones cut: every engine takes it, and fewer messages cost less. */
const MESSAGE_SIZE = 64 * 1024
/** Nothing slows a sender of data channels down; WebTorrent asks for at most a second's worth of blocks. */
const MAX_UNREAD = 64 * 1024 * 1024
/** A BitTorrent handshake: 48 bytes, then the peer id. */
const HANDSHAKE_BYTES = 68
const HANDSHAKE_ID = 48

type Callback = (error: Error | null) => void

export interface WireStreamOptions {
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
  readonly #channel: EngineChannel
  readonly #unread: Uint8Array[] = []
  #unreadBytes = 0
  #head: Uint8Array | undefined = new Uint8Array(0)
  #bitTorrentId: string | undefined
  #closedByRemote = false
  #read: Callback | undefined
  #write: Callback | undefined

  constructor(channel: EngineChannel, { id, remoteAddress, remotePort }: WireStreamOptions) {
    super({ byteLength: chunk => (chunk as Uint8Array).byteLength, highWaterMark: MESSAGE_SIZE }) // bytes in, bytes out
    this.id = id
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
    this.#channel = channel
    channel.on('message', message => this.#receive(message))
    channel.on('drain', () => this.#release())
    const closed = () => {
      this.#closedByRemote = !this.destroying
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
    const chunk = this.#unread.shift()
    if (chunk === undefined) {
      this.#read = done
      return
    }
    this.#unreadBytes -= chunk.byteLength
    this.push(chunk)
    done(null)
  }

  override _predestroy(): void {
    const error = new SwarmlinkError('ERR_CLOSED', 'the wire is closed')
    const [read, write] = [this.#read, this.#write]
    this.#read = this.#write = undefined
    read?.(error)
    write?.(error)
  }

  override _destroy(done: Callback): void {
    this.#unread.length = 0
    this.#channel.close()
    done(null)
  }

  #receive(message: string | Uint8Array): void {
    if (this.destroying) return
    if (typeof message === 'string') return // no wire speaks text; nothing of it can be meant for WebTorrent
    this.#readHandshake(message)
    this.#unread.push(message)
    this.#unreadBytes += message.byteLength
    if (this.#unreadBytes > MAX_UNREAD) {
      this.destroy(new SwarmlinkError('ERR_QUEUE_FULL', 'the peer sends faster than the torrent reads'))
      return
    }
    const read = this.#read
    this.#read = undefined
    if (read !== undefined) this._read(read)
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
