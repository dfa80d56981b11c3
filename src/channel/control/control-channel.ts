/**
 * The control channel between two swarmlink peers. The offerer opens it as soon as the connection is up, and again when the
 * channel is lost. Applies the rate limits to the remote peer; its host handles topics and payloads of peer exchange.
 */
import type { Env } from '../../core/env.js'
import { asError, type SwarmlinkError } from '../../core/errors.js'
import { logger } from '../../core/log.js'
import { TokenBucket, type RateLimit } from '../../core/token-bucket.js'
import type { EngineChannel } from '../../engine/engine.js'
import { LastingChannel } from '../../peer/lasting-channel.js'
import type { Role } from '../../peer/negotiation.js'
import { bad, closed } from '../messages/refusals.js'
import { ControlOutbox, MAX_SHOWN, RESERVE } from './control-outbox.js'
import { ControlPing, PONGS } from './control-ping.js'
import { decodeControl, type ControlFrame, type RestartFrame } from './codec.js'

const log = logger('channel')

/** Rate limit for incoming frames. Peer exchange has its own pace and stays far below. */
const FRAMES: RateLimit = { burst: 400, rate: 100 }
/** Faults that are tolerated: 10 at once, then 1 per minute. */
const FAULTS: RateLimit = { burst: 10, rate: 1 / 60 }
/** Milliseconds that the answerer waits for the channel. The offerer opens it at once, but its event loop may be blocked, or the network slow. */
export const CONTROL_PATIENCE = 30_000
/** Exceeding the rate limit counts as one fault in this time (ms): many frames may have waited for the same lost packet. */
const FLOOD_GAP = 1_000

export interface ControlChannelHost {
  /** Opens the channel; called on the offerer's side only. Throws if the connection has ended. */
  open(): EngineChannel
  /** Whether the connection carries data now. */
  isWell(): boolean
  /** There is a new control channel: frames on the one before it may be lost. */
  renewed(): void
  /** The remote peer sent its capabilities; see `capabilities`. Called again when it withdraws one. */
  greeted(): void
  /** The remote peer has these topics, which it did not announce before. */
  topics(hashes: string[]): void
  bye(): void
  restart(frame: RestartFrame): void
  /** The bytes are a view of a larger message: copy them to keep them. */
  relay(message: Uint8Array): void
  /** The remote application closed the messages of this topic; undefined: of the topic for which the connection was made. */
  silent(hash: string | undefined): void
  /** The connection should close: malformed frames, too many frames, or no control channel any more. This channel is closed. */
  fault(error: SwarmlinkError): void
}

export interface ControlChannelDeps {
  env: Env
  host: ControlChannelHost
  role: Role
  /** The capabilities of this client, as bits. */
  capabilities: number
}

export class ControlChannel {
  readonly #env: Env
  readonly #host: ControlChannelHost
  readonly #role: Role
  readonly #outbox: ControlOutbox
  #state: 'alive' | 'closed' = 'alive'
  readonly #line: LastingChannel
  readonly #ping: ControlPing
  // The state of the remote peer:
  #capabilities: number | undefined
  readonly #remoteTopics = new Set<string>()
  readonly #frames = new TokenBucket(FRAMES)
  readonly #pongs = new TokenBucket(PONGS)
  readonly #faults = new TokenBucket(FAULTS)
  #floodedAt = Number.NEGATIVE_INFINITY

  constructor({ env, host, role, capabilities }: ControlChannelDeps) {
    this.#env = env
    this.#host = host
    this.#role = role
    this.#line = new LastingChannel({
      env,
      name: 'the control channel',
      ...(role === 'offerer' ? { open: () => host.open() } : { patience: CONTROL_PATIENCE }),
      isWell: () => host.isWell(),
      use: channel => this.#use(channel),
      failed: error => this.#fail(error),
    })
    this.#outbox = new ControlOutbox({ env, capabilities, channel: () => this.#line.channel })
    this.#ping = new ControlPing(env, token => this.#say({ type: 'ping', token }))
  }

  /** The remote peer's capabilities, after its hello. */
  get capabilities(): number | undefined {
    return this.#capabilities
  }

  /** The topics that the remote peer has announced and not withdrawn. */
  get topics(): ReadonlySet<string> {
    return this.#remoteTopics
  }

  /** Call it when the connection is up. */
  start(): void {
    this.#line.start()
  }

  /** Takes a channel that the remote peer opened: the first one, or one that replaces it. */
  adopt(channel: EngineChannel): void {
    if (!this.#line.adopt(channel) && this.#state === 'alive')
      this.#fault(bad('the peer opened a control channel, which only the offerer may do'))
  }

  /** Tells the remote peer that this client no longer has the capability. */
  withdraw(capability: number): void {
    if (this.#state === 'alive') this.#outbox.withdraw(capability)
  }

  /** Announces topics to the remote peer that were not announced yet, at most {@link MAX_SHOWN} in total. */
  show(hashes: string[]): void {
    if (this.#state === 'alive') this.#outbox.show(hashes)
  }

  hide(hashes: string[]): void {
    if (this.#state === 'alive') this.#outbox.hide(hashes)
  }

  /** Sends a payload of peer exchange. False if it is too large, if the queue is full, or after `close()`. */
  relay(message: Uint8Array): boolean {
    return this.#say({ type: 'relay', message })
  }

  /** Sends a frame of repair. False as with {@link relay}. */
  restart(frame: RestartFrame): boolean {
    return this.#say(frame)
  }

  /** Answerer only: the application closed the messages of this topic, so the offerer must not open the channel again. */
  silent(hash: string | undefined): void {
    this.#say({ type: 'silent', ...(hash !== undefined && { hash }) })
  }

  /**
   * Measures the round-trip time in milliseconds. Rejects with `ERR_CLOSED`, with `ERR_UNRESPONSIVE` after {@link PING_DEADLINE}, or at
   * once with `ERR_QUEUE_FULL` if the queue is full. Calls during a pending ping share its result.
   */
  ping(): Promise<number> {
    return this.#state === 'closed' ? Promise.reject(closed()) : this.#ping.measure()
  }

  /** Sends `bye` at once, behind all queued frames, if the channel is open. */
  bye(): void {
    this.#outbox.bye()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#outbox.close()
    this.#ping.fail(closed())
    this.#line.close()
  }

  #say(frame: ControlFrame): boolean {
    return this.#state === 'alive' && this.#outbox.say(frame)
  }

  /** Both sides announce their topics again on a new channel. */
  #use(channel: EngineChannel): void {
    let greeted = false
    this.#remoteTopics.clear()
    channel.on('open', () => this.#outbox.flush())
    channel.on('drain', () => this.#outbox.flush())
    channel.on('message', message => {
      if (this.#line.channel !== channel) return
      if (this.#frames.left(this.#env.now()) < 1) return this.#flooded()
      const frames = this.#read(message)
      if (frames === undefined) return
      greeted ||= frames[0]?.type === 'hello'
      if (!greeted) return this.#fault(bad('the first frame of the peer was not a hello'))
      if (frames.length === 0) this.#frames.take(1, this.#env.now()) // unknown frames count as well
      for (const frame of frames) this.#admit(frame)
    })
    this.#outbox.renew()
    if (this.#role === 'offerer') this.#outbox.greet()
    this.#ping.repeat()
    this.#host.renewed()
  }

  #read(message: string | Uint8Array): ControlFrame[] | undefined {
    try {
      if (typeof message === 'string') throw bad('the peer sent a text on the control channel, which is binary')
      return decodeControl(message)
    } catch (error) {
      this.#fault(asError(error, 'ERR_BAD_FRAME', 'the peer sent a malformed control message'))
      return undefined
    }
  }

  #admit(frame: ControlFrame): void {
    if (this.#state === 'closed') return // an earlier frame of the message closed it
    const now = this.#env.now()
    if (frame.type === 'relay' && this.#frames.left(now) < RESERVE) return this.#flooded()
    if (!this.#frames.take(1, now)) return this.#flooded()
    this.#take(frame, now)
  }

  #take(frame: ControlFrame, now: number): void {
    switch (frame.type) {
      case 'hello':
        this.#outbox.greet()
        return this.#greeted(frame.capabilities)
      case 'topics': {
        const fresh = frame.hashes.filter(hash => this.#learn(hash))
        if (fresh.length > 0) this.#host.topics(fresh)
        return
      }
      case 'gone':
        for (const hash of frame.hashes) this.#remoteTopics.delete(hash)
        return
      case 'bye':
        return this.#host.bye()
      case 'ping':
        if (this.#pongs.take(1, now)) this.#say({ type: 'pong', token: frame.token })
        return
      case 'pong':
        return this.#ping.pong(frame.token)
      case 'relay':
        return this.#host.relay(frame.message)
      case 'silent':
        return this.#host.silent(frame.hash)
      default:
        return this.#host.restart(frame)
    }
  }

  /** A remote peer can withdraw capabilities, but not add any. */
  #greeted(announced: number): void {
    const capabilities = (this.#capabilities ?? announced) & announced
    if (capabilities === this.#capabilities) return
    this.#capabilities = capabilities
    this.#host.greeted()
  }

  /** True if the topic is new. Topics beyond MAX_SHOWN are ignored. */
  #learn(hash: string): boolean {
    if (this.#remoteTopics.has(hash) || this.#remoteTopics.size >= MAX_SHOWN) return false
    this.#remoteTopics.add(hash)
    return true
  }

  #flooded(): void {
    const now = this.#env.now()
    if (now - this.#floodedAt < FLOOD_GAP) return
    this.#floodedAt = now
    this.#fault(bad('peer exceeded the control-frame rate limit'))
  }

  #fault(error: SwarmlinkError): void {
    log('fault: %s', error.message)
    if (!this.#faults.take(1, this.#env.now())) this.#fail(error)
  }

  #fail(error: SwarmlinkError): void {
    this.close()
    this.#host.fault(error)
  }
}
