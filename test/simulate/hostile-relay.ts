/** A test member that does whatever it likes with the payloads that it is asked to forward. */
import type { Id } from '../../src/core/id.js'
import type { RelayPort } from '../../src/signaling/exchange/relay-peer.js'
import { ExchangeSignaling } from '../../src/signaling/exchange/exchange-signaling.js'
import { decode, encode, type ExchangeFrame } from '../../src/signaling/exchange/codec.js'
import { type Node, TOPIC } from './world.js'

type Payload = Extract<ExchangeFrame, { type: 'forward' | 'forwarded' }>['payload']

/** A relay over the member's real connections. */
export class HostileRelay extends ExchangeSignaling {
  readonly #ports = new Map<Id, RelayPort>()
  /** Returns true for a message that it handled. All others are processed as usual. */
  plot: (from: Id, message: ExchangeFrame) => boolean = () => false

  override joined(topic: Id, port: RelayPort): void {
    this.#ports.set(port.remote, port)
    super.joined(topic, port)
  }

  override received(port: RelayPort, bytes: Uint8Array): void {
    const message = decode(bytes.slice()) // copied, because the relay keeps it
    if (message !== undefined && !this.plot(port.remote, message)) super.received(port, bytes)
  }

  says(to: Id, message: ExchangeFrame): void {
    this.writes(to, encode(message))
  }

  /** Sends bytes that need not be a message. */
  writes(to: Id, bytes: Uint8Array): void {
    this.#ports.get(to)?.send(bytes)
  }

  /** Brings a payload to a neighbour, in whose name it likes. */
  brings(to: Id, from: Id, payload: Payload): void {
    this.says(to, { type: 'forwarded', topic: TOPIC, peer: from, payload })
  }
}

/** Replaces this node's relay by a hostile one, before the node meets a peer. */
export async function makeHostile(node: Node): Promise<HostileRelay> {
  const relay = new HostileRelay({ env: node.runtime.env })
  node.runtime.sharedTopics.exchange = relay
  await node.swarm.detach('exchange')
  relay.subscribe(TOPIC, { open() {}, close() {}, offer() {}, answer() {}, counts() {}, warning() {} })
  return relay
}
