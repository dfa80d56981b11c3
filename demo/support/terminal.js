// @ts-check
/** Lines and progress bars on a terminal. In a file or a pipe, only lines, and few of them. */
// @ts-ignore -- ships no types
import cliProgress from 'cli-progress'
import { createInterface } from 'node:readline'
import { megabytes } from './format.js'
import { rarely } from './rarely.js'

/** Clears the rest of a line that a progress bar left. */
const CLEAR_TO_END = '\u001B[K'
const QUARTERS = 4

/** @typedef {{ update: (bytes: number, bytesPerSecond: number) => void }} Bar */

export class Terminal {
  #bars = new cliProgress.MultiBar(
    { stream: process.stdout, format: '  {name} {bar} {percentage}%  {rate}/s', hideCursor: false, gracefulExit: false },
    cliProgress.Presets.shades_classic,
  )
  #drawing = false
  /** @type {import('node:readline').Interface | undefined} */
  #input

  /** @param {string} text */
  line(text) {
    if (this.#drawing) this.#bars.log(`${text}${CLEAR_TO_END}\n`)
    else console.log(text)
  }

  /** Prints the same text at most once a minute. */
  warn = rarely(text => {
    if (this.#drawing) this.line(`warning: ${text}`)
    else console.error(`warning: ${text}`)
  })

  /**
   * @param {string} name
   * @param {number} total
   * @returns {Bar}
   */
  bar(name, total) {
    if (!process.stdout.isTTY) return plainBar(name, total)
    this.#drawing = true
    const bar = this.#bars.create(total, 0, { name, rate: megabytes(0) })
    return { update: (bytes, rate) => bar.update(bytes, { rate: megabytes(rate) }) }
  }

  /** The bars stay as they are, and later lines follow below them. */
  endBars() {
    if (!this.#drawing) return
    this.#bars.update() // otherwise the last lines are lost
    this.#bars.stop()
    this.#drawing = false
  }

  /** @param {(line: string) => void} listener */
  onInput(listener) {
    this.#input = createInterface({ input: process.stdin })
    this.#input.on('line', text => text.trim() !== '' && listener(text))
  }

  close() {
    this.endBars()
    this.#input?.close()
    if (this.#input !== undefined) process.stdin.unref?.() // an open pipe must not keep the process alive
  }
}

/**
 * @param {string} name
 * @param {number} total
 * @returns {Bar}
 */
function plainBar(name, total) {
  let reached = 0
  return {
    update(bytes, rate) {
      const quarter = Math.floor((bytes / total) * QUARTERS)
      if (quarter <= reached) return
      reached = quarter
      console.log(`  ${name} ${(quarter * 100) / QUARTERS}%  ${megabytes(rate)}/s`)
    },
  }
}
