// @ts-check
/**
 * Makes a source map a tenth of its size: it keeps the source file and line of each statement, and drops columns, names, other packages and the
 * sources themselves, which are in the repository.
 */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** What stands before a statement in minified code. */
const STATEMENT_ENDS = ';{}'

/** @param {{ mappings: string, sources: string[] }} map @param {string} code to which it belongs */
export function coarse({ mappings, sources }, code) {
  const own = sources.filter(path => !path.includes('/node_modules/'))
  const places = sources.map(path => own.indexOf(path))
  return { version: 3, sources: own, names: [], mappings: ofStatements(mappings, code.split('\n'), places) }
}

/** @param {string} mappings @param {string[]} code @param {number[]} places of the sources in the new map; −1 of another package's */
function ofStatements(mappings, code, places) {
  let [source, line] = [0, 0]
  // What the written segments refer to.
  let [lastSource, lastLine] = [0, 0]
  return mappings
    .split(';')
    .map((generated, index) => {
      const text = code[index] ?? ''
      let [column, lastColumn] = [0, 0]
      let fresh = true
      /** @type {string[]} */
      const kept = []
      for (const segment of generated.split(',')) {
        const [columns = 0, sources, lines] = decode(segment)
        column += columns
        if (sources === undefined || lines === undefined) continue
        source += sources
        line += lines
        const begins = column === 0 || STATEMENT_ENDS.includes(text.charAt(column - 1))
        const place = places[source] ?? -1
        const isKnown = place === -1 ? fresh : !fresh && place === lastSource && line === lastLine
        if (!begins || isKnown) continue
        fresh = place === -1
        // A segment without a source ends the one before.
        kept.push(
          (fresh ? [column - lastColumn] : [column - lastColumn, place - lastSource, line - lastLine, 0]).map(encode).join(''),
        )
        lastColumn = column
        if (fresh) continue
        lastSource = place
        lastLine = line
      }
      return kept.join(',')
    })
    .join(';')
}

/** The base 64 VLQ numbers of a segment. @param {string} segment */
function decode(segment) {
  /** @type {number[]} */
  const numbers = []
  let [value, shift] = [0, 0]
  for (const character of segment) {
    const digit = DIGITS.indexOf(character)
    value += (digit & 31) << shift
    shift += 5
    if (digit & 32) continue
    numbers.push(value & 1 ? -(value >> 1) : value >> 1)
    value = 0
    shift = 0
  }
  return numbers
}

/** @param {number} number */
function encode(number) {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1
  let text = ''
  do {
    const digit = rest & 31
    rest >>>= 5
    text += DIGITS[rest > 0 ? digit | 32 : digit]
  } while (rest > 0)
  return text
}
