/**
 * The channels of one connection take turns, because they share one queue in the engine that is first come, first served: it gets a
 * window's worth, and what is beyond that waits in a queue for each channel. Knows nothing of what the messages mean.
 */
import { HIGH_WATER, type EngineChannel } from '../engine/engine.js'
import { SharedChannel, type Scheduler } from './shared-channel.js'

/**
 * What is in the engine while several channels send: what a fresh message waits behind, 4 ms at 60 MB/s. Half of it cost throughput on a
 * busy machine, twice as much gave none and took the time.
 */
export const SHARED_WINDOW = 256 * 1024
/** What a channel may send in one round: a full message of a wire. */
const TURN = 64 * 1024

/**
 * A round gives each channel that has something waiting {@link TURN} bytes. Messages stay whole, so a channel may owe some of its next
 * rounds. Whoever comes with credit left is next, and first of those who has least: a small message finds only the engine's window before it.
 *
 * @example
 * const turns = new Turns()
 * const [wire, messages] = [turns.share(first), turns.share(second)]
 */
export class Turns {
  /** Those that have something in the engine, as far as we know, and how much all have. */
  readonly #inside = new Set<SharedChannel>()
  #bytes = 0
  /** What each may still send in this round; below zero it is a debt. */
  readonly #accounts = new Map<SharedChannel, { credit: number; round: number }>()
  /** Those that wait: who came in this round or is in the middle of its turn, who is still to have one, who had one. */
  #came: SharedChannel[] = []
  #now: SharedChannel[] = []
  #later: SharedChannel[] = []
  #round = 0
  #soon = false

  readonly #scheduler: Scheduler = {
    mayPass: channel => this.#mayPass(channel),
    passed: channel => {
      this.#look(channel)
      channel.unwatch()
    },
    waits: channel => {
      this.#queue(channel)
      this.#goSoon()
    },
    drained: channel => {
      this.#look(channel)
      this.#go()
      if (this.#waiting === 0) channel.unwatch()
      channel.settle()
    },
    closed: channel => this.#forget(channel),
  }

  /** The same channel for its sender, who shares the connection with all others that were handed in here. */
  share(channel: EngineChannel): EngineChannel {
    return new SharedChannel(channel, this.#scheduler)
  }

  get #waiting(): number {
    return this.#came.length + this.#now.length + this.#later.length
  }

  #mayPass(channel: SharedChannel): boolean {
    if (this.#waiting > 0) return false
    if (this.#hasRoomFor(channel)) return true
    for (const each of this.#inside) this.#look(each) // what is small leaves without a word
    return this.#hasRoomFor(channel)
  }

  /** A channel that sends alone has the engine as it would without us. */
  #hasRoomFor(channel: SharedChannel): boolean {
    const others = this.#waiting + this.#inside.size - (channel.inside > 0 ? 1 : 0)
    return this.#bytes <= (others > 0 ? SHARED_WINDOW : HIGH_WATER)
  }

  #look(channel: SharedChannel): boolean {
    const more = channel.look()
    this.#bytes += more
    if (channel.inside > 0) this.#inside.add(channel)
    else this.#inside.delete(channel)
    return more < 0
  }

  #account(channel: SharedChannel): { credit: number; round: number } {
    const { credit, round } = this.#accounts.get(channel) ?? { credit: 0, round: this.#round - 1 }
    const account = { credit: Math.min(TURN, credit + TURN * (this.#round - round)), round: this.#round }
    this.#accounts.set(channel, account)
    return account
  }

  #queue(channel: SharedChannel): void {
    if (this.#account(channel).credit > 0) this.#came.push(channel)
    else this.#later.push(channel)
  }

  #next(): SharedChannel | undefined {
    const came = this.#came
    let least = 0
    for (const [at, { waitingBytes }] of came.entries()) if (waitingBytes < (came[least]?.waitingBytes ?? 0)) least = at
    const next = came.splice(least, 1)[0] ?? this.#now.shift()
    if (next !== undefined) return next
    this.#round++
    ;[this.#now, this.#later] = [this.#later, this.#now]
    return this.#now.shift()
  }

  /** Not in the middle of somebody's `send` or `close`. */
  #goSoon(): void {
    if (this.#soon) return
    this.#soon = true
    queueMicrotask(() => {
      this.#soon = false
      this.#go()
    })
  }

  #go(): void {
    const served = new Set<SharedChannel>()
    for (let channel = this.#next(); channel !== undefined; channel = this.#next()) {
      const account = this.#account(channel)
      if (account.credit > 0 && !this.#hasRoomFor(channel)) {
        this.#came.push(channel)
        if (this.#watch()) continue
        break
      }
      if (account.credit > 0) {
        account.credit -= channel.next()
        this.#look(channel)
        served.add(channel)
      }
      if (!channel.waiting) continue
      if (account.credit > 0) this.#came.push(channel)
      else this.#later.push(channel)
    }
    for (const channel of served) channel.settle()
  }

  /** Whoever has something in the engine tells when it leaves; true when some has left meanwhile. */
  #watch(): boolean {
    let left = false
    for (const channel of this.#inside) if (channel.watch() && this.#look(channel)) left = true
    return left
  }

  #forget(channel: SharedChannel): void {
    this.#look(channel)
    this.#accounts.delete(channel)
    for (const list of [this.#came, this.#now, this.#later]) {
      const at = list.indexOf(channel)
      if (at >= 0) list.splice(at, 1)
    }
    this.#goSoon()
  }
}
