/** Pumps bytes from a source into an outgoing stream, with backpressure. */
import { invalid } from '../../core/arguments.js'
import { misuse, SwarmlinkError } from '../../core/errors.js'
import { detached, viewOf } from './message-copier.js'
import type { StreamSource } from './messenger.js'
import type { StreamTransfer } from './transfer.js'

/** Resolves when the remote peer has read all bytes; rejects if the stream fails, the source fails, or the application aborts. */
export async function pump(
  transfer: StreamTransfer,
  source: StreamSource,
  { signal, moved }: { signal: AbortSignal | undefined; moved: () => void },
): Promise<void> {
  const chunks = chunksOf(source) // throws if the stream is locked to another reader
  const abort = () => transfer.fail(new SwarmlinkError('ERR_ABORTED', 'the stream was aborted', { cause: signal?.reason }))
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort)
  // One listener for the whole stream, because a `Promise.race` per chunk would leak one listener each.
  let leave = () => {}
  void transfer.over.then(() => leave())
  try {
    let written = 0
    while (transfer.error === undefined) {
      const chunk = await new Promise<Uint8Array | undefined>((resolve, reject) => {
        leave = () => resolve(undefined)
        chunks.next().then(({ value, done }) => resolve(done === true ? undefined : value), reject)
      })
      if (chunk === undefined) break
      if (!(chunk instanceof Uint8Array)) throw invalid('each part of a stream', 'a Uint8Array', chunk)
      if (viewOf(chunk) === undefined) throw detached('a chunk of a stream')
      written += chunk.byteLength
      if (transfer.total !== undefined && written > transfer.total) throw wrongSize(transfer.total, written)
      transfer.write(chunk)
      moved()
      await transfer.roomy()
    }
    if (transfer.error === undefined) {
      if (transfer.total !== undefined && written < transfer.total) throw wrongSize(transfer.total, written)
      transfer.end()
      moved()
    }
    await transfer.over
    if (transfer.error !== undefined) throw transfer.error
  } finally {
    signal?.removeEventListener('abort', abort)
    void chunks.return() // not awaited, because a source may hang
  }
}

interface Chunks {
  next(): Promise<IteratorResult<Uint8Array, unknown>>
  return(): Promise<void>
}

function chunksOf(source: StreamSource): Chunks {
  if ('getReader' in source) {
    const reader = source.getReader() // in some browsers a ReadableStream is not iterable
    return { next: async () => await reader.read(), return: () => reader.cancel().catch(() => {}) }
  }
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  return {
    next: async () => await iterator.next(),
    return: async () => {
      try {
        await iterator.return?.()
      } catch {
        // Closing the source failed, which does not matter to the stream.
      }
    },
  }
}

function wrongSize(claimed: number, written: number): SwarmlinkError {
  return misuse(`the source gave ${written} bytes, but \`size\` is ${claimed}: correct it`)
}
