/** Makes a text that a remote may have chosen fit for an error message, a log line or a terminal. */

/** Length of a remote's text in a message, in characters: one line of a log. */
export const MAX_LINE = 256
/**
 * Control characters (C0, C1) and escape sequences repaint a terminal, bidirectional controls and other format characters disguise a text,
 * line separators forge a line of a log, half a surrogate pair breaks an encoder.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu

/** The text with a space in place of each run of unprintable characters. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ')
}

/** The same for a text of several lines, such as a stack trace. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join('\n')
}

/** One printable line of at most `most` characters, without space around it. */
export function oneLine(text: string, most = MAX_LINE): string {
  // Cut twice: the first cut bounds the work, the second one bounds the result.
  const line = printable(text.slice(0, 4 * most))
    .replaceAll(/\s+/g, ' ')
    .trim()
  return line
    .slice(0, most)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd()
}
