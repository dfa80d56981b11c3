// @ts-check
/** Makes a text of a remote fit to be shown. Runs in Node and in a page. */

/**
 * @param {unknown} text any value from a stranger
 * @param {number} length the most characters
 */
export function shown(text, length) {
  // Control characters move a terminal's cursor. The others change the text direction or end a line.
  return typeof text === 'string' ? text.slice(0, length).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ') : ''
}
