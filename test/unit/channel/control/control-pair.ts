/** Two ends of a control channel in virtual time, and an answerer whose remote peer sends arbitrary bytes. */
import { decodeControl, encodeControl, EXCHANGE, type ControlFrame } from '../../../../src/channel/control/codec.js'
import { ControlChannel, type ControlChannelHost } from '../../../../src/channel/control/control-channel.js'
import { concatBytes, toHex } from '../../../../src/core/bytes.js'
import type { Env, Timer } from '../../../../src/core/env.js'
import { SwarmlinkError } from '../../../../src/core/errors.js'
import type { Role } from '../../../../src/peer/negotiation.js'
import { FakeChannel, FakeNet } from '../../../support/fakes/fake-engine.js'
import { VirtualEnv } from '../../../support/fakes/virtual-env.js'

export const LATENCY = 10

/** The n-th hash. */
export function hash(n: number): string {
  return n.toString(16).padStart(16, '0')
}

export function hashes(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => hash(from + i))
}

export function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

export interface Line {
  readonly env: VirtualEnv
  readonly net: FakeNet
}

/** Opens a channel: after one trip the remote end has it, after the trip back it is open here. */
export function dial({ env, net }: Line, arrive: (channel: FakeChannel) => void): FakeChannel {
  const [near, far] = [new FakeChannel(net, 'control'), new FakeChannel(net, 'control')]
  near.pair(far)
  far.pair(near)
  env.timer(net.latency, () => {
    far.open()
    arrive(far)
    env.timer(net.latency, () => near.open())
  })
  return near
}

/** An environment that counts its own pending timers. */
class CountingEnv implements Env {
  timers = 0
  readonly #env: VirtualEnv
  readonly dial: Env['dial']

  constructor(env: VirtualEnv) {
    this.#env = env
    this.dial = env.dial
  }

  now(): number {
    return this.#env.now()
  }

  random(): number {
    return this.#env.random()
  }

  randomBytes(length: number): Uint8Array {
    return this.#env.randomBytes(length)
  }

  timer(ms: number, callback: () => void): Timer {
    this.timers++
    let over = false
    const end = () => {
      if (!over) this.timers--
      over = true
    }
    const timer = this.#env.timer(ms, () => {
      end()
      callback()
    })
    return {
      cancel: () => {
        end()
        timer.cancel()
      },
    }
  }
}

/** One end, with the events and channels that it had. */
export class End implements ControlChannelHost {
  readonly control: ControlChannel
  readonly heard: string[] = []
  readonly faults: string[] = []
  opened = 0
  greetings = 0
  renewals = 0
  well = true
  own: FakeChannel | undefined
  /** Opens a channel; set once both ends exist. */
  dial: () => FakeChannel = () => {
    throw new SwarmlinkError('ERR_CLOSED', 'the connection is closed')
  }

  readonly #env: CountingEnv

  constructor({ env }: Line, role: Role) {
    this.#env = new CountingEnv(env)
    this.control = new ControlChannel({ env: this.#env, host: this, role, capabilities: EXCHANGE })
  }

  /** Its own pending timers. */
  get timers(): number {
    return this.#env.timers
  }

  open(): FakeChannel {
    this.opened++
    this.own = this.dial()
    return this.own
  }

  isWell(): boolean {
    return this.well
  }

  renewed(): void {
    this.renewals++
  }

  silent(topic: string | undefined): void {
    this.heard.push(`silent ${topic ?? 'origin'}`)
  }

  greeted(): void {
    if (this.control.capabilities === undefined) throw new Error('a greeting that says nothing')
    this.greetings++
  }

  topics(news: string[]): void {
    for (const each of news) if (!this.control.topics.has(each)) throw new Error(`${each} is not known yet`)
    this.heard.push(`topics ${news.length}`)
  }

  bye(): void {
    this.heard.push('bye')
  }

  restart(frame: ControlFrame): void {
    this.heard.push(JSON.stringify(frame))
  }

  relay(message: Uint8Array): void {
    this.heard.push(`relay ${toHex(message.subarray(0, 4))} ${message.length}`)
  }

  fault({ code }: SwarmlinkError): void {
    this.faults.push(code)
  }
}

export interface Pair extends Line {
  /** The offerer. */
  here: End
  there: End
  /** The channels that reached the answerer. */
  arrived: FakeChannel[]
  sent: () => number
}

/** Two ends whose connection is up. */
export function pair(): Pair {
  const env = new VirtualEnv()
  const line = { env, net: new FakeNet(env, { latency: LATENCY }) }
  const [here, there] = [new End(line, 'offerer'), new End(line, 'answerer')]
  const arrived: FakeChannel[] = []
  const opened: FakeChannel[] = []
  here.dial = () => {
    const channel = dial(line, far => {
      arrived.push(far)
      there.control.adopt(far)
    })
    opened.push(channel)
    return channel
  }
  there.control.start()
  here.control.start()
  const sent = () => [...arrived, ...opened].reduce((sum, channel) => sum + channel.sent, 0)
  return { ...line, here, there, arrived, sent }
}

/** An answerer, and a remote peer that sends arbitrary bytes on a channel that it opened. */
export async function forged(): Promise<
  Line & { here: End; channel: FakeChannel; say: (...frames: ControlFrame[]) => void; told: ControlFrame[] }
> {
  const env = new VirtualEnv()
  const line = { env, net: new FakeNet(env, { latency: LATENCY }) }
  const here = new End(line, 'answerer')
  here.control.start()
  const told: ControlFrame[] = []
  const channel = dial(line, far => here.control.adopt(far))
  channel.on('message', message => told.push(...decodeControl(message as Uint8Array))) // a text would fail to decode
  await env.advance(2 * LATENCY)
  return { ...line, here, channel, told, say: (...frames) => channel.send(written(...frames)) }
}

export function written(...frames: ControlFrame[]): Uint8Array {
  return concatBytes(...frames.map(frame => encodeControl(frame)))
}

export const please: ControlFrame = { type: 'restart-please', number: 1 }
export const hello: ControlFrame & { type: 'hello' } = { type: 'hello', version: 1, capabilities: EXCHANGE }
