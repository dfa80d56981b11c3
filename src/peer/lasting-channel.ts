/**
 * One channel of a connection that is meant to last as long as the connection: the offerer opens it, and opens another when it is lost; the
 * answerer waits for it. Only one side opens, so that two ends never open one each. Knows nothing of what travels on the channel.
 */
import { backoff, type Backoff } from '../core/backoff.js'
import type { Env, Timer } from '../core/env.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { TokenBucket, type RateLimit } from '../core/token-bucket.js'
import type { EngineChannel } from '../engine/engine.js'

const log = logger('channel')

/**
 * A channel may be lost three times in a row, and once more for every five minutes: a channel that works is not lost at all, and a remote
 * that closes it on purpose ends the connection.
 */
const LOSSES: RateLimit = { burst: 3, rate: 1 / 300 }
/** The wait before the next channel is opened; the engine has heard of the end of the last one by then. */
const RETRY: Backoff = { first: 100, factor: 4, max: 1_600 }
/**
 * How long a channel may take to open: a round trip behind the MiB that other channels may have in the engine, on a slow line.
 * node-datachannel loses all events of a channel that the remote closes before its listeners are set (murat-dogan/node-datachannel#211).
 */
export const OPEN_DEADLINE = 20_000

export interface LastingChannelDeps {
  env: Env
  /** For log and error: `the control channel`. */
  name: string
  /** This side opens the channel. Throws when the connection is over or has no room for it. @default the remote opens it */
  open?: () => EngineChannel
  /** How long to wait for a channel that the remote has to open, in milliseconds. @default for ever */
  patience?: number
  /** The connection carries data; time in which it does not is no fault of the channel. */
  isWell: () => boolean
  /** Another channel replaces the one before: it is open, or opens. */
  use: (channel: EngineChannel) => void
  /** The channel was lost too often, or never opened. Called once; the channel is closed. */
  failed: (error: SwarmlinkError) => void
}

type State =
  | { name: 'idle' }
  /** Without a channel: until this side opens the next one, or gives up waiting for the remote's. */
  | { name: 'waiting'; timer: Timer }
  /** `deadline` runs until the channel is open. */
  | { name: 'held'; channel: EngineChannel; deadline: Timer | undefined }
  | { name: 'over' }

export class LastingChannel {
  readonly #deps: LastingChannelDeps
  readonly #losses: TokenBucket
  #state: State = { name: 'idle' }

  constructor(deps: LastingChannelDeps) {
    this.#deps = deps
    this.#losses = new TokenBucket(LOSSES)
  }

  get channel(): EngineChannel | undefined {
    return this.#state.name === 'held' ? this.#state.channel : undefined
  }

  /** Opens the channel, or begins to wait for it. Does nothing when it is there already. */
  start(): void {
    if (this.#state.name !== 'idle') return
    if (this.#deps.open === undefined) this.#wait()
    else this.#open(this.#deps.open)
  }

  /** The remote opened the channel; a second one replaces the first, which counts as lost. False when the remote may not open it. */
  adopt(channel: EngineChannel): boolean {
    if (this.#deps.open !== undefined || this.#state.name === 'over') {
      channel.close()
      return false
    }
    const former = this.channel
    if (former !== undefined && this.#count() === undefined) channel.close()
    else this.#hold(channel)
    former?.close()
    return true
  }

  /** Opens and awaits no other channel from now on; the one that is there stays. */
  release(): void {
    this.#rest()
    this.#state = { name: 'over' }
  }

  close(): void {
    const { channel } = this
    this.release()
    channel?.close()
  }

  #rest(): void {
    if (this.#state.name === 'waiting') this.#state.timer.cancel()
    if (this.#state.name === 'held') this.#state.deadline?.cancel()
  }

  #open(open: () => EngineChannel): void {
    let channel: EngineChannel
    try {
      channel = open()
    } catch (thrown) {
      log('%s was not opened: %s', this.#deps.name, asError(thrown, 'ERR_ENGINE', 'the engine refused').message)
      return this.#lost()
    }
    this.#hold(channel)
  }

  #hold(channel: EngineChannel): void {
    this.#rest()
    const held: State = { name: 'held', channel, deadline: undefined }
    this.#state = held
    channel.on('open', () => held.deadline?.cancel())
    channel.on('close', () => {
      if (this.channel === channel) this.#lost()
    })
    this.#deps.use(channel)
    if (this.#state !== held) return // `use` closed it
    if (channel.state === 'closed') this.#lost()
    else if (channel.state === 'connecting') this.#expectOpen(held)
  }

  #expectOpen(held: State & { name: 'held' }): void {
    const { env, isWell, name } = this.#deps
    held.deadline = env.timer(OPEN_DEADLINE, () => {
      if (!isWell()) return this.#expectOpen(held)
      log('%s did not open within %d s', name, OPEN_DEADLINE / 1_000)
      held.channel.close()
    })
  }

  #lost(): void {
    const { env, open } = this.#deps
    this.#rest()
    this.#state = { name: 'idle' }
    const ms = this.#count()
    if (ms === undefined) return
    if (open === undefined) return this.#wait()
    const again = () => {
      log('%s was lost and is opened again', this.#deps.name)
      this.#open(open)
    }
    this.#state = { name: 'waiting', timer: env.timer(ms, again) }
  }

  /** Counts one loss: gives the wait before the next channel, or gives up. */
  #count(): number | undefined {
    const { env, name } = this.#deps
    const now = env.now()
    if (this.#losses.take(1, now)) return backoff(RETRY, LOSSES.burst - 1 - Math.round(this.#losses.left(now)))
    this.#fail(`${name} was lost ${LOSSES.burst + 1} times in a row`)
    return undefined
  }

  #wait(): void {
    const { env, patience, isWell, name } = this.#deps
    if (patience === undefined) return
    const timer = env.timer(patience, () => {
      if (isWell()) this.#fail(`the peer did not open ${name} within ${patience / 1_000} s`)
      else this.#wait()
    })
    this.#state = { name: 'waiting', timer }
  }

  #fail(what: string): void {
    this.close()
    this.#deps.failed(new SwarmlinkError('ERR_CHANNEL_LOST', `${what}: the peers meet again on a new connection`))
  }
}
