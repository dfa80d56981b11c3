// @ts-check
/** A WebSocket for Trystero, which brings none of its own and, on Node 20, finds none. */
import { WebSocket } from 'ws'

/** A browser's WebSocket does not throw without an error listener, and Trystero relies on that to reconnect. */
export class ForgivingSocket extends WebSocket {
  /** @param {string} url */
  constructor(url) {
    super(url)
    this.on('error', () => {})
  }
}
