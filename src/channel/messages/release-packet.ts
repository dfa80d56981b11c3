/** Frees a packet's memory at once: V8 collects unreferenced buffers only after 32 MiB of them, twice the default largest message. */

/** Smallest packet to release, in bytes: a call costs more than a smaller one. */
const LEAST = 16 * 1024

/** Detaches the packet's buffer: all views of it become empty. */
export function release(packet: Uint8Array): void {
  const { buffer } = packet
  // Other views may share a larger buffer.
  if (packet.byteLength < LEAST || packet.byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  const movable = buffer as { transfer?: (length: number) => unknown } // newer than the TypeScript library of this build
  if (movable.transfer !== undefined) movable.transfer(0)
  else (closedPort ??= makeClosedPort()).postMessage(undefined, [buffer])
}

let closedPort: MessagePort | undefined

/** Before Node 22 only `postMessage` detaches a buffer; a closed channel then drops it. */
function makeClosedPort(): MessagePort {
  const { port1 } = new MessageChannel()
  port1.close()
  return port1
}
