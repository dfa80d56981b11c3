/** Control frames that wait to be sent. A newer frame replaces an outdated one, and the number of the others is bounded. */
import type { NumberFrame, SendResult } from './frame-codec.js'
import type { MessageLimits } from './message-size.js'
import type { PacketWriter } from './packet-writer.js'

/** Limit for queued control frames; beyond it frames to a peer that does not read are dropped. */
const MAX_CONTROL_FRAMES = 256

export class ControlQueue {
  readonly #words: NumberFrame[] = []
  readonly #stops: Array<[id: number, verdict: SendResult]> = []
  readonly #credits = new Map<number, number>()
  #hello: MessageLimits | undefined
  /** The latest `bye` to send, and whether it has left. */
  #bye: { value: number; left: boolean } | undefined
  #pong: number | undefined

  hello(limits: MessageLimits): void {
    this.#hello = limits
  }

  /** Only the latest ping is answered. */
  pong(token: number): void {
    this.#pong = token
  }

  word(type: NumberFrame['type'], value: number): void {
    // `abort` is never dropped: a transfer that is not aborted blocks others. The number of transfers bounds it.
    if (type === 'abort' || this.#words.length < MAX_CONTROL_FRAMES) this.#words.push({ type, value })
  }

  /** Sent behind all queued messages. 1: all messages that the remote peer sent before its own `bye` have arrived. */
  bye(value: 0 | 1): void {
    if (this.#bye === undefined || this.#bye.value < value) this.#bye = { value, left: false }
  }

  /** Whether a `bye` has not left. */
  get byeWaits(): boolean {
    return this.#bye?.left === false
  }

  stop(id: number, verdict: SendResult): void {
    if (this.#stops.length < MAX_CONTROL_FRAMES) this.#stops.push([id, verdict])
  }

  /** Sends credit: the total bytes that were read of a stream, or with id 0 of all messages. */
  credit(id: number, taken: number): void {
    this.#credits.set(id, taken)
  }

  /** Writes all frames that fit, except `bye`. */
  write(packet: PacketWriter): void {
    if (this.#hello !== undefined && packet.hello(this.#hello)) this.#hello = undefined
    if (this.#pong !== undefined && packet.word('pong', this.#pong)) this.#pong = undefined
    // Before the credit: a sender takes no `stop` for a message after the credit for it.
    while (this.#stops[0] !== undefined && packet.stop(...this.#stops[0])) this.#stops.shift()
    for (const [id, taken] of this.#credits) if (packet.credit(id, taken)) this.#credits.delete(id)
    while (this.#words[0] !== undefined && packet.word(this.#words[0].type, this.#words[0].value)) this.#words.shift()
  }

  writeBye(packet: PacketWriter): void {
    if (this.#bye?.left === false) this.#bye.left = packet.word('bye', this.#bye.value)
  }

  clear(): void {
    this.#words.length = this.#stops.length = 0
    this.#credits.clear()
  }
}
