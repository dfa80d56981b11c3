// @ts-check
/** Compares a run with a saved one. */
import { readFileSync } from 'node:fs'
import { median } from './stats.js'
import { table } from './table.js'

/** @typedef {import('./types.js').Result} Result */
/** @typedef {import('./types.js').Series} Series */

/**
 * Reads the series of a file that `--json` wrote, by their names. Throws if it is none.
 * @param {string} file
 * @returns {Map<string, Series>}
 */
export function readSeries(file) {
  const { figures } = JSON.parse(readFileSync(file, 'utf8'))
  return new Map(figures.flatMap((/** @type {Result} */ result) => (result.series ?? []).map(one => [nameOf(result, one), one])))
}

/** A table of the medians of both runs and their ratio. @param {Result[]} results @param {Map<string, Series>} saved */
export function comparison(results, saved) {
  const rows = results.flatMap(result =>
    (result.series ?? []).flatMap(one => {
      const before = saved.get(nameOf(result, one))
      if (before === undefined) return []
      const [was, is] = [median(before.values), median(one.values)]
      return [[result.title, one.group, one.label, figure(was, one.unit), figure(is, one.unit), (is / was).toFixed(2)]]
    }),
  )
  const left = /** @type {const} */ ('left')
  const columns = [
    { title: 'benchmark', align: left },
    { title: 'case', align: left },
    { title: 'system', align: left },
    { title: 'saved' },
    { title: 'now' },
    { title: 'ratio' },
  ]
  return rows.length > 0 ? table(columns, rows) : 'The saved run has nothing in common with this one.'
}

/** @param {Result} result @param {Series} series */
function nameOf({ name }, { group, label }) {
  return JSON.stringify([name, group, label])
}

/** @param {number} value @param {string} unit */
function figure(value, unit) {
  return Number.isFinite(value) ? `${Number(value.toPrecision(3))} ${unit}` : 'not in time'
}
