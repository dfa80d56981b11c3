// @ts-check
/** The server of PeerJS. In a process of its own, because nothing ends its timers. */
import { serveChild } from './child.js'

const name = 'peer' // is no dependency of this package

serveChild({
  async prepare() {
    const { PeerServer } = await import(name)
    /** @type {import('node:http').Server} */
    const server = await new Promise(resolve => PeerServer({ host: '127.0.0.1', port: 0, path: '/' }, resolve))
    return /** @type {import('node:net').AddressInfo} */ (server.address()).port
  },
  start() {},
  sample() {
    throw new Error('nothing is sampled')
  },
  stop() {},
})
