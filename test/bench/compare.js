// @ts-check
/** Saved runs: reads them, and compares a run with one. */
import { readFileSync } from 'node:fs'
import { median } from './stats.js'
import { table } from './table.js'

/** @typedef {import('./types.js').Result} Result */
/** @typedef {import('./types.js').Saved} Saved */
/** @typedef {import('./types.js').Series} Series */

/**
 * Reads what `--json` wrote, in several files as if they were one run. A later file replaces the series of the same name. Throws if a file is none.
 * @param {string[]} files
 * @returns {Saved}
 */
export function readSaved(files) {
  const runs = files.map(file => /** @type {Saved} */ (JSON.parse(readFileSync(file, 'utf8'))))
  const [first] = runs
  if (first === undefined) throw new Error('no file is named')
  /** @type {Map<string, Saved['figures'][number]>} */
  const figures = new Map()
  for (const { name, title, series = [] } of runs.flatMap(run => run.figures)) {
    // JSON has no infinity, which stands for a run that was given up.
    for (const one of series) one.values = one.values.map(value => value ?? Infinity)
    const merged = new Map((figures.get(name)?.series ?? []).map(one => [nameOf({ name }, one), one]))
    for (const one of series) merged.set(nameOf({ name }, one), one)
    figures.set(name, { name, title, series: [...merged.values()] })
  }
  return { machine: first.machine, figures: [...figures.values()] }
}

/**
 * Reads the series of a file that `--json` wrote, by their names. Throws if it is none.
 * @param {string} file
 * @returns {Map<string, Series>}
 */
export function readSeries(file) {
  const { figures } = readSaved([file])
  return new Map(figures.flatMap(result => (result.series ?? []).map(one => [nameOf(result, one), one])))
}

/** A table of the medians of both runs and their ratio. @param {Result[]} results @param {Map<string, Series>} saved */
export function comparison(results, saved) {
  const rows = results.flatMap(result =>
    (result.series ?? []).flatMap(one => {
      const before = saved.get(nameOf(result, one))
      if (before === undefined) return []
      const [was, is] = [median(before.values), median(one.values)]
      return [
        [
          result.title,
          one.at ? `${one.group}, ${one.at.value} ${one.at.unit}` : one.group,
          one.label,
          figure(was, one.unit),
          figure(is, one.unit),
          (is / was).toFixed(2),
        ],
      ]
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

/** @param {Pick<Result, 'name'>} result @param {Series} series */
function nameOf({ name }, { group, label, at }) {
  return JSON.stringify([name, group, label, at?.value])
}

/** @param {number} value @param {string} unit */
function figure(value, unit) {
  return Number.isFinite(value) ? `${Number(value.toPrecision(3))} ${unit}` : 'not in time'
}
