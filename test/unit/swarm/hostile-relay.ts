/** A member that may do with what it is asked to pass on whatever it likes, for tests. */
import type { Id } from '../../../src/core/id.js'
import type { RelayPort } from '../../../src/signaling/relay/port.js'
import { RelaySignaling } from '../../../src/signaling/relay/relay.js'
import { decode, encode, type RelayMessage } from '../../../src/signaling/relay/wire.js'
import { type Node, TOPIC } from './world.js'

type Letter = Extract<RelayMessage, { type: 'pass' | 'passed' }>['letter']

/** A relay on connections as they are. */
export class HostileRelay extends RelaySignaling {
  readonly #ports = new Map<Id, RelayPort>()
  /** True for what is dealt with; all else is done as it should be. */
  plot: (from: Id, message: RelayMessage) => boolean = () => false

  override joined(topic: Id, port: RelayPort): void {
    this.#ports.set(port.remote, port)
    super.joined(topic, port)
  }

  override received(port: RelayPort, bytes: Uint8Array): void {
    const message = decode(bytes.slice()) // it keeps what it hears
    if (message !== undefined && !this.plot(port.remote, message)) super.received(port, bytes)
  }

  says(to: Id, message: RelayMessage): void {
    this.writes(to, encode(message))
  }

  /** Says what need not be a message. */
  writes(to: Id, bytes: Uint8Array): void {
    this.#ports.get(to)?.send(bytes)
  }

  /** Brings a letter to a neighbour, in whose name it likes. */
  brings(to: Id, from: Id, letter: Letter): void {
    this.says(to, { type: 'passed', topic: TOPIC, peer: from, letter })
  }
}

/** Gives this node a hostile relay in the place of its own, before it meets anyone. */
export async function makeHostile(node: Node): Promise<HostileRelay> {
  const relay = new HostileRelay({ env: node.network.env })
  node.network.sharing.relay = relay
  await node.swarm.detach('exchange')
  relay.subscribe(TOPIC, { open() {}, close() {}, offer() {}, answer() {}, counts() {}, warning() {} })
  return relay
}
