// @ts-check
/** Stands between clients and a tracker on the same machine, as if it were far away: in a process of its own, for any number of connections. */
import { connect, createServer } from 'node:net'
import { serveChild } from './child.js'

serveChild({
  prepare: options =>
    new Promise(resolve => {
      const { port, ms } = /** @type {{ port: number, ms: number }} */ (options)
      const server = createServer({ noDelay: true }, near => {
        const far = connect({ port, host: '127.0.0.1', noDelay: true })
        // The connection to the far end takes a way there and back before the first byte can leave.
        carry(near, far, ms, Date.now() + 2 * ms)
        carry(far, near, ms, 0)
      })
      server.listen(0, '127.0.0.1', () => resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port))
    }),
  start: () => {},
  sample: () => {
    throw new Error('the distance has no samples')
  },
  stop: () => {},
})

/** @param {import('node:net').Socket} from @param {import('node:net').Socket} to @param {number} ms @param {number} earliest */
function carry(from, to, ms, earliest) {
  const later = (/** @type {() => void} */ call) => setTimeout(call, Math.max(0, earliest - Date.now()) + ms)
  from.on('data', chunk => later(() => to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => later(() => to.destroy()))
}
