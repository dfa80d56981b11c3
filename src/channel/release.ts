/**
 * Gives the memory of a packet back at once. V8 lets 32 MiB of array buffers that nobody has any more lie before it looks at
 * them, which is twice what a whole message may take.
 */

/** Smaller ones are not worth the call. */
const LEAST = 16 * 1024

/** Detaches the packet: whoever still has it has nothing. */
export function release(packet: Uint8Array): void {
  const { buffer } = packet
  // A part of something larger is not ours alone.
  if (packet.byteLength < LEAST || packet.byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  const movable = buffer as { transfer?: (length: number) => unknown } // newer than the library of types that we build with
  if (movable.transfer !== undefined) movable.transfer(0)
  else (grave ??= dig()).postMessage(undefined, [buffer])
}

let grave: MessagePort | undefined

/** Before Node 22 the one way to detach a buffer is to send it somewhere; what is sent into a closed channel is gone. */
function dig(): MessagePort {
  const { port1 } = new MessageChannel()
  port1.close()
  return port1
}
