/** A room of calls in virtual time: Senders and Receivers on machines of their own, over a bus that a test listens to, delays and makes lose messages. */
// oxlint-disable-next-line import/no-unassigned-import -- otherwise loaded at a moment unknown to virtual time
import '../../../src/media/lazy-call.js'
import type { SenderOptions } from '../../../src/media/sender.js'
import { Sender } from '../../../src/media/sender.js'
import { Receiver, type ReceiverOptions } from '../../../src/media/receiver.js'
import type { Driver, DriverHandler } from '../../../src/signaling/drivers/driver.js'
import { MemoryDriver } from '../../../src/signaling/drivers/memory-driver.js'
import { FakeRtcNet, type FakeMachine } from './fake-rtc.js'
import { VirtualEnv } from './virtual-env.js'

/** A message as it was emitted, with the fields that tests read. */
export interface BusMessage {
  type: string
  id: string
  [field: string]: unknown
}

export interface Emitted {
  at: number
  namespace: readonly string[]
  message: BusMessage
}

const EVENTS = [
  ...['connect', 'reconnecting', 'reconnected', 'dispose', 'message', 'drain', 'error'],
  ...['stream', 'channel', 'sync', 'mute', 'full'],
]

/** What an event told, with the members that tests read. */
export interface Told {
  name: string
  at: number
  detail: Record<string, unknown> & { id: string; error?: Error }
}

/** One end, its machine and what it told so far. */
export class CallEnd<End extends Sender | Receiver> {
  readonly end: End
  readonly env: VirtualEnv
  readonly machine: FakeMachine
  readonly told: Told[] = []

  constructor(end: End, env: VirtualEnv, machine: FakeMachine) {
    this.end = end
    this.env = env
    this.machine = machine
    for (const name of EVENTS)
      EventTarget.prototype.addEventListener.call(end, name, event =>
        this.told.push({ name, at: env.now(), detail: (event as CustomEvent<Told['detail']>).detail }),
      )
  }

  /** The details of all events of this name. */
  all(name: string): Array<Told['detail']> {
    return this.told.filter(event => event.name === name).map(({ detail }) => detail)
  }

  count(name: string): number {
    return this.all(name).length
  }

  /** The names of all events, in their order. */
  get names(): string[] {
    return this.told.map(({ name }) => name)
  }

  get messages(): unknown[] {
    return this.all('message').map(({ message }) => message)
  }

  get errors(): string[] {
    return this.all('error').map(({ error }) => error?.message ?? '')
  }

  get id(): string {
    const { id } = this.end
    if (id === undefined) throw new Error('it has no id before it is in its room')
    return id
  }
}

export class CallWorld {
  readonly env: VirtualEnv
  readonly net: FakeRtcNet
  readonly bus = new MemoryDriver()
  readonly emitted: Emitted[] = []
  readonly ends: Array<CallEnd<Sender> | CallEnd<Receiver>> = []
  /** Whether the bus loses this message. */
  lose: (emitted: Emitted) => boolean = () => false
  /** Milliseconds that the bus takes for this message. */
  delay: (emitted: Emitted) => number = () => 0

  constructor(seed = 1) {
    this.env = new VirtualEnv({ seed })
    this.net = new FakeRtcNet(this.env)
  }

  /** A driver of one process on the bus. */
  driver(): Driver {
    return {
      on: (namespace, handler: DriverHandler) => this.bus.on(namespace, handler),
      off: (namespace, handler: DriverHandler) => this.bus.off(namespace, handler),
      emit: (namespace, message) => {
        const emitted = { at: this.env.now(), namespace, message: message as BusMessage }
        this.emitted.push(emitted)
        if (this.lose(emitted)) return
        const delay = this.delay(emitted)
        if (delay === 0) this.bus.emit(namespace, message)
        else this.env.timer(delay, () => this.bus.emit(namespace, message))
      },
    }
  }

  sender(options: Partial<SenderOptions> = {}): CallEnd<Sender> {
    return this.#add(common => new Sender({ ...common, ...options }))
  }

  receiver(options: Partial<ReceiverOptions> = {}): CallEnd<Receiver> {
    return this.#add(common => new Receiver({ ...common, ...options }))
  }

  /** Writes on the bus as a stranger. */
  write(namespace: readonly string[], message: unknown): void {
    this.bus.emit(namespace, message)
  }

  /** Messages of this type so far. */
  count(type: string): number {
    return this.emitted.filter(({ message }) => message.type === type).length
  }

  /** Lets everything settle and time pass. */
  advance(ms: number): Promise<void> {
    return this.env.advance(ms)
  }

  /** Advances time until both ends of each pair have told `connect`. */
  connected(...ends: Array<CallEnd<Sender> | CallEnd<Receiver>>): Promise<void> {
    return this.env.until(() => ends.every(end => end.count('connect') > 0))
  }

  async stop(): Promise<void> {
    await Promise.all(this.ends.map(({ end }) => end.stop()))
    await this.env.advance(1_000)
  }

  #add<End extends Sender | Receiver>(
    make: (common: Pick<SenderOptions, 'driver' | 'env' | 'wrtc' | 'iceServers'>) => End,
  ): CallEnd<End> {
    const env = this.env.fork()
    const machine = this.net.machine()
    const end = new CallEnd(make({ driver: this.driver(), env, wrtc: machine.wrtc, iceServers: [] }), env, machine)
    this.ends.push(end as (typeof this.ends)[number]) // a Sender or a Receiver
    return end
  }
}
