/** The interface between a `DataConnection` and the protocol of its channel, for swarmlink peers and stock peers. */
import type { SwarmlinkError } from '../../core/errors.js'

/** A JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** A received message: JSON, with bytes at any depth. */
export type Message = string | number | boolean | null | Uint8Array | Message[] | { [key: string]: Message }

/**
 * A message that can be sent. Bytes of any type arrive as a `Uint8Array`, at any depth; a value with `toJSON` (a `Date`, a `URL`) arrives as
 * the result of it; an undefined field is omitted.
 */
export type Sendable =
  | string
  | number
  | boolean
  | null
  | ArrayBuffer
  | ArrayBufferView
  | readonly Sendable[]
  | { readonly [key: string]: Sendable | undefined }
  | { toJSON(key: string): unknown }

/** Progress of a large message or a stream. */
export interface Progress {
  direction: 'sending' | 'receiving'
  /** Unique among the messages of one direction. */
  id: number
  bytes: number
  /** Undefined for a stream of unknown length. */
  total: number | undefined
  /** The value that was passed to `send` or `request`, or the `meta` of a stream. */
  message?: unknown
}

/** The options of one request. */
export interface RequestOptions {
  /** Timeout for the reply, in milliseconds. @default 30_000 */
  timeout?: number
  /** Aborts the request; the signal of the peer's responder aborts too. */
  signal?: AbortSignal
}

/**
 * Answers a request, with `null` if it returns nothing. The message of an error that it throws reaches the peer. The type of the
 * request is the application's claim: it is not checked.
 */
export type Responder<Received = Message, Sent = Sendable> = (
  message: Received,
  context: { readonly signal: AbortSignal },
) => Sent | void | Promise<Sent | void>

/** The options of one stream. */
export interface StreamOptions {
  /** The length in bytes, if it is known. */
  size?: number
  /** Metadata for the receiver, at most 4 KiB of JSON. */
  meta?: Json
  /** Aborts the stream. */
  signal?: AbortSignal
}

/** The bytes of a stream: an async iterable such as a Node stream, an iterable, or a `ReadableStream`. */
export type StreamSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ReadableStream<Uint8Array>

/** An incoming stream, with backpressure: the sender waits until the bytes are read. */
export interface IncomingStream {
  /** The metadata of the sender. */
  readonly meta: Json | undefined
  /** The length in bytes; undefined if the sender did not know it. */
  readonly size: number | undefined
  /** Use it with `new Response(readable)`, `pipeTo` or `for await`. Cancelling it rejects the sender's `stream()`. */
  readonly readable: ReadableStream<Uint8Array>
}

/** The connection, as its messenger sees it. */
export interface MessengerHost {
  /** Whether the event has a listener. Without one, messages wait and streams are refused. */
  wants(what: 'data' | 'stream'): boolean
  data(message: Message): void
  stream(stream: IncomingStream): void
  progress(progress: Progress): void
  drain(): void
  error(error: SwarmlinkError): void
  /** The channel has ended; called once, with the error if there is one. */
  closed(error: SwarmlinkError | undefined): void
}

export interface Messenger {
  readonly bufferedAmount: number
  /** The latest measurement, in milliseconds. */
  readonly roundTripTime: number | undefined
  /** The largest message that the remote peer accepts, as far as it is known. */
  readonly maxMessageSize: number
  /** The largest JSON text that the remote peer accepts, as far as it is known. */
  readonly maxJsonSize: number
  /** The remote peer sent `bye`, so it still responds, and messages that were sent before `close()` arrive. */
  readonly heardBye: boolean
  /** Called when the channel is open; returns true once, if messages can be sent from now on. */
  start(): boolean
  /** There is a `data` listener now. */
  resume(): void
  // `unknown`, because the type of a message is the application's claim; `encode` checks it.
  send(message: unknown): boolean
  request(message: unknown, options: RequestOptions): Promise<Message>
  respond(responder: Responder | undefined): void
  stream(source: StreamSource, options: StreamOptions): Promise<void>
  ping(): Promise<number>
  /** Sends all queued messages, then closes the channel. */
  close(): Promise<void>
}
