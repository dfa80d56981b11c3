// @ts-check
/** Shows streams, and notes when each picture was shown and how old it was. */
import { FrameLog } from '../../net/fixtures/call-proof.js'

/** Pixels of the copy that a barcode is read from. */
const SIDE = 64

export class Tiles {
  /** @type {Map<string, { video: HTMLVideoElement, watching: AbortController }>} */
  #shown = new Map()
  /** When each picture was shown. @type {number[]} */
  times = []
  log = new FrameLog()
  #isRead
  /** @type {Array<() => void>} */
  #waiting = []

  /** @param {{ isRead: boolean }} options whether pictures have a barcode that is to be read */
  constructor({ isRead }) {
    this.#isRead = isRead
  }

  get count() {
    return this.#shown.size
  }

  /** @param {string} id @param {MediaStream} stream */
  show(id, stream) {
    this.remove(id)
    const video = document.createElement('video')
    const watching = new AbortController()
    Object.assign(video, { muted: true, autoplay: true, playsInline: true, srcObject: stream, width: 160, height: 120 })
    document.body.append(video)
    this.#shown.set(id, { video, watching })
    const read = this.#isRead ? reader(video, this.log) : () => {}
    const look = () => {
      if (watching.signal.aborted) return
      this.times.push(Date.now())
      read()
      for (const wake of this.#waiting.splice(0)) wake()
      video.requestVideoFrameCallback(look)
    }
    video.requestVideoFrameCallback(look)
  }

  /** @param {string} id */
  remove(id) {
    const tile = this.#shown.get(id)
    tile?.watching.abort()
    tile?.video.remove()
    if (tile !== undefined) tile.video.srcObject = null
    this.#shown.delete(id)
  }

  clear() {
    for (const id of [...this.#shown.keys()]) this.remove(id)
  }

  /** Resolves when so many pictures were shown. @param {number} count */
  async frames(count) {
    while (this.times.length < count) await new Promise(resolve => this.#waiting.push(() => resolve(undefined)))
  }
}

/** @param {HTMLVideoElement} video @param {FrameLog} log */
function reader(video, log) {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: SIDE, height: SIDE })
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { willReadFrequently: true }))
  return () => {
    pen.drawImage(video, 0, 0, SIDE, SIDE)
    const { data } = pen.getImageData(0, 0, SIDE, SIDE)
    log.read((row, column) => data[4 * (SIDE * (8 * row + 4) + 8 * column + 4) + 1] ?? 0)
  }
}
