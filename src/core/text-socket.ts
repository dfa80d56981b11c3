/** A WebSocket, of the browser's or of `ws`, as a {@link Link}: text in, text out, over when it is over. */
import type { Link } from './env.js'

/** The part of the WebSocket interface that the browser's and `ws`'s have in common. */
interface SocketLike {
  readonly readyState: number
  readonly bufferedAmount: number
  send(text: string): void
  close(): void
  onopen: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
}

const OPEN = 1
/** Frames that arrived and wait for their reader. A server that sends faster than we parse is cut off here … */
const MAX_UNREAD = 4096
/** … or here, in characters: a reader that is merely busy for a second on a fast line stays below it. */
const MAX_UNREAD_LENGTH = 8 * 1024 * 1024
/** How long a polite close may take before the socket is torn down. */
const CLOSE_TIMEOUT = 500

/**
 * Resolves once the socket is open, rejects when it closes first. An abort closes it at any time. Iterating ends when the
 * socket is gone, not when it was asked to go; it throws when the other side ended it.
 */
export function connectLink<Socket extends SocketLike>(
  socket: Socket,
  signal: AbortSignal,
  terminate: (socket: Socket) => void,
): Promise<Link> {
  let unread: string[] = []
  let unreadLength = 0
  let failure: Error | undefined
  let state: 'live' | 'closing' | 'over' = 'live'
  let wake: (() => void) | undefined
  let closing: ReturnType<typeof setTimeout> | undefined

  const close = () => {
    if (state !== 'live') return
    state = 'closing'
    unread = []
    if (socket.readyState === OPEN) {
      socket.close()
      // A browser's socket cannot be torn down: after this time it is left to the browser.
      closing = setTimeout(() => {
        terminate(socket)
        end()
      }, CLOSE_TIMEOUT)
    } else terminate(socket)
  }
  const end = () => {
    state = 'over'
    clearTimeout(closing)
    signal.removeEventListener('abort', close)
    wake?.()
  }

  socket.onmessage = (event: { data: unknown }) => {
    if (state !== 'live') return
    // Binary frames are not part of any protocol here; they reach the codec as a text that it refuses.
    const text = typeof event.data === 'string' ? event.data : ''
    unreadLength += text.length
    if (unread.push(text) > MAX_UNREAD || unreadLength > MAX_UNREAD_LENGTH) {
      failure = new Error('the server sends faster than its frames can be read')
      close()
    }
    wake?.()
  }
  socket.onerror = (event: { error?: unknown; message?: string }) => {
    failure ??= event.error instanceof Error ? event.error : new Error(event.message ?? 'the WebSocket failed')
  }

  async function* read(): AsyncGenerator<string, void, undefined> {
    try {
      for (;;) {
        const text = unread.shift()
        if (text !== undefined) {
          unreadLength -= text.length
          yield text
        } else if (state === 'over') break
        else await new Promise<void>(resolve => (wake = resolve))
      }
      if (failure !== undefined) throw failure
    } finally {
      close()
      while (state === 'closing') await new Promise<void>(resolve => (wake = resolve))
    }
  }

  return new Promise((resolve, reject) => {
    socket.onopen = () =>
      resolve({
        send: text => {
          if (socket.readyState === OPEN) socket.send(text)
        },
        close,
        get bufferedAmount() {
          return socket.bufferedAmount
        },
        [Symbol.asyncIterator]: read,
      })
    socket.onclose = (event: { code?: number }) => {
      if (state === 'live') failure ??= new Error(`the WebSocket closed (${event.code ?? 'no code'})`)
      reject(failure ?? new Error('the WebSocket was closed before it opened'))
      end()
    }
    signal.addEventListener('abort', close)
    if (signal.aborted) close()
  })
}
