/**
 * Deficit round robin over the channels of one connection, which share one FIFO queue in the engine: the engine gets one window of bytes, the
 * rest waits in a queue per channel. Knows nothing of what the messages mean.
 */
import { oncePerTurn } from '../core/once-per-turn.js'
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'
import { ScheduledChannel } from './scheduled-channel.js'

/**
 * The window: bytes in the engine while several channels send, which a new message waits behind: 4 ms at 60 MB/s. Half of it cost throughput
 * on a busy machine; twice as much gave none and doubled the wait.
 */
export const SHARED_WINDOW = 256 * 1024
/** The quantum: bytes that a channel may send in one round, a full message of a wire. */
const QUANTUM = 64 * 1024

/**
 * A round gives each waiting channel {@link QUANTUM} bytes of credit. Messages stay whole, so a channel may go into debt for its next rounds. A
 * channel that starts to wait with credit left is served first, the one with the fewest waiting bytes before others: a small message waits
 * only behind the engine's window.
 *
 * @example
 * const scheduler = new ChannelScheduler()
 * const [wire, messages] = [scheduler.share(first), scheduler.share(second)]
 */
export class ChannelScheduler {
  /** The channels with bytes in the engine, as of the last look, and the sum of those bytes. */
  readonly #inside = new Set<ScheduledChannel>()
  #bytes = 0
  /** What each channel may still send in this round; a negative number is a debt. */
  readonly #accounts = new Map<ScheduledChannel, { credit: number; round: number }>()
  /** The waiting channels: with credit and served next, still to be served in this round, served in this round. */
  #ready: ScheduledChannel[] = []
  #now: ScheduledChannel[] = []
  #later: ScheduledChannel[] = []
  #round = 0
  /** In a microtask, not inside a `send` or `close`. */
  readonly #goSoon = oncePerTurn(() => this.#go())

  /** The channel as its sender uses it: it shares the connection with the other channels of this scheduler. */
  share(channel: EngineChannel): EngineChannel {
    return new ScheduledChannel(channel, this)
  }

  /** Whether a message may go to the engine at once; asked only for a channel that has nothing waiting. */
  mayPass(channel: ScheduledChannel): boolean {
    if (this.#waiting > 0) return false
    if (this.#hasRoomFor(channel)) return true
    for (const each of this.#inside) this.#look(each) // small messages leave at once
    return this.#hasRoomFor(channel)
  }

  /** Something of it went to the engine so. */
  passed(channel: ScheduledChannel): void {
    this.#look(channel)
    channel.unwatch()
  }

  /** It has something waiting, and had nothing. */
  waits(channel: ScheduledChannel): void {
    this.#queue(channel, this.#account(channel).credit)
    this.#goSoon()
  }

  /** Something of it left the engine. */
  drained(channel: ScheduledChannel): void {
    this.#look(channel)
    this.#go()
    if (this.#waiting === 0) channel.unwatch()
    channel.settle()
  }

  closed(channel: ScheduledChannel): void {
    this.#look(channel)
    this.#accounts.delete(channel)
    for (const list of [this.#ready, this.#now, this.#later]) {
      const at = list.indexOf(channel)
      if (at >= 0) list.splice(at, 1)
    }
    this.#goSoon()
  }

  get #waiting(): number {
    return this.#ready.length + this.#now.length + this.#later.length
  }

  /** A channel that sends alone may fill the engine up to {@link HIGH_WATER}, as without a scheduler. */
  #hasRoomFor(channel: ScheduledChannel): boolean {
    const others = this.#waiting + this.#inside.size - (channel.inside > 0 ? 1 : 0)
    return this.#bytes <= (others > 0 ? SHARED_WINDOW : HIGH_WATER)
  }

  #look(channel: ScheduledChannel): boolean {
    const more = channel.look()
    this.#bytes += more
    if (channel.inside > 0) this.#inside.add(channel)
    else this.#inside.delete(channel)
    return more < 0
  }

  #account(channel: ScheduledChannel): { credit: number; round: number } {
    const { credit, round } = this.#accounts.get(channel) ?? { credit: 0, round: this.#round - 1 }
    const account = { credit: Math.min(QUANTUM, credit + QUANTUM * (this.#round - round)), round: this.#round }
    this.#accounts.set(channel, account)
    return account
  }

  #queue(channel: ScheduledChannel, credit: number): void {
    if (credit > 0) this.#ready.push(channel)
    else this.#later.push(channel)
  }

  #next(): ScheduledChannel | undefined {
    const ready = this.#ready
    let least = 0
    for (const [at, { waitingBytes }] of ready.entries()) if (waitingBytes < (ready[least]?.waitingBytes ?? 0)) least = at
    const next = ready.splice(least, 1)[0] ?? this.#now.shift()
    if (next !== undefined) return next
    this.#round++
    ;[this.#now, this.#later] = [this.#later, this.#now]
    return this.#now.shift()
  }

  #go(): void {
    const served = new Set<ScheduledChannel>()
    for (let channel = this.#next(); channel !== undefined; channel = this.#next()) {
      const account = this.#account(channel)
      if (account.credit > 0 && !this.#hasRoomFor(channel)) {
        this.#ready.push(channel)
        if (this.#watch()) continue
        break
      }
      if (account.credit > 0) {
        account.credit -= channel.next()
        this.#look(channel)
        served.add(channel)
      }
      if (channel.waiting) this.#queue(channel, account.credit)
    }
    for (const channel of served) channel.settle()
  }

  /** Re-reads what each channel has in the engine; true when some of it left meanwhile. */
  #watch(): boolean {
    let left = false
    for (const channel of this.#inside) if (channel.watch() && this.#look(channel)) left = true
    return left
  }
}
