/**
 * What two of ours say to each other about their connection. Knows when the channel opens and how much the remote may say; what a topic
 * or a message of peer exchange means is its host's business.
 */
import { withDeadline, type Env } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { TokenBucket, type Allowance } from '../core/token-bucket.js'
import type { EngineChannel } from '../engine/engine.js'
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
/** Too much is one fault in this time, however many messages it comes in: they may all have waited for the same lost packet. */
const FLOOD_GAP = 1_000

export interface ControlHost {
  /** Opens the channel; called once, when there is something to say and the remote has not opened one. Throws when the connection is over. */
  open(): EngineChannel
  /** The remote said what it can do: `capabilities` tells. Called once. */
  greeted(): void
  /** The remote has these topics, which it has not shown before. */
  topics(hashes: string[]): void
  bye(): void
  restart(frame: RestartFrame): void
  /** The bytes are a part of what came with them: whoever keeps them takes a copy. */
  relay(message: Uint8Array): void
  /** A remote that goes on sending what cannot be read, or floods: the connection is not worth keeping. The control is closed. */
  fault(error: SwarmlinkError): void
}

export interface ControlParts {
  env: Env
  host: ControlHost
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
  readonly #outbox: ControlOutbox
  #state: 'alive' | 'closed' = 'alive'
  #own: EngineChannel | undefined
  #their: EngineChannel | undefined
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

  constructor({ env, host, capabilities }: ControlParts) {
    this.#env = env
    this.#host = host
    const now = env.now()
    this.#outbox = new ControlOutbox({ env, capabilities, channel: () => this.#out, broken: () => this.close() })
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

  /** The remote opened the channel. When both did, each speaks on its own and listens to both; a further one is closed. */
  adopt(channel: EngineChannel): void {
    if (this.#state === 'alive' && this.#their === undefined) {
      this.#their = channel
      return this.#listen(channel)
    }
    channel.close()
    if (this.#state === 'alive') this.#fault(bad('the peer opened one control channel too many'))
  }

  /** Tells the remote that we have these topics, as far as it does not know; the ones above {@link MAX_SHOWN} stay untold. */
  show(hashes: string[]): void {
    if (this.#outbox.show(hashes)) this.#wake()
  }

  /** Tells the remote that we have these no more, as far as it knows of them. */
  hide(hashes: string[]): void {
    if (this.#outbox.hide(hashes)) this.#wake()
  }

  /** False when it does not leave: it is too large, too much waits, or the control is closed. */
  relay(message: Uint8Array): boolean {
    return this.#say({ type: 'relay', message })
  }

  /** False as with {@link relay}. */
  restart(frame: RestartFrame): boolean {
    return this.#say(frame)
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
    this.#own?.close()
    this.#their?.close()
  }

  get #out(): EngineChannel | undefined {
    return this.#own ?? this.#their
  }

  #say(frame: ControlFrame): boolean {
    return this.#state === 'alive' && this.#outbox.say(frame) && this.#wake()
  }

  #unsaid(): SwarmlinkError {
    return this.#state === 'closed'
      ? new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
      : new SwarmlinkError('ERR_QUEUE_FULL', 'the peer has not taken yet what it was sent before')
  }

  /** Opens the channel with the first word. False when there is nobody to talk to any more. */
  #wake(): boolean {
    if (this.#state === 'closed') return false
    if (this.#out !== undefined) return true
    try {
      this.#own = this.#host.open()
    } catch (error) {
      log('no control channel: %s', asError(error, 'ERR_ENGINE', 'the channel could not be opened').message)
      this.close()
      return false
    }
    this.#listen(this.#own)
    return true
  }

  #listen(channel: EngineChannel): void {
    let greeted = false
    channel.on('open', () => this.#outbox.flush())
    channel.on('drain', () => this.#outbox.flush())
    channel.on('close', () => this.close())
    channel.on('message', message => {
      if (this.#state === 'closed') return
      if (this.#frames.left(this.#env.now()) < 1) return this.#flooded()
      const frames = this.#read(message)
      if (frames === undefined) return
      greeted ||= frames[0]?.type === 'hello'
      if (!greeted) return this.#fault(bad('the peer did not begin with a hello'))
      if (frames.length === 0) this.#frames.take(1, this.#env.now()) // what is skipped costs as well
      for (const frame of frames) this.#admit(frame)
    })
    if (channel.state === 'closed') this.close()
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
        if (this.#capabilities !== undefined) return
        this.#capabilities = frame.capabilities
        this.#outbox.greet()
        return this.#host.greeted()
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
      default:
        return this.#host.restart(frame)
    }
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
    if (this.#faults.take(1, this.#env.now())) return
    this.close()
    this.#host.fault(error)
  }
}

function bad(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_BAD_FRAME', message)
}
