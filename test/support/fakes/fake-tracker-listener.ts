/** A listener of one topic that records its calls, and lets a test wait for them. */
import type { SwarmlinkError } from '../../../src/core/errors.js'
import type { InboundDescription, SignalingListener, SwarmCounts } from '../../../src/signaling/signaling.js'

export class RecordingListener implements SignalingListener {
  /** The names of the calls, in order. */
  readonly log: Array<keyof SignalingListener> = []
  readonly offers: InboundDescription[] = []
  readonly answers: InboundDescription[] = []
  readonly stats: SwarmCounts[] = []
  readonly warnings: SwarmlinkError[] = []
  onOpen: () => void = () => {}
  readonly #waiting = new Set<() => void>()

  open(): void {
    this.#heard('open')
    this.onOpen()
  }

  close(): void {
    this.#heard('close')
  }

  offer(offer: InboundDescription): void {
    this.offers.push(offer)
    this.#heard('offer')
  }

  answer(answer: InboundDescription): void {
    this.answers.push(answer)
    this.#heard('answer')
  }

  counts(counts: SwarmCounts): void {
    this.stats.push(counts)
    this.#heard('counts')
  }

  warning(error: SwarmlinkError): void {
    this.warnings.push(error)
    this.#heard('warning')
  }

  /** Resolves once the condition holds. It is checked after every call. */
  until(condition: (listener: this) => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!condition(this)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  #heard(name: keyof SignalingListener): void {
    this.log.push(name)
    for (const look of [...this.#waiting]) look()
  }
}
