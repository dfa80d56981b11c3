// @ts-check
/** Shared by all clients of the message benchmark: does one task after the other, and reports the cost of each. */
import { serve } from './client.js'
import { Meter } from './messages-meter.js'
import { receiver, sender } from './messages-works.js'

/** @typedef {import('../types.js').Carrier} Carrier */
/** @typedef {import('../types.js').Client} Client */
/** @typedef {import('../types.js').ClientOptions} ClientOptions */
/** @typedef {import('../types.js').Handshake} Handshake */
/** @typedef {import('../types.js').MessageTask} MessageTask */
/** @typedef {import('../types.js').Outcome} Outcome */
/** @typedef {import('../types.js').Report} Report */
/** @typedef {import('./messages-works.js').Side} Side */

/**
 * The carrier is requested when the client has met its peer.
 * @param {(options: ClientOptions, report: Report) => Promise<Omit<Client, 'ask'> & { carrier: () => Carrier, shake?: (step: Handshake) => Promise<string | undefined> }>} prepare
 */
export function serveMessages(prepare) {
  const meter = new Meter()
  let end = () => {}
  /** @type {Promise<Outcome> | undefined} */
  let outcome

  /** @param {Side} side */
  async function begin(side) {
    await meter.start()
    // A failure here ends the process, because nothing awaits it yet.
    outcome = measure(side)
  }

  /** @param {Side} side @returns {Promise<Outcome>} */
  async function measure(side) {
    const { at, times, hash } = await side()
    const cost = meter.stop()
    return { at, ...cost, ...(times && { times }), ...(hash && { hash: hash() }) }
  }

  serve(async (options, report) => {
    const client = await prepare(options, report)
    return {
      start: () => client.start(),
      stop: () => client.stop(),
      ask: async task => {
        const order = /** @type {MessageTask} */ (task)
        switch (order.name) {
          case 'receive':
            return await begin(receiver(client.carrier(), order.work))
          case 'send': {
            const ended = new Promise(resolve => (end = () => resolve(undefined)))
            return await begin(sender(client.carrier(), order.work, /** @type {Promise<void>} */ (ended)))
          }
          case 'end': {
            end()
            const done = outcome
            outcome = undefined // frees everything that was sent
            return await done
          }
          default:
            return await client.shake?.(order)
        }
      },
    }
  })
}
