// @ts-check
/** A WebSocket tracker on the loopback interface, enough to try things out on one machine. */
import { Failure, messageOf } from './program.js'

/** @returns {Promise<{ url: string, close: () => Promise<void> }>} */
export async function startTracker() {
  const { Server } = await import('bittorrent-tracker')
  /** @type {any} */
  const options = { http: false, udp: false, ws: { clientTracking: true }, stats: false }
  /** @type {any} */
  const server = new Server(options)
  server.on('warning', () => {}) // another client sent something invalid
  await new Promise((resolve, reject) => {
    server.once('error', (/** @type {unknown} */ error) =>
      reject(new Failure(`no tracker could be started: ${messageOf(error)}`)),
    )
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `ws://127.0.0.1:${server.http.address().port}`,
    close: () =>
      new Promise(resolve => {
        server.close(resolve)
        // `close` would wait for connected clients.
        for (const socket of server.ws.clients) socket.terminate()
      }),
  }
}
