/** Cleans a text that a remote peer may have chosen, for an error message, a log line or a terminal. */

/** Longest text of a remote peer in a message, in characters: one line of a log. */
export const MAX_LINE = 256
/**
 * Control characters (C0, C1) and escape sequences repaint a terminal; bidirectional controls and other format characters disguise a text;
 * line separators forge a line of a log; a lone surrogate breaks an encoder.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu

/** Replaces each run of unprintable characters by a space. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ')
}

/** The same for a text of several lines, such as a stack trace. */
export function printableLines(text: string): string {
  return text.split(/\r?\n/).map(printable).join('\n')
}

/** One printable line of at most `most` characters, trimmed. */
export function oneLine(text: string, most = MAX_LINE): string {
  // The first cut bounds the work, the second one the result.
  const line = printable(text.slice(0, 4 * most))
    .replaceAll(/\s+/g, ' ')
    .trim()
  return line
    .slice(0, most)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd()
}
