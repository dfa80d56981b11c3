// @ts-check
/** Writes an incompressible file, and computes its SHA-256. */
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'

const CHUNK = 1_000_000

/**
 * @param {string} path
 * @param {number} size in bytes
 * @returns {Promise<string>} its SHA-256, hex
 */
export async function writeRandomFile(path, size) {
  const hash = createHash('sha256')
  const chunk = new Uint8Array(CHUNK)
  const file = await open(path, 'wx')
  try {
    for (let written = 0; written < size;) {
      const part = randomFillSync(chunk.subarray(0, Math.min(CHUNK, size - written)))
      hash.update(part)
      written += (await file.write(part)).bytesWritten
    }
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

/** @param {string} path */
export async function sha256Of(path) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
