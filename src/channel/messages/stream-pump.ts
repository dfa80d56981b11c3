/** From a source of bytes into a stream, as fast as the stream takes them. */
import { invalid } from '../core/arguments.js'
import { SwarmlinkError } from '../core/errors.js'
import { detached, viewOf } from './message-form.js'
import type { StreamSource } from './messenger.js'
import type { StreamTransfer } from './transfer.js'

/** Resolves when the remote has read everything; rejects when the stream, the source or the application gives up. */
export async function pump(
  transfer: StreamTransfer,
  source: StreamSource,
  { signal, moved }: { signal: AbortSignal | undefined; moved: () => void },
): Promise<void> {
  const chunks = chunksOf(source) // throws for a stream that somebody else reads
  const abort = () => transfer.fail(new SwarmlinkError('ERR_ABORTED', 'the stream was given up', { cause: signal?.reason }))
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort)
  // One listener for the whole stream: a race for each chunk would leave one behind each time.
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
    void chunks.return() // not waited for: a source that hangs must not keep the caller
  }
}

interface Chunks {
  next(): Promise<IteratorResult<Uint8Array, unknown>>
  return(): Promise<void>
}

function chunksOf(source: StreamSource): Chunks {
  if ('getReader' in source) return readerOf(source) // some browsers' streams cannot be iterated over
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  return {
    next: async () => await iterator.next(),
    return: async () => {
      try {
        await iterator.return?.()
      } catch {
        // The source could not be closed, which is its own affair.
      }
    },
  }
}

function readerOf(stream: ReadableStream<Uint8Array>): Chunks {
  const reader = stream.getReader()
  return {
    next: async () => await reader.read(),
    return: () => reader.cancel().catch(() => {}),
  }
}

function wrongSize(claimed: number, written: number): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', `\`size\` says ${claimed} bytes, the source gave ${written}`)
}
