// @ts-check
/** One HTML page of a run, with plots, that needs no other file. */
import { axis, median } from './stats.js'

/** @typedef {import('./types.js').Machine} Machine */
/** @typedef {import('./types.js').Result} Result */
/** @typedef {import('./types.js').Series} Series */

const STYLE = `
:root { color-scheme: light dark; --text: light-dark(#1b1f24, #e6e8eb); --muted: light-dark(#59636e, #9aa4af); --line: light-dark(#d5dae0, #39414a);
  --own: light-dark(#0b6bcb, #5aa9ff); --other: light-dark(#8a8f98, #8a8f98); --page: light-dark(#fff, #15181c) }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 3rem }
.muted, figcaption { color: var(--muted) }
figure { margin: 1rem 0 }
svg { width: 100%; height: auto; overflow: visible }
svg text { font: 13px system-ui, sans-serif; fill: var(--text) }
svg .muted { fill: var(--muted) }
svg line { stroke: var(--line) }
svg .own { fill: var(--own); stroke: var(--own) }
svg .other { fill: var(--other); stroke: var(--other) }
svg circle { fill-opacity: 0.45; stroke: none }
svg line.median { stroke-width: 3 }
div.table { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th.left, td.left { text-align: left }
`

const WIDTH = 900
const LEFT = 330
const RIGHT = 110
const ROW = 26
const TOP = 30

/** @param {Machine} machine @param {Result[]} results */
export function htmlReport(machine, results) {
  const { node, platform, arch, cores, cpu, load, at } = machine
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Benchmarks of swarmlink</title>
<style>${STYLE}</style>
<h1>Benchmarks of swarmlink</h1>
<p class="muted">${escape(at)}. Node ${escape(node)}, ${escape(platform)} ${escape(arch)}, ${cores} × ${escape(cpu)}, load ${load.toFixed(1)} at the beginning.
A dot is a run, a bar the median. Axes are logarithmic. What was not reached in time stands at the right end.</p>
${results.map(section).join('\n')}
</html>
`
}

/** @param {Result} result */
function section({ title, columns, rows, notes, series = [] }) {
  const side = columns.map(({ align }) => (align === 'left' ? ' class="left"' : ''))
  const head = columns.map((column, at) => `<th${side[at]}>${escape(column.title)}</th>`).join('')
  const body = rows.map(row => `<tr>${row.map((cell, at) => `<td${side[at]}>${escape(cell)}</td>`).join('')}</tr>`).join('\n')
  return `<section>
<h2>${escape(title)}</h2>
${[...groupsOf(series)].map(([group, list]) => plot(group, list)).join('\n')}
<div class="table"><table><thead><tr>${head}</tr></thead><tbody>
${body}
</tbody></table></div>
${notes.map(note => `<p class="muted">${escape(note)}</p>`).join('\n')}
</section>`
}

/** Node 20 has no `Map.groupBy`. @param {Series[]} series */
function groupsOf(series) {
  /** @type {Map<string, Series[]>} */
  const groups = new Map()
  for (const one of series) groups.set(one.group, [...(groups.get(one.group) ?? []), one])
  return groups
}

/** @param {string} group @param {Series[]} series */
function plot(group, series) {
  const values = series.flatMap(one => one.values).filter(Number.isFinite)
  if (values.length === 0) return `<p>${escape(group)}: no value in time.</p>`
  const { least, most, ticks } = axis(values)
  /** @param {number} value */
  const x = value =>
    Number.isFinite(value)
      ? LEFT + (Math.log(value / least) / Math.log(most / least)) * (WIDTH - LEFT - RIGHT)
      : WIDTH - RIGHT + 12
  const height = TOP + series.length * ROW + 8
  const { unit } = /** @type {Series} */ (series[0])
  const grid = ticks.map(
    tick => `<line x1="${x(tick).toFixed(1)}" x2="${x(tick).toFixed(1)}" y1="${TOP - 8}" y2="${height - 8}"/>
<text class="muted" x="${x(tick).toFixed(1)}" y="${TOP - 14}" text-anchor="middle">${shown(tick, unit)}</text>`,
  )
  const lines = series.map((one, at) => {
    const y = TOP + at * ROW + ROW / 2
    const middle = median(one.values)
    const kind = one.label.startsWith('swarmlink') ? 'own' : 'other'
    const dots = one.values.map(value => `<circle class="${kind}" cx="${x(value).toFixed(1)}" cy="${y}" r="4"/>`).join('')
    const bar = `<line class="median ${kind}" x1="${x(middle).toFixed(1)}" x2="${x(middle).toFixed(1)}" y1="${y - 9}" y2="${y + 9}"/>`
    return `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escape(one.label)}</text>${dots}${bar}
<text class="muted" x="${WIDTH}" y="${y + 4}" text-anchor="end">${Number.isFinite(middle) ? shown(middle, unit) : 'not in time'}</text>`
  })
  return `<figure><figcaption>${escape(group)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(`${group}: ${series.map(one => `${one.label} ${shown(median(one.values), unit)}`).join(', ')}`)}">
${grid.join('\n')}
${lines.join('\n')}
</svg></figure>`
}

/** @param {number} value @param {string} unit */
function shown(value, unit) {
  if (!Number.isFinite(value)) return 'not in time'
  if (unit === 'ms' && value >= 1000) return `${Number((value / 1000).toPrecision(3))} s`
  return `${value >= 1000 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3))} ${unit}`
}

/** @param {string} text */
function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
