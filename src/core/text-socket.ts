/** Wraps a WebSocket (the browser's or that of `ws`) as a {@link TextSocket}. */
import type { TextSocket } from './env.js'

/** The part of the interface that the browser's WebSocket and that of `ws` share. */
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
/** Limit for unread frames. The socket of a server that sends faster than the frames are read closes here … */
const MAX_UNREAD = 4096
/** … or here, in characters. A reader that is busy for 1 s on a fast line stays below it. */
const MAX_UNREAD_LENGTH = 8 * 1024 * 1024
/** Milliseconds that the closing handshake may take before the socket is terminated. */
const CLOSE_TIMEOUT = 500

/**
 * Resolves once the socket is open, rejects if it closes first. An abort closes it at any time. The iteration ends when the
 * socket has closed, not when `close()` is called; it throws if the server closed the socket.
 */
export function openTextSocket<Socket extends SocketLike>(
  socket: Socket,
  signal: AbortSignal,
  terminate: (socket: Socket) => void,
): Promise<TextSocket> {
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
      // A browser cannot terminate a socket: after this time it finishes the close on its own.
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
    // No protocol here has binary frames: each becomes an empty text, which the codec refuses.
    const text = typeof event.data === 'string' ? event.data : ''
    unreadLength += text.length
    if (unread.push(text) > MAX_UNREAD || unreadLength > MAX_UNREAD_LENGTH) {
      failure = new Error('the server sends faster than its frames can be read: the WebSocket was closed')
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
