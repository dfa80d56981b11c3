// @ts-check
/** Draws the runs of a case as the inside of an SVG: a row of dots for each system, or a line for each where a figure grows. Axes are logarithmic. */
import { axis, median } from './stats.js'

/** @typedef {import('./types.js').Series} Series */
/** @typedef {{ height: number, body: string, text: string }} Plot the text says the same without a picture */

export const WIDTH = 900
const LEFT = 330
const RIGHT = 110
const ROW = 26
const TOP = 30
const GROWTH = { left: 90, right: 30, height: 380, bottom: 50 }
/** Colours of lines. */
const COLOURS = 8

/** For the elements below; the colours are variables of the page. */
export const PLOT_STYLE = `
svg text { font: 13px system-ui, sans-serif; fill: var(--text) }
svg .muted { fill: var(--muted) }
svg line, svg path.grid { stroke: var(--line) }
svg .own { fill: var(--own); stroke: var(--own) }
svg .other { fill: var(--other); stroke: var(--other) }
svg circle { fill-opacity: 0.45; stroke: none }
svg line.median { stroke-width: 3 }
svg path.growth { fill: none; stroke-width: 2 }
${['own', '#c2410c', '#15803d', '#7e22ce', '#0e7490', '#a16207', '#be185d', '#6b7280']
  .map(
    (colour, at) =>
      `svg .c${at} { color: ${at === 0 ? 'var(--own)' : colour}; stroke: currentColor } svg circle.c${at}, svg rect.c${at} { fill: currentColor; stroke: none }`,
  )
  .join('\n')}
`

/** The series by their group. Node 20 has no `Map.groupBy`. @param {Series[]} series */
export function groupsOf(series) {
  /** @type {Map<string, Series[]>} */
  const groups = new Map()
  for (const one of series) groups.set(one.group, [...(groups.get(one.group) ?? []), one])
  return groups
}

/** Undefined if no run reached its end. @param {Series[]} series of one group @returns {Plot | undefined} */
export function plot(series) {
  if (!series.some(({ values }) => values.some(Number.isFinite))) return undefined
  return series.some(({ at }) => at !== undefined) ? growth(series) : dots(series)
}

/** @param {Series[]} series @returns {Plot} */
function dots(series) {
  const { least, most, ticks } = axis(series.flatMap(one => one.values).filter(Number.isFinite))
  /** @param {number} value */
  const x = value =>
    Number.isFinite(value) ? place(value, [least, most], [LEFT, WIDTH - RIGHT]) : (WIDTH - RIGHT + 12).toFixed(1)
  const height = TOP + series.length * ROW + 8
  const unit = series[0]?.unit ?? ''
  const grid = ticks.map(
    tick => `<line x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 8}" y2="${height - 8}"/>
<text class="muted" x="${x(tick)}" y="${TOP - 14}" text-anchor="middle">${shown(tick, unit)}</text>`,
  )
  const lines = series.map((one, at) => {
    const y = TOP + at * ROW + ROW / 2
    const middle = median(one.values)
    const kind = isOwn(one) ? 'own' : 'other'
    const runs = one.values.map(value => `<circle class="${kind}" cx="${x(value)}" cy="${y}" r="4"/>`).join('')
    const bar = `<line class="median ${kind}" x1="${x(middle)}" x2="${x(middle)}" y1="${y - 9}" y2="${y + 9}"/>`
    return `<text x="${LEFT - 12}" y="${y + 4}" text-anchor="end">${escape(one.label)}</text>${runs}${bar}
<text class="muted" x="${WIDTH}" y="${y + 4}" text-anchor="end">${shown(middle, unit)}</text>`
  })
  const text = series.map(one => `${one.label} ${shown(median(one.values), unit)}`).join(', ')
  return { height, body: [...grid, ...lines].join('\n'), text }
}

/** @param {Series[]} series @returns {Plot} */
function growth(series) {
  const { left, right, height, bottom } = GROWTH
  const labels = [...new Set(series.map(({ label }) => label))].toSorted(
    (a, b) => Number(isOwn({ label: b })) - Number(isOwn({ label: a })),
  )
  const points = series.flatMap(({ label, values, at }) =>
    values.filter(value => Number.isFinite(value) && value > 0).map(value => ({ label, value, size: at?.value ?? NaN })),
  )
  const [sizes, figures] = [axis(points.map(({ size }) => size)), axis(points.map(({ value }) => value))]
  const { unit = '', at: first } = series[0] ?? {}
  const top = 40 + 20 * Math.ceil(labels.length / 2)
  /** @param {number} value */
  const x = value => place(value, [sizes.least, sizes.most], [left, WIDTH - right])
  /** @param {number} value */
  const y = value => place(value, [figures.least, figures.most], [height - bottom, top])
  const grid = [
    ...figures.ticks.map(
      tick => `<path class="grid" d="M${left} ${y(tick)}H${WIDTH - right}"/>
<text class="muted" x="${left - 8}" y="${Number(y(tick)) + 4}" text-anchor="end">${shown(tick, unit)}</text>`,
    ),
    ...[...new Set(points.map(({ size }) => size))].map(
      size =>
        `<text class="muted" x="${x(size)}" y="${height - bottom + 18}" text-anchor="middle">${size.toLocaleString('en')}</text>`,
    ),
    `<text class="muted" x="${(left + WIDTH - right) / 2}" y="${height - 8}" text-anchor="middle">${escape(first?.unit ?? '')}</text>`,
  ]
  const lines = labels.map((label, at) => {
    const colour = `c${at % COLOURS}`
    const own = series.filter(one => one.label === label)
    const path = own
      .map(one => ({ size: one.at?.value ?? NaN, middle: median(one.values) }))
      .filter(({ middle }) => Number.isFinite(middle) && middle > 0)
      .map(({ size, middle }) => `${x(size)} ${y(middle)}`)
    const runs = points.filter(point => point.label === label)
    return `<rect class="${colour}" x="${at % 2 === 0 ? 16 : WIDTH / 2}" y="${12 + 20 * (at >> 1)}" width="12" height="12"/>
<text x="${(at % 2 === 0 ? 16 : WIDTH / 2) + 20}" y="${23 + 20 * (at >> 1)}">${escape(label)}</text>
${runs.map(({ size, value }) => `<circle class="${colour}" cx="${x(size)}" cy="${y(value)}" r="3"/>`).join('')}
<path class="growth ${colour}" d="M${path.join('L')}"/>`
  })
  const text = series.map(one => `${one.label}, ${one.at?.value}: ${shown(median(one.values), unit)}`).join('; ')
  return { height, body: [...grid, ...lines.toReversed()].join('\n'), text }
}

/** @param {Pick<Series, 'label'>} series */
function isOwn({ label }) {
  return label.startsWith('swarmlink')
}

/** @param {number} value @param {[number, number]} range @param {[number, number]} onto */
function place(value, [least, most], [from, to]) {
  return (from + (Math.log(value / least) / Math.log(most / least)) * (to - from)).toFixed(1)
}

/** @param {number} value @param {string} unit */
function shown(value, unit) {
  if (!Number.isFinite(value)) return 'not in time'
  if (unit === 'ms' && value >= 1000) return `${Number((value / 1000).toPrecision(3))} s`
  return `${value >= 1000 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3))} ${unit}`
}

/** @param {string} text */
export function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
