// @ts-check
/** A picture on a terminal that is drawn again and again. In a file, in a pipe and with `NO_COLOR` set: lines, without control sequences. */

const ESCAPE = '\u001B['
const CLEAR_TO_END = `${ESCAPE}K`
const CLEAR_BELOW = `${ESCAPE}J`
const COLOURS = { green: 32, yellow: 33, dim: 2 }
/** Columns of an output that does not say how many it has. */
const WIDTH = 80

export class Screen {
  /** Whether pictures move. */
  isLive = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  /** Lines of the picture above the cursor. */
  #drawn = 0

  get width() {
    return process.stdout.columns ?? WIDTH
  }

  /** Prints text that stays; a picture in progress moves below it. @param {string} text */
  line(text) {
    this.#erase()
    console.log(text)
  }

  /**
   * Replaces the picture, whose lines are shorter than the terminal is wide. Prints nothing without a live terminal, and when the picture is
   * higher than the terminal.
   *
   * @param {string[]} lines
   */
  draw(lines) {
    if (!this.isLive || lines.length >= process.stdout.rows) return
    const up = this.#drawn === 0 ? '' : `${ESCAPE}${this.#drawn}A\r`
    process.stdout.write(`${up}${lines.map(line => `${line}${CLEAR_TO_END}\n`).join('')}${CLEAR_BELOW}`)
    this.#drawn = lines.length
  }

  /** Prints the last state of the picture, which stays. @param {string[]} lines */
  keep(lines) {
    this.line(lines.join('\n'))
  }

  /** @param {string} text @param {keyof typeof COLOURS} colour */
  paint(text, colour) {
    return this.isLive ? `${ESCAPE}${COLOURS[colour]}m${text}${ESCAPE}0m` : text
  }

  #erase() {
    if (this.#drawn === 0) return
    process.stdout.write(`${ESCAPE}${this.#drawn}A\r${CLEAR_BELOW}`)
    this.#drawn = 0
  }
}
