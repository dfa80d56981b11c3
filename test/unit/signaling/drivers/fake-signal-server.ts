/** A signal server in virtual time, around the real hub. It can be stopped, started and muted, and can send any text. */
import type { Dial, Env, TextSocket } from '../../../../src/core/env.js'
import type { HubClient, Outlet } from '../../../../src/signaling/server/hub-client.js'
import { Hub } from '../../../../src/signaling/server/hub.js'
import type { HubLimits } from '../../../../src/signaling/server/signal-server-options.js'

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
  /** Frames of the clients, as received. */
  readonly heard: string[] = []
  dials = 0
  /** Takes every frame and sends none, as a half-open connection does. */
  muted = false
  readonly #env: Env
  readonly #sockets = new Set<VirtualSocket>()
  #up = true

  constructor(env: Env, limits: Partial<HubLimits> = {}) {
    this.#env = env
    this.hub = new Hub(env, { ...LIMITS, ...limits })
  }

  get connections(): number {
    return this.#sockets.size
  }

  readonly dial: Dial = (_url, signal) =>
    new Promise((resolve, reject) => {
      this.dials++
      this.#env.timer(2 * LATENCY, () => {
        if (!this.#up || signal.aborted) return reject(new Error('connection refused'))
        const socket = new VirtualSocket(this.#env, signal, () => {
          this.#sockets.delete(socket)
          client.leave()
        })
        const outlet: Outlet = {
          bufferedAmount: 0,
          send: frame => this.muted || socket.deliver(Buffer.from(frame).toString()),
          end: () => socket.end(),
        }
        const client: HubClient = this.hub.join(outlet, String(this.dials))
        socket.onSend = text => {
          this.heard.push(text)
          if (!this.muted) client.receive(text)
        }
        this.#sockets.add(socket)
        resolve(socket)
      })
    })

  stop(): void {
    this.#up = false
    for (const socket of [...this.#sockets]) socket.end()
  }

  start(): void {
    this.#up = true
  }

  /** Sends this text to every client. */
  inject(text: string): void {
    for (const socket of this.#sockets) socket.deliver(text)
  }
}

class VirtualSocket implements TextSocket {
  readonly bufferedAmount = 0
  onSend: (text: string) => void = () => {}
  readonly #env: Env
  readonly #gone: () => void
  readonly #unread: string[] = []
  #ended = false
  #wake = () => {}

  constructor(env: Env, signal: AbortSignal, gone: () => void) {
    this.#env = env
    this.#gone = gone
    signal.addEventListener('abort', () => this.end())
  }

  send(text: string): void {
    if (!this.#ended) this.#env.timer(LATENCY, () => this.onSend(text))
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
    if (this.#ended) return
    this.#ended = true
    // Frames that were sent before still arrive.
    this.#env.timer(LATENCY, () => this.#gone())
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    while (!this.#ended) {
      const text = this.#unread.shift()
      if (text === undefined) await new Promise<void>(resolve => (this.#wake = resolve))
      else yield text
    }
  }
}
