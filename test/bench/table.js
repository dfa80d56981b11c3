// @ts-check
/** Formats rows of text as a table for terminals and Markdown files. */

/** @typedef {import('./types.js').Column} Column */

/** @param {Column[]} columns @param {string[][]} rows */
export function table(columns, rows) {
  const widths = columns.map((column, index) => Math.max(column.title.length, ...rows.map(row => row[index]?.length ?? 0), 3))
  /** @param {string} text @param {number} index */
  const cell = (text, index) =>
    columns[index]?.align === 'left' ? text.padEnd(widths[index] ?? 0) : text.padStart(widths[index] ?? 0)
  /** @param {string[]} cells */
  const line = cells => `| ${cells.join(' | ')} |`

  const rule = columns.map((column, index) => {
    const dashes = '-'.repeat((widths[index] ?? 3) - 1)
    return column.align === 'left' ? `${dashes}-` : `${dashes}:`
  })
  return [
    line(columns.map((column, index) => cell(column.title, index))),
    line(rule),
    ...rows.map(row => line(row.map(cell))),
  ].join('\n')
}
