/** A `DataConnection` that brings its own connection along: no messages until it is open, then those that the other end understands. */
import type { Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import type { RemotePeer } from '../peer/remote-peer.js'
import { Call, type CallHost, type CallOptions } from './call.js'
import { FramedMessenger } from './framed-messenger.js'
import { DEFAULT_LIMITS, type MessageLimits } from './message-size.js'
import type { Message, Messenger, MessengerHost, RequestOptions, Responder, StreamOptions, StreamSource } from './messenger.js'
import { PlainMessenger } from './plain-messenger.js'
import { readSignal, type Signal, type SignalData } from './signals.js'

/** The limits are those of this side. */
export interface StandaloneOptions extends Omit<CallOptions, 'host'>, MessageLimits {
  env: Env
  host: MessengerHost
  /** For the other end. */
  signal: (data: SignalData) => void
  /** Messages can be sent. */
  connected: () => void
}

type State =
  | { name: 'connecting' }
  | { name: 'open'; messenger: Messenger; peer: RemotePeer }
  | { name: 'closed'; messenger: Messenger | undefined }

export class Standalone implements Messenger {
  readonly #options: StandaloneOptions
  readonly #call: Call
  #responder: Responder | undefined
  #state: State = { name: 'connecting' }

  constructor(options: StandaloneOptions) {
    this.#options = options
    const host: CallHost = {
      signal: data => options.signal(data),
      refused: error => options.host.error(error),
      connected: peer => this.#connected(peer),
      closed: error => this.#over(error),
    }
    this.#call = new Call({ ...options, host })
    void this.#call.start()
  }

  get bufferedAmount(): number {
    return this.#messenger?.bufferedAmount ?? 0
  }

  get roundTripTime(): number | undefined {
    return this.#messenger?.roundTripTime
  }

  get maxMessageSize(): number {
    return this.#messenger?.maxMessageSize ?? DEFAULT_LIMITS.maxMessageSize
  }

  get maxJsonSize(): number {
    return this.#messenger?.maxJsonSize ?? DEFAULT_LIMITS.maxJsonSize
  }

  get heardBye(): boolean {
    return this.#messenger?.heardBye ?? false
  }

  /** From the other end, by way of the application: whatever it is, nothing is thrown. */
  signal(data: unknown): void {
    if (this.#state.name === 'closed') return
    let signal: Signal
    try {
      signal = readSignal(data)
    } catch (thrown) {
      return this.#options.host.error(asError(thrown, 'ERR_BAD_SDP', 'what was signalled cannot be read'))
    }
    this.#call.signal(signal)
  }

  /** It starts by itself. */
  start(): boolean {
    return false
  }

  resume(): void {
    this.#messenger?.resume()
  }

  send(message: unknown): boolean {
    return this.#ready().send(message)
  }

  async request(message: unknown, options: RequestOptions): Promise<Message> {
    return await this.#ready().request(message, options)
  }

  respond(responder: Responder | undefined): void {
    this.#responder = responder
    this.#messenger?.respond(responder)
  }

  async stream(source: StreamSource, options: StreamOptions): Promise<void> {
    await this.#ready().stream(source, options)
  }

  async ping(): Promise<number> {
    return await this.#ready().ping()
  }

  async close(): Promise<void> {
    if (this.#state.name !== 'open') {
      this.#call.close()
      return this.#end(undefined)
    }
    const { messenger, peer } = this.#state
    const gone = new Promise<void>(resolve => {
      if (peer.state === 'closed') resolve()
      else peer.on('close', () => resolve())
    })
    peer.leave()
    await messenger.close()
    if (!messenger.heardBye) peer.destroy() // the remote has been silent for seconds: no need to keep the connection for it
    await gone
  }

  get #messenger(): Messenger | undefined {
    return this.#state.name === 'connecting' ? undefined : this.#state.messenger
  }

  #ready(): Messenger {
    const { name } = this.#state
    if (name === 'connecting') throw new SwarmlinkError('ERR_CLOSED', "the connection is not open yet: wait for 'connect'")
    return this.#messenger ?? closed()
  }

  #connected(peer: RemotePeer): void {
    const { env, maxMessageSize, maxJsonSize, host, connected } = this.#options
    const { first: channel } = peer
    if (channel === undefined || this.#state.name !== 'connecting') return
    const inner = { env, channel, host: { ...host, closed: (error?: SwarmlinkError) => this.#over(error) } }
    const messenger = peer.remote.ours
      ? new FramedMessenger({ ...inner, maxMessageSize, maxJsonSize })
      : new PlainMessenger({ ...inner, maxMessageSize: peer.maxMessageSize, jsonLimit: maxJsonSize })
    messenger.respond(this.#responder)
    this.#state = { name: 'open', messenger, peer }
    if (messenger.start()) connected()
  }

  /** Connection and messages tell of each other's end; the one that knows why does so within this turn. */
  #over(error: SwarmlinkError | undefined): void {
    if (error === undefined) queueMicrotask(() => this.#end(undefined))
    else this.#end(error)
  }

  #end(error: SwarmlinkError | undefined): void {
    if (this.#state.name === 'closed') return
    this.#state = { name: 'closed', messenger: this.#messenger }
    this.#options.host.closed(error)
  }
}

function closed(): never {
  throw new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
}
