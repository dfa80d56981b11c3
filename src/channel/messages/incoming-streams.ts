/** The streams that the remote peer sends: one reader each, within its window. Knows nothing of messages. */
import type { SwarmlinkError } from '../../core/errors.js'
import type { SendResult } from './frame-codec.js'
import { parse } from './json.js'
import type { IncomingStream, Json } from './messenger.js'
import { MAX_STREAMS } from './outbox.js'
import { bad, overrun } from './refusals.js'
import { StreamReader } from './stream-reader.js'
import { chunkCost, STREAM_WINDOW } from './transfer.js'

/** Bytes that are read before credit is sent: a quarter of the window costs little, and the sender never waits. */
const CREDIT_STREAM = STREAM_WINDOW / 4

export interface IncomingStreamsHost {
  wantsStreams(): boolean
  stream(stream: IncomingStream): void
  progress(id: number, bytes: number, total: number | undefined, meta: Json | undefined): void
  credit(id: number, taken: number): void
  stop(id: number, verdict: SendResult): void
  /** The remote peer violated the protocol; the frame was dropped. */
  fault(error: SwarmlinkError): void
  /** Makes the error for the reader of a stream that the remote peer aborts. */
  givenUp(): SwarmlinkError
}

type Refuse = (id: number, verdict: SendResult, message: string) => void

export class IncomingStreams {
  readonly #host: IncomingStreamsHost
  readonly #refuse: Refuse
  readonly #streams = new Map<number, StreamReader>()

  /** `refuse` stops a transfer of the remote peer and reports the fault. */
  constructor(host: IncomingStreamsHost, refuse: Refuse) {
    this.#host = host
    this.#refuse = refuse
  }

  /** Streams that have arrived in full and are not read to their end. */
  get unread(): number {
    return [...this.#streams.values()].filter(({ ended }) => ended).length
  }

  open(id: number, size: number | undefined, text: string): void {
    if (this.#streams.has(id)) return this.#host.fault(bad('the peer began a stream twice'))
    if (!this.#host.wantsStreams()) return this.#host.stop(id, 'unwanted')
    if (this.#streams.size >= MAX_STREAMS) return this.#refuse(id, 'busy', 'the peer opened too many streams')
    let meta: Json | undefined
    try {
      meta = text === '' ? undefined : parse(text)
    } catch {
      return this.#refuse(id, 'cancelled', 'the meta of a stream is not JSON')
    }
    let credited = 0
    const stream = new StreamReader({
      size,
      meta,
      read: taken => {
        if (taken - credited < CREDIT_STREAM) return
        credited = taken
        this.#host.credit(id, taken)
      },
      done: () => this.#finish(id, 'done'),
      cancelled: () => this.#finish(id, 'cancelled'),
    })
    this.#streams.set(id, stream)
    this.#host.stream(stream)
  }

  chunk(id: number, payload: Uint8Array): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return // it was cancelled; the sender did not know yet
    if (stream.unread + chunkCost(payload.byteLength) > STREAM_WINDOW) throw overrun()
    if (stream.size !== undefined && stream.received + payload.byteLength > stream.size)
      return this.#break(id, stream, 'a stream of the peer is longer than its size')
    stream.push(payload)
    if (stream.throttle.reached(stream.received)) this.#host.progress(id, stream.received, stream.size, stream.meta)
  }

  end(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (!stream.end()) return this.#break(id, stream, 'a stream of the peer is shorter than its size')
    if (stream.throttle.reached(stream.received, true)) this.#host.progress(id, stream.received, stream.size, stream.meta)
  }

  abort(id: number): void {
    const stream = this.#streams.get(id)
    this.#streams.delete(id)
    stream?.fail(this.#host.givenUp())
  }

  /** Streams that have arrived in full can still be read. */
  close(error: SwarmlinkError): void {
    for (const stream of this.#streams.values()) if (!stream.ended) stream.fail(error)
    this.#streams.clear()
  }

  #finish(id: number, verdict: SendResult): void {
    if (this.#streams.delete(id)) this.#host.stop(id, verdict)
  }

  #break(id: number, stream: StreamReader, message: string): void {
    this.#streams.delete(id)
    stream.fail(bad(message))
    this.#refuse(id, 'cancelled', message)
  }
}
