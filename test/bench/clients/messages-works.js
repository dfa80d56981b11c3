// @ts-check
/** The measured tasks on a connection, on the sender's and the receiver's side. Knows no system, only its carrier. */
import { createHash } from 'node:crypto'
import { now } from '../child.js'
import { dataOf } from '../payload.js'

/** @typedef {import('../types.js').Carrier} Carrier */
/** @typedef {import('../types.js').Work} Work */

/** The result of one side. The hash is computed after the timing. @typedef {{ at: number, times?: number[], hash?: () => string }} Done */

/**
 * Prepares what needs time or memory at once, and begins when it is called. A sender ends with the receiver: `ended`.
 * @typedef {() => Promise<Done>} Side
 */

/** @template {Work['kind']} Kind @typedef {Extract<Work, { kind: Kind }>} WorkOf */

const NAME = 'messages'
/** Not a multiple of any frame size, so that misplaced bytes differ. */
const STREAM_BLOCK = 1_000_003
const STREAM_PIECE = 64 * 1024
/** The first questions run code that is not compiled yet. */
const WARM_UP = 300

/** @param {Carrier} carrier @param {Work} work @param {Promise<void>} ended @returns {Side} */
export function sender(carrier, work, ended) {
  switch (work.kind) {
    case 'large':
      return sendLarge(carrier, work, ended)
    case 'stream':
      return sendStream(carrier, work, ended)
    case 'small':
      return sendSmall(carrier, work, ended)
    case 'request':
      return ask(carrier, work)
    case 'mixed':
      return sendMixed(carrier, work, ended)
  }
}

/** @param {Carrier} carrier @param {Work} work @returns {Side} */
export function receiver(carrier, work) {
  switch (work.kind) {
    case 'large':
      return receiveLarge(carrier, work)
    case 'stream':
      return receiveStream(carrier, work)
    case 'small':
      return receiveSmall(carrier, work)
    case 'request':
      return answer(carrier, work)
    case 'mixed':
      return receiveMixed(carrier, work)
  }
}

/** @param {Carrier} carrier @param {WorkOf<'large'>} work @param {Promise<void>} ended @returns {Side} */
function sendLarge(carrier, { size, count, piece }, ended) {
  const bytes = dataOf(NAME, size)
  const message = carrier.form?.(bytes) ?? bytes
  return async () => {
    const at = now()
    for (let n = 0; n < count; n++) await carrier.sendLarge(message, piece)
    await ended
    return { at, hash: () => hashOf(Array.from({ length: count }, () => message)) }
  }
}

/** @param {Carrier} carrier @param {WorkOf<'large'>} work @returns {Side} */
function receiveLarge(carrier, { size, count }) {
  return () =>
    new Promise(resolve => {
      /** @type {(Uint8Array | string)[]} */
      const parts = []
      let left = size * count
      carrier.listen(message => {
        const part = /** @type {Uint8Array | string} */ (message)
        parts.push(part)
        left -= part.length
        if (left <= 0) resolve({ at: now(), hash: () => hashOf(parts) })
      })
    })
}

/** @param {Carrier} carrier @param {WorkOf<'stream'>} work @param {Promise<void>} ended @returns {Side} */
function sendStream(carrier, { size }, ended) {
  const block = dataOf(NAME, STREAM_BLOCK)
  return async () => {
    const at = now()
    await carrier.stream?.(blockwise(block, size))
    await ended
    return { at }
  }
}

/** Yields the block repeatedly, without a copy. @param {Uint8Array} block @param {number} size */
function* blockwise(block, size) {
  for (let at = 0; at < size;) {
    const start = at % block.length
    const piece = block.subarray(start, Math.min(start + STREAM_PIECE, block.length, start + size - at))
    yield piece
    at += piece.length
  }
}

/** @param {Carrier} carrier @param {WorkOf<'stream'>} work @returns {Side} */
function receiveStream(carrier, { size }) {
  const block = dataOf(NAME, STREAM_BLOCK)
  return async () => {
    let received = 0
    await carrier.readStream?.(bytes => {
      for (let offset = 0; offset < bytes.length;) {
        const start = received % block.length
        const length = Math.min(block.length - start, bytes.length - offset)
        if (block.compare(bytes, offset, offset + length, start, start + length) !== 0)
          throw new Error(`byte ${received} of a stream differs`)
        offset += length
        received += length
      }
    })
    if (received !== size) throw new Error(`${received} of ${size} bytes of a stream arrived`)
    return { at: now() }
  }
}

/** @param {Carrier} carrier @param {WorkOf<'small'>} work @param {Promise<void>} ended @returns {Side} */
function sendSmall(carrier, { count }, ended) {
  return async () => {
    const at = now()
    for (let n = 0; n < count; n++) if (!carrier.post(smallMessage(n))) await carrier.room()
    await ended
    return { at }
  }
}

/** About 100 bytes as JSON, each different. @param {number} n */
function smallMessage(n) {
  return { n, type: 'position', from: `player-${n % 97}`, x: n * 1.5, y: 1_000_000 - n, text: `step ${n} of the way` }
}

/** @param {Carrier} carrier @param {WorkOf<'small'>} work @returns {Side} */
function receiveSmall(carrier, { count }) {
  return () =>
    new Promise((resolve, reject) => {
      let left = count
      let sum = (count * (count - 1)) / 2
      carrier.listen(message => {
        sum -= /** @type {{ n: number }} */ (message).n
        if (--left > 0) return
        if (sum === 0) resolve({ at: now() })
        else reject(new Error('the small messages that arrived are not those that were sent'))
      })
    })
}

/** @param {Carrier} carrier @param {WorkOf<'request'>} work @returns {Side} */
function ask(carrier, { count }) {
  return async () => {
    const begun = now()
    const times = []
    for (let n = 0; n < WARM_UP + count; n++) {
      const at = now()
      await carrier.request?.()
      if (n >= WARM_UP) times.push(now() - at)
    }
    return { at: begun, times }
  }
}

/** @param {Carrier} carrier @param {WorkOf<'request'>} work @returns {Side} */
function answer(carrier, { count }) {
  return () =>
    new Promise(resolve => {
      let left = WARM_UP + count
      carrier.answer?.(() => {
        if (--left === 0) resolve({ at: now() })
      })
    })
}

/** @param {Carrier} carrier @param {WorkOf<'mixed'>} work @param {Promise<void>} ended @returns {Side} */
function sendMixed(carrier, { size, piece, gap }, ended) {
  const bytes = dataOf(NAME, size)
  return async () => {
    const at = now()
    const sent = carrier.sendLarge(bytes, piece)
    const timer = setInterval(() => carrier.post({ at: now(), text: 'while something large is on its way' }), gap)
    await ended
    clearInterval(timer)
    await sent
    return { at, hash: () => hashOf([bytes]) }
  }
}

/** Counts messages that left before the large one had arrived, whenever they arrived. @param {Carrier} carrier @param {WorkOf<'mixed'>} work @returns {Side} */
function receiveMixed(carrier, { size }) {
  return () =>
    new Promise(resolve => {
      /** @type {Uint8Array[]} */
      const parts = []
      /** @type {number[]} */
      const times = []
      let left = size
      let arrived = Infinity
      carrier.listen(message => {
        if (message instanceof Uint8Array) {
          parts.push(message)
          left -= message.length
          if (left <= 0) arrived = now()
          return
        }
        const { at } = /** @type {{ at: number }} */ (message)
        if (at > arrived) resolve({ at: arrived, times, hash: () => hashOf(parts) })
        else times.push(now() - at)
      })
    })
}

/** @param {(Uint8Array | string)[]} parts */
function hashOf(parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
