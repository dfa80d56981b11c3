/** A signal server in virtual time, around the real hub. It can be stopped and started, muted, and made to say anything. */
import type { Dial, Env, Link } from '../../../../src/core/env.js'
import type { HubClient, Outlet } from '../../../../src/signaling/pubsub/hub-client.js'
import { Hub, type HubLimits } from '../../../../src/signaling/pubsub/hub.js'

const LATENCY = 5

const LIMITS: HubLimits = {
  maxFrame: 144 * 1024,
  maxDepth: 8,
  maxNamespaceLength: 1_024,
  maxSubscriptions: 4_096,
  messagesPerSecond: 100,
  bytesPerSecond: 256 * 1024,
  sendsPerSecond: 5_000,
  sendsPerSecondPerAddress: 20_000,
  maxBuffered: 1024 * 1024,
}

export class FakeSignalServer {
  readonly url = 'ws://signal.test/'
  readonly hub: Hub
  /** What clients said, as it came. */
  readonly heard: string[] = []
  dials = 0
  /** Takes everything and says nothing, as a half-dead connection does. */
  muted = false
  readonly #env: Env
  readonly #links = new Set<VirtualLink>()
  #up = true

  constructor(env: Env, limits: Partial<HubLimits> = {}) {
    this.#env = env
    this.hub = new Hub(env, { ...LIMITS, ...limits })
  }

  get connections(): number {
    return this.#links.size
  }

  readonly dial: Dial = (_url, signal) =>
    new Promise((resolve, reject) => {
      this.dials++
      this.#env.timer(2 * LATENCY, () => {
        if (!this.#up || signal.aborted) return reject(new Error('connection refused'))
        const link = new VirtualLink(this.#env, signal, () => {
          this.#links.delete(link)
          client.leave()
        })
        const outlet: Outlet = {
          bufferedAmount: 0,
          send: frame => this.muted || link.deliver(Buffer.from(frame).toString()),
          end: () => link.end(),
        }
        const client: HubClient = this.hub.join(outlet, String(this.dials))
        link.onSend = text => {
          this.heard.push(text)
          if (!this.muted) client.receive(text)
        }
        this.#links.add(link)
        resolve(link)
      })
    })

  stop(): void {
    this.#up = false
    for (const link of [...this.#links]) link.end()
  }

  start(): void {
    this.#up = true
  }

  /** Says this to everybody, whatever it is. */
  inject(text: string): void {
    for (const link of this.#links) link.deliver(text)
  }
}

class VirtualLink implements Link {
  readonly bufferedAmount = 0
  onSend: (text: string) => void = () => {}
  readonly #env: Env
  readonly #gone: () => void
  readonly #unread: string[] = []
  #over = false
  #wake = () => {}

  constructor(env: Env, signal: AbortSignal, gone: () => void) {
    this.#env = env
    this.#gone = gone
    signal.addEventListener('abort', () => this.end())
  }

  send(text: string): void {
    if (!this.#over) this.#env.timer(LATENCY, () => this.onSend(text))
  }

  deliver(text: string): void {
    this.#env.timer(LATENCY, () => {
      this.#unread.push(text)
      this.#wake()
    })
  }

  close(): void {
    this.end()
  }

  end(): void {
    if (this.#over) return
    this.#over = true
    // What was sent before is still on its way.
    this.#env.timer(LATENCY, () => this.#gone())
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    while (!this.#over) {
      const text = this.#unread.shift()
      if (text === undefined) await new Promise<void>(resolve => (this.#wake = resolve))
      else yield text
    }
  }
}
