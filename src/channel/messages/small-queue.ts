/** Small messages that wait to be sent, in packets: plain messages apart from requests and replies, which have different windows. */
import { MAX_FRAME, type Head } from './frame-codec.js'
import { PacketWriter } from './packet-writer.js'

interface Packet {
  readonly writer: PacketWriter
  readonly plain: boolean
}

export class SmallQueue {
  /** In order. */
  readonly #packets: Packet[] = []
  /** A buffer to reuse: its packet has left. */
  #spare: PacketWriter | undefined
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Adds the message to the latest packet; false if that has no room or is of the other kind. */
  append(head: Head, payload: string | Uint8Array): boolean {
    const last = this.#packets.at(-1)
    if (last?.plain !== (head.purpose === 'plain')) return false
    const before = last.writer.length
    const fits = last.writer.message(head, payload)
    this.#bytes += last.writer.length - before
    return fits
  }

  /** Adds the message in a packet of its own. */
  add(head: Head, payload: Uint8Array): void {
    const writer = this.#spare ?? new PacketWriter(MAX_FRAME)
    this.#spare = undefined
    writer.clear()
    writer.message(head, payload)
    this.#packets.push({ writer, plain: head.purpose === 'plain' })
    this.#bytes += writer.length
  }

  /** The oldest packet that may leave. Requests and replies overtake plain messages whose part of the window is full. */
  first(plainCredit: number, credit: number): PacketWriter | undefined {
    const mayLeave = ({ writer, plain }: Packet) => writer.cost <= (plain ? plainCredit : credit)
    const [first] = this.#packets
    if (first === undefined || mayLeave(first)) return first?.writer
    return this.#packets.find(packet => !packet.plain && mayLeave(packet))?.writer
  }

  /** Removes a packet that leaves; its bytes are valid until the next `add`. */
  take(writer: PacketWriter): void {
    const at = this.#packets.findIndex(packet => packet.writer === writer)
    this.#packets.splice(at, 1)
    this.#bytes -= writer.length
    this.#spare = writer
  }

  clear(): void {
    this.#packets.length = 0
    this.#bytes = 0
  }
}
