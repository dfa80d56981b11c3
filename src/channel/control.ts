/**
 * What two swarmlink peers say to each other about their connection. The caller opens the control channel as soon as the connection is up,
 * and again when the channel is lost. Knows how much the remote may say; what a topic or a message of peer exchange means is its host's
 * business.
 */
import { withDeadline, type Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { TokenBucket, type Allowance } from '../core/token-bucket.js'
import type { EngineChannel } from '../engine/engine.js'
import { LastingChannel } from '../peer/lasting-channel.js'
import type { Role } from '../peer/negotiation.js'
import { ControlOutbox, MAX_SHOWN, RESERVE } from './control-outbox.js'
import { decodeControl, type ControlFrame, type RestartFrame } from './control-wire.js'

export { MAX_SHOWN } from './control-outbox.js'

const log = logger('channel')

/** What we listen to. Peer exchange is paced by itself and stays far below. */
const FRAMES: Allowance = { burst: 400, rate: 100 }
/** Answers to pings: nobody has to know more often how far away we are. */
const PONGS: Allowance = { burst: 10, rate: 10 }
/** A ping within this time of the last answer is answered with it, and so never above what a remote answers. */
const PING_GAP = 1_000 / PONGS.rate
/** An event loop may be blocked for ten seconds by honest work. */
export const PING_DEADLINE = 15_000
/** What is forgiven: a burst of mistakes, and one a minute for as long as the connection lasts. */
const FAULTS: Allowance = { burst: 10, rate: 1 / 60 }
/** The callee waits so long for the channel. The caller opens it at once, but its event loop may be blocked, and the line be slow. */
export const CONTROL_PATIENCE = 30_000
/** Too much is one fault in this time, however many messages it comes in: they may all have waited for the same lost packet. */
const FLOOD_GAP = 1_000

export interface ControlHost {
  /** Opens the channel; called for the caller of the connection only. Throws when the connection is over. */
  open(): EngineChannel
  /** The connection carries data now. */
  isWell(): boolean
  /** A control channel is there, the first or another: what was said on the one before may not have arrived. */
  renewed(): void
  /** The remote said what it can do: `capabilities` tells. Called again when it can do less. */
  greeted(): void
  /** The remote has these topics, which it has not shown before. */
  topics(hashes: string[]): void
  bye(): void
  restart(frame: RestartFrame): void
  /** The bytes are a part of what came with them: whoever keeps them takes a copy. */
  relay(message: Uint8Array): void
  /** The messages of this topic were closed there on purpose; undefined: of the topic that brought the two together. */
  silent(hash: string | undefined): void
  /**
   * The connection is not worth keeping: the remote goes on sending what cannot be read, floods, or has no control channel any more. The
   * control is closed.
   */
  fault(error: SwarmlinkError): void
}

export interface ControlParts {
  env: Env
  host: ControlHost
  /** The role of this side on the connection. */
  role: Role
  /** What we can do: `EXCHANGE`, or nothing. */
  capabilities: number
}

interface Ping {
  token: number
  at: number
  answered: (ms: number) => void
  failed: (error: SwarmlinkError) => void
  promise: Promise<number>
}

export class Control {
  readonly #env: Env
  readonly #host: ControlHost
  readonly #role: Role
  readonly #outbox: ControlOutbox
  #state: 'alive' | 'closed' = 'alive'
  readonly #line: LastingChannel
  #ping: Ping | undefined
  #tokens = 0
  #lastPong = { at: Number.NEGATIVE_INFINITY, roundTripTime: 0 }
  /** Of the remote, from here on. */
  #capabilities: number | undefined
  readonly #theirTopics = new Set<string>()
  readonly #frames: TokenBucket
  readonly #pongs: TokenBucket
  readonly #faults: TokenBucket
  #floodedAt = Number.NEGATIVE_INFINITY

  constructor({ env, host, role, capabilities }: ControlParts) {
    this.#env = env
    this.#host = host
    this.#role = role
    const now = env.now()
    this.#line = new LastingChannel({
      env,
      name: 'the control channel',
      ...(role === 'caller' ? { open: () => host.open() } : { patience: CONTROL_PATIENCE }),
      isWell: () => host.isWell(),
      use: channel => this.#use(channel),
      failed: error => this.#fail(error),
    })
    this.#outbox = new ControlOutbox({ env, capabilities, channel: () => this.#line.channel })
    this.#frames = new TokenBucket(FRAMES, now)
    this.#pongs = new TokenBucket(PONGS, now)
    this.#faults = new TokenBucket(FAULTS, now)
  }

  /** The remote's, once its hello is here. */
  get capabilities(): number | undefined {
    return this.#capabilities
  }

  /** What the remote has shown and not taken back. */
  get topics(): ReadonlySet<string> {
    return this.#theirTopics
  }

  /** The connection is up. */
  start(): void {
    this.#line.start()
  }

  /** The remote opened the channel, the first or another in its place. */
  adopt(channel: EngineChannel): void {
    if (!this.#line.adopt(channel) && this.#state === 'alive')
      this.#fault(bad('the peer opened a control channel though the caller of the connection does that'))
  }

  /** Tells the remote that we cannot do this any more. */
  withdraw(capability: number): void {
    if (this.#state === 'alive') this.#outbox.withdraw(capability)
  }

  /** Tells the remote that we have these topics, as far as it does not know; the ones above {@link MAX_SHOWN} stay untold. */
  show(hashes: string[]): void {
    if (this.#state === 'alive') this.#outbox.show(hashes)
  }

  /** Tells the remote that we have these no more, as far as it knows of them. */
  hide(hashes: string[]): void {
    if (this.#state === 'alive') this.#outbox.hide(hashes)
  }

  /** False when it does not leave: it is too large, too much waits, or the control is closed. */
  relay(message: Uint8Array): boolean {
    return this.#say({ type: 'relay', message })
  }

  /** False as with {@link relay}. */
  restart(frame: RestartFrame): boolean {
    return this.#say(frame)
  }

  /** Callee only: the application closed the messages of this topic, so the caller is not to open the channel again. */
  silent(hash: string | undefined): void {
    this.#say({ type: 'silent', ...(hash !== undefined && { hash }) })
  }

  /**
   * Milliseconds there and back. Rejects with `ERR_CLOSED`, with `ERR_UNRESPONSIVE` after {@link PING_DEADLINE}, or at once with
   * `ERR_QUEUE_FULL` when too much waits. Who asks while an answer is awaited gets the same one.
   */
  ping(): Promise<number> {
    if (this.#ping !== undefined) return this.#ping.promise
    const { at, roundTripTime } = this.#lastPong
    const now = this.#env.now()
    if (this.#state === 'alive' && now - at < PING_GAP) return Promise.resolve(roundTripTime)
    const token = ++this.#tokens
    if (!this.#say({ type: 'ping', token })) return Promise.reject(this.#unsaid())
    const late = () => new SwarmlinkError('ERR_UNRESPONSIVE', `the peer did not answer a ping within ${PING_DEADLINE / 1_000} s`)
    let [answered, failed]: [Ping['answered'], Ping['failed']] = [() => {}, () => {}]
    const answer = new Promise<number>((resolve, reject) => ([answered, failed] = [resolve, reject]))
    const promise = withDeadline(this.#env, answer, PING_DEADLINE, late).finally(() => (this.#ping = undefined))
    this.#ping = { token, at: now, answered, failed, promise }
    return promise
  }

  /** Says goodbye if the channel is there already. It leaves at once, behind all that was said before. */
  bye(): void {
    this.#outbox.bye()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#outbox.close()
    this.#ping?.failed(this.#unsaid())
    this.#line.close()
  }

  #say(frame: ControlFrame): boolean {
    return this.#state === 'alive' && this.#outbox.say(frame)
  }

  #unsaid(): SwarmlinkError {
    return this.#state === 'closed'
      ? new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
      : new SwarmlinkError('ERR_QUEUE_FULL', 'the peer has not taken yet what it was sent before')
  }

  /** All that the two said about their topics on the channel before is said again on this one. */
  #use(channel: EngineChannel): void {
    let greeted = false
    this.#theirTopics.clear()
    channel.on('open', () => this.#outbox.flush())
    channel.on('drain', () => this.#outbox.flush())
    channel.on('message', message => {
      if (this.#line.channel !== channel) return
      if (this.#frames.left(this.#env.now()) < 1) return this.#flooded()
      const frames = this.#read(message)
      if (frames === undefined) return
      greeted ||= frames[0]?.type === 'hello'
      if (!greeted) return this.#fault(bad('the peer did not begin with a hello'))
      if (frames.length === 0) this.#frames.take(1, this.#env.now()) // what is skipped costs as well
      for (const frame of frames) this.#admit(frame)
    })
    this.#outbox.renew()
    if (this.#role === 'caller') this.#outbox.greet()
    if (this.#ping !== undefined) this.#say({ type: 'ping', token: this.#ping.token })
    this.#host.renewed()
  }

  #read(message: string | Uint8Array): ControlFrame[] | undefined {
    try {
      if (typeof message === 'string') throw bad('the peer sent a text where words in bytes travel')
      return decodeControl(message)
    } catch (error) {
      this.#fault(asError(error, 'ERR_BAD_FRAME', 'the peer sent what cannot be read'))
      return undefined
    }
  }

  #admit(frame: ControlFrame): void {
    if (this.#state === 'closed') return // by the frame before
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
        for (const hash of frame.hashes) this.#theirTopics.delete(hash)
        return
      case 'bye':
        return this.#host.bye()
      case 'ping':
        if (this.#pongs.take(1, now)) this.#say({ type: 'pong', token: frame.token })
        return
      case 'pong':
        return this.#ponged(frame.token, now)
      case 'relay':
        return this.#host.relay(frame.message)
      case 'silent':
        return this.#host.silent(frame.hash)
      default:
        return this.#host.restart(frame)
    }
  }

  /** A remote can do less than it said before, and never more. */
  #greeted(said: number): void {
    const capabilities = (this.#capabilities ?? said) & said
    if (capabilities === this.#capabilities) return
    this.#capabilities = capabilities
    this.#host.greeted()
  }

  /** True for what the remote had not shown yet; beyond so many it is not listened to. */
  #learn(hash: string): boolean {
    if (this.#theirTopics.has(hash) || this.#theirTopics.size >= MAX_SHOWN) return false
    this.#theirTopics.add(hash)
    return true
  }

  #ponged(token: number, now: number): void {
    if (this.#ping?.token !== token) return // too late
    this.#lastPong = { at: now, roundTripTime: now - this.#ping.at }
    this.#ping.answered(this.#lastPong.roundTripTime)
  }

  #flooded(): void {
    const now = this.#env.now()
    if (now - this.#floodedAt < FLOOD_GAP) return
    this.#floodedAt = now
    this.#fault(bad('the peer says more than anybody listens to'))
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

function bad(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', message)
}
