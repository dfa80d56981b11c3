// @ts-check
/** One HTML page of a run, with plots, that needs no other file. */
import { escape, groupsOf, plot, PLOT_STYLE, WIDTH } from './plot.js'

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
${PLOT_STYLE}
div.table { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 0.3rem 0.8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th.left, td.left { text-align: left }
`

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
${[...groupsOf(series)].map(([group, list]) => figure(group, list)).join('\n')}
${
  columns.length === 0
    ? ''
    : `<div class="table"><table><thead><tr>${head}</tr></thead><tbody>
${body}
</tbody></table></div>`
}
${notes.map(note => `<p class="muted">${escape(note)}</p>`).join('\n')}
</section>`
}

/** @param {string} group @param {Series[]} series */
function figure(group, series) {
  const drawn = plot(series)
  if (drawn === undefined) return `<p>${escape(group)}: no value in time.</p>`
  return `<figure><figcaption>${escape(group)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${drawn.height}" role="img" aria-label="${escape(`${group}: ${drawn.text}`)}">
${drawn.body}
</svg></figure>`
}
