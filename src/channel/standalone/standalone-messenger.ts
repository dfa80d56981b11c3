/** The messenger of a `DataConnection` that was made with `new`: makes the connection, then uses the protocol that the remote end supports. */
import { asError, SwarmlinkError } from '../../core/errors.js'
import type { RemotePeer } from '../../peer/remote-peer.js'
import { StandaloneHandshake, type StandaloneHandshakeHost } from './standalone-handshake.js'
import type { HandshakeSettings } from '../messages/data-connection-options.js'
import { FramedMessenger } from '../messages/framed-messenger.js'
import { DEFAULT_LIMITS } from '../messages/message-size.js'
import type {
  Message,
  Messenger,
  MessengerHost,
  RequestOptions,
  Responder,
  StreamOptions,
  StreamSource,
} from '../messages/messenger.js'
import { PlainMessenger } from '../messages/plain-messenger.js'
import { closed } from '../messages/refusals.js'
import { readSignal, type ReadSignal, type SignalData } from './signals.js'

/** The limits are those of this side. */
export interface StandaloneMessengerOptions extends HandshakeSettings {
  host: MessengerHost
  signal: (data: SignalData) => void
  /** Messages can be sent now. */
  connected: () => void
}

type State =
  | { name: 'connecting' }
  | { name: 'open'; messenger: Messenger; peer: RemotePeer }
  | { name: 'closed'; messenger: Messenger | undefined }

export class StandaloneMessenger implements Messenger {
  readonly #options: StandaloneMessengerOptions
  readonly #handshake: StandaloneHandshake
  #responder: Responder | undefined
  #state: State = { name: 'connecting' }

  constructor(options: StandaloneMessengerOptions) {
    this.#options = options
    const host: StandaloneHandshakeHost = {
      signal: data => options.signal(data),
      refused: error => options.host.error(error),
      connected: peer => this.#connected(peer),
      closed: error => this.#over(error),
    }
    this.#handshake = new StandaloneHandshake({ ...options, host })
    void this.#handshake.start()
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

  /** Takes a signal of the remote end from the application. Never throws, for any value. */
  signal(data: unknown): void {
    if (this.#state.name === 'closed') return
    let signal: ReadSignal
    try {
      signal = readSignal(data)
    } catch (thrown) {
      return this.#options.host.error(asError(thrown, 'ERR_BAD_SDP', 'refused a signal'))
    }
    this.#handshake.signal(signal)
  }

  /** Does nothing: the constructor starts it. */
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
      this.#handshake.close()
      return this.#end(undefined)
    }
    const { messenger, peer } = this.#state
    const gone = new Promise<void>(resolve => {
      if (peer.state === 'closed') resolve()
      else peer.on('close', () => resolve())
    })
    peer.leave()
    await messenger.close()
    if (!messenger.heardBye) peer.destroy() // the remote peer did not respond, so the connection need not stay open for it
    await gone
  }

  get #messenger(): Messenger | undefined {
    return this.#state.name === 'connecting' ? undefined : this.#state.messenger
  }

  #ready(): Messenger {
    const { name } = this.#state
    if (name === 'connecting') throw new SwarmlinkError('ERR_CLOSED', "the connection is not open yet: wait for 'connect'")
    if (this.#messenger === undefined) throw closed()
    return this.#messenger
  }

  #connected(peer: RemotePeer): void {
    const { env, maxMessageSize, maxJsonSize, host, connected } = this.#options
    const { first: channel } = peer
    if (channel === undefined || this.#state.name !== 'connecting') return
    const inner = { env, channel, host: { ...host, closed: (error?: SwarmlinkError) => this.#over(error) } }
    const messenger = peer.remote.isSwarmlink
      ? new FramedMessenger({ ...inner, maxMessageSize, maxJsonSize })
      : new PlainMessenger({ ...inner, maxMessageSize: peer.maxMessageSize, jsonLimit: maxJsonSize })
    messenger.respond(this.#responder)
    this.#state = { name: 'open', messenger, peer }
    if (messenger.start()) connected()
  }

  /** Both the connection and the messenger report the end. A report with an error, in the same turn, wins. */
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
