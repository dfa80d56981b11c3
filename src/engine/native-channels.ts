/**
 * Stands between node-datachannel's W3C polyfill and its native channels, because a native channel may never say that it has closed.
 *
 * A native channel (0.33.4, with libdatachannel 0.24.5) keeps the process alive until its `closed` callback has run. The library drops that
 * callback in two cases. A remote peer closes the channel before this thread has taken it over: the callback comes too late. Or both ends close
 * it at once: a thread of the library marks the channel as closed and is about to call back, when `close()` finds the mark, does nothing, and
 * destroys the callbacks. So a channel that the library is closing is never closed here, and one that does not call back in time is
 * released: it says that it has closed, and the native object is left to the garbage collector.
 */
import v8 from 'node:v8'
import vm from 'node:vm'
import { logger } from '../core/log.js'
import { quietly } from './rtc.js'

const log = logger('engine')

/** Milliseconds that a closed channel has for its callback. One that comes later changes nothing. */
const CALLBACK_DEADLINE = 1000

/** The part of node-datachannel's class `DataChannel` that its polyfill uses. */
export interface NativeChannel {
  getLabel(): string
  getId(): number | null
  getProtocol(): string
  isOpen(): boolean
  bufferedAmount(): number
  maxMessageSize(): number
  setBufferedAmountLowThreshold(bytes: number): void
  sendMessage(message: string): boolean
  sendMessageBinary(message: Uint8Array): boolean
  close(): void
  onOpen(listener: () => void): void
  onClosed(listener: () => void): void
  onError(listener: (message: string) => void): void
  onBufferedAmountLow(listener: () => void): void
  onMessage(listener: (message: string | ArrayBuffer | Uint8Array) => void): void
}

/** The part of its class `PeerConnection` that is used here. */
export interface NativeConnection {
  createDataChannel(label: string, options?: object): NativeChannel
  onDataChannel(listener: (channel: NativeChannel) => void): void
  close(): void
}

/** Connections of this process that are not closed. */
const open = new Set<NativeConnection>()
let hasReleased = false

/** Returns the same connection, all of whose channels say that they have closed. */
export function watchChannels(connection: NativeConnection): NativeConnection {
  const createDataChannel = connection.createDataChannel.bind(connection)
  const onDataChannel = connection.onDataChannel.bind(connection)
  const close = connection.close.bind(connection)
  open.add(connection)
  override(connection, 'createDataChannel', (label: string, options?: object) => {
    return new WatchedChannel(createDataChannel(label, options))
  })
  override(connection, 'onDataChannel', (listener: (channel: NativeChannel) => void) => {
    onDataChannel(native => {
      const channel = new WatchedChannel(native)
      listener(channel)
      channel.check()
    })
  })
  override(connection, 'close', () => {
    open.delete(connection)
    collectReleased()
    close()
  })
  return connection
}

/** The methods of the native classes cannot be assigned. */
function override(connection: NativeConnection, name: keyof NativeConnection, value: unknown): void {
  Object.defineProperty(connection, name, { value })
}

class WatchedChannel implements NativeChannel {
  /** Undefined once it is released. */
  #native: NativeChannel | undefined
  #wasOpen: boolean
  #hasClosed = false
  #closed = () => {}
  #deadline: NodeJS.Timeout | undefined

  constructor(native: NativeChannel) {
    this.#native = native
    this.#wasOpen = native.isOpen()
  }

  /** For a channel that was announced: the remote peer may have closed it meanwhile. */
  check(): void {
    if (!this.isOpen()) this.#expectCallback()
  }

  close(): void {
    if (!this.#wasOpen || this.isOpen()) this.#native?.close()
    this.#expectCallback()
  }

  #expectCallback(): void {
    if (this.#hasClosed || this.#native === undefined) return
    // The timer does not prolong the life of a process, but a native channel does.
    this.#deadline ??= setTimeout(() => setImmediate(() => this.#release()), CALLBACK_DEADLINE).unref()
  }

  #release(): void {
    const native = this.#native
    if (this.#hasClosed || native === undefined) return
    log('a channel of node-datachannel has closed without saying so')
    native.close() // destroys the other callbacks, each of which holds this object
    this.#native = undefined
    hasReleased = true
    collectReleased()
    this.#end()
  }

  #end(): void {
    if (this.#hasClosed) return
    this.#hasClosed = true
    clearTimeout(this.#deadline)
    this.#closed()
  }

  onClosed(listener: () => void): void {
    this.#closed = listener
    // The native side holds this function for as long as it is not called: a reference to this object would keep both for ever.
    const self = new WeakRef(this)
    this.#native?.onClosed(() => {
      const channel = self.deref()
      if (channel !== undefined) channel.#end()
    })
  }

  onOpen(listener: () => void): void {
    this.#native?.onOpen(() => {
      this.#wasOpen = true
      listener()
    })
  }

  onError(listener: (message: string) => void): void {
    this.#native?.onError(listener)
  }

  onBufferedAmountLow(listener: () => void): void {
    this.#native?.onBufferedAmountLow(listener)
  }

  onMessage(listener: (message: string | ArrayBuffer | Uint8Array) => void): void {
    this.#native?.onMessage(listener)
  }

  isOpen(): boolean {
    return this.#native?.isOpen() ?? false
  }

  getLabel(): string {
    return this.#native?.getLabel() ?? ''
  }

  getId(): number | null {
    return this.#native?.getId() ?? null
  }

  getProtocol(): string {
    return this.#native?.getProtocol() ?? ''
  }

  bufferedAmount(): number {
    return this.#native?.bufferedAmount() ?? 0
  }

  maxMessageSize(): number {
    return this.#native?.maxMessageSize() ?? 0
  }

  setBufferedAmountLowThreshold(bytes: number): void {
    this.#native?.setBufferedAmountLowThreshold(bytes)
  }

  sendMessage(message: string): boolean {
    return this.#live.sendMessage(message)
  }

  sendMessageBinary(message: Uint8Array): boolean {
    return this.#live.sendMessageBinary(message)
  }

  get #live(): NativeChannel {
    if (this.#native === undefined) throw new Error('DataChannel is closed') // as the library says it
    return this.#native
  }
}

/** Collects garbage, if nothing but released channels may keep the process alive: a process that is idle never does so by itself. */
function collectReleased(): void {
  if (!hasReleased || open.size > 0) return
  hasReleased = false
  // Other runtimes than Node may refuse.
  setImmediate(() => quietly('collecting garbage', collectGarbage))
}

function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void // V8 defines it in new contexts
  v8.setFlagsFromString('--no-expose-gc')
  collect()
}
