// @ts-check
/**
 * A torrent made from a seed: data that every process can generate, its .torrent file, and a store that holds it in memory. Written by hand
 * because the usual makers add public trackers.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto'

/** @typedef {import('./types.js').Topic} Topic */
/** @typedef {(error: Error | null, chunk?: Uint8Array) => void} Callback */

export const PIECE_LENGTH = 256 * 1024
const SMALL = 64 * 1024

/** The same random-looking bytes for the same name, at the speed of the cipher. @param {string} name @param {number} size */
export function dataOf(name, size) {
  const key = createHash('sha256').update(name).digest().subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size))
}

/** A topic that no process has used before. @param {number} [size] @returns {Topic} */
export function freshTopic(size = SMALL) {
  return topicWith(size, `6:lengthi${size}e`)
}

/** The same as files of one size, whose names are their numbers. @param {number} count @param {number} size @returns {Topic} */
export function topicOfFiles(count, size) {
  const files = Array.from({ length: count }, (_, at) => `d6:lengthi${size}e4:pathl${String(at).length}:${at}ee`)
  return topicWith(count * size, `5:filesl${files.join('')}e`)
}

/** @param {number} size @param {string} content the part of the info dictionary that names the content @returns {Topic} */
function topicWith(size, content) {
  const name = `bench-${randomBytes(8).toString('hex')}`
  const data = dataOf(name, size)
  const pieces = []
  for (let offset = 0; offset < size; offset += PIECE_LENGTH) {
    pieces.push(
      createHash('sha1')
        .update(data.subarray(offset, offset + PIECE_LENGTH))
        .digest(),
    )
  }
  const info = Buffer.concat([
    Buffer.from(`d${content}4:name${name.length}:${name}12:piece lengthi${PIECE_LENGTH}e6:pieces${pieces.length * 20}:`),
    ...pieces,
    Buffer.from('e'),
  ])
  const torrent = Buffer.concat([Buffer.from('d4:info'), info, Buffer.from('e')])
  return { name, size, infoHash: createHash('sha1').update(info).digest('hex'), torrent: torrent.toString('base64') }
}

/** The abstract-chunk-store interface over one buffer, so that no disk is measured. */
export class MemoryStore {
  /** @param {number} chunkLength @param {{ length: number, data?: Buffer }} options */
  constructor(chunkLength, options) {
    this.chunkLength = chunkLength
    this.data = options.data ?? Buffer.alloc(options.length)
  }

  /** @param {number} index @param {Uint8Array} chunk @param {Callback} [done] */
  put(index, chunk, done) {
    this.data.set(chunk, index * this.chunkLength)
    queueMicrotask(() => done?.(null))
  }

  /** @param {number} index @param {{ offset?: number, length?: number } | Callback | null} range @param {Callback} [done] */
  get(index, range, done) {
    const callback = typeof range === 'function' ? range : done
    const { offset = 0, length = this.chunkLength - offset } = typeof range === 'function' ? {} : (range ?? {})
    const start = index * this.chunkLength + offset
    const end = Math.min(start + length, (index + 1) * this.chunkLength)
    const chunk = this.data.subarray(start, end)
    queueMicrotask(() => callback?.(null, chunk))
  }

  /** @param {Callback} [done] */
  close(done) {
    queueMicrotask(() => done?.(null))
  }

  /** @param {Callback} [done] */
  destroy(done) {
    this.close(done)
  }
}
