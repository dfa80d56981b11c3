/** How messages travel on a channel: what a `DataConnection` needs of it, whatever the remote understands. */
import type { SwarmlinkError } from '../core/errors.js'

/** Whatever survives `JSON.stringify`. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** What arrives: JSON, with bytes at any depth. */
export type Message = string | number | boolean | null | Uint8Array | Message[] | { [key: string]: Message }

/**
 * What can be sent. Bytes of any type arrive as a `Uint8Array`, at any depth; a value with a `toJSON` (a `Date`, a `URL`) arrives as what
 * that gives; a field that is undefined is left out.
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

/** How far a large message or a stream has come. */
export interface Progress {
  direction: 'sending' | 'receiving'
  /** Tells the messages of one direction apart. */
  id: number
  bytes: number
  /** Undefined for a stream whose length is not known. */
  total: number | undefined
  /** The very value that `send` or `request` was given, or what was said about a stream. */
  message?: unknown
}

export interface RequestOptions {
  /** How long to wait for the reply, in milliseconds. @default 30_000 */
  timeout?: number
  /** Gives the request up; the peer's responder learns of it. */
  signal?: AbortSignal
}

/**
 * Answers a request, with `null` if it gives nothing. Whatever it throws reaches the peer as the message of an error. The type of the
 * question is the application's claim: what a peer sends is not checked against it.
 */
export type Responder<Received = Message, Sent = Sendable> = (
  message: Received,
  context: { readonly signal: AbortSignal },
) => Sent | void | Promise<Sent | void>

export interface StreamOptions {
  /** How many bytes there will be, if that is known. */
  size?: number
  /** What the receiver is told about it, up to 4 KiB of JSON. */
  meta?: Json
  /** Gives the stream up. */
  signal?: AbortSignal
}

export type StreamSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ReadableStream<Uint8Array>

/** Bytes that arrive while they are read: as long as nobody reads, the sender waits. */
export interface IncomingStream {
  /** What the sender says about it. */
  readonly meta: Json | undefined
  /** Undefined when the sender did not know. */
  readonly size: number | undefined
  /** `new Response(readable)`, `pipeTo`, `for await`; cancelling it tells the sender. */
  readonly readable: ReadableStream<Uint8Array>
}

/** What a messenger tells the connection that it serves. */
export interface MessengerHost {
  /** Whether somebody listens; what nobody listens for waits, or is refused. */
  wants(what: 'data' | 'stream'): boolean
  data(message: Message): void
  stream(stream: IncomingStream): void
  progress(progress: Progress): void
  drain(): void
  error(error: SwarmlinkError): void
  /** Over; called once, with the error if it ended in one. */
  closed(error: SwarmlinkError | undefined): void
}

export interface Messenger {
  readonly bufferedAmount: number
  /** In milliseconds, as it was measured last. */
  readonly roundTripTime: number | undefined
  /** The largest message that the remote takes, as far as it is known. */
  readonly maxMessageSize: number
  /** The largest JSON text that the remote takes, as far as it is known. */
  readonly maxJsonSize: number
  /** The remote said `bye`: it still answers, so what was sent before `close()` arrives there. */
  readonly heardBye: boolean
  /** When the channel is open; true when messages can be sent from now on, which happens once. */
  start(): boolean
  /** Somebody listens for `data` now. */
  resume(): void
  // `unknown`: JavaScript callers send anything, and the type of a message is the application's claim. `encode` checks it.
  send(message: unknown): boolean
  request(message: unknown, options: RequestOptions): Promise<Message>
  respond(responder: Responder | undefined): void
  stream(source: StreamSource, options: StreamOptions): Promise<void>
  ping(): Promise<number>
  /** Lets what was sent leave, then closes the channel. */
  close(): Promise<void>
}
