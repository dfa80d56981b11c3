/** Draws line and bar charts as SVG text, readable on a light and on a dark page. Knows nothing of meshes. */

export interface Series {
  name: string
  points: ReadonlyArray<readonly [number, number]>
}

interface Axis {
  title: string
  max: number
  min?: number
  /** Where lines and numbers stand. */
  ticks: readonly number[]
  isLogarithmic?: boolean
}

export interface LineChart {
  title: string
  x: Axis
  y: Axis
  series: readonly Series[]
}

export interface BarChart {
  title: string
  unit: string
  bars: ReadonlyArray<{ name: string; value: number }>
}

const WIDTH = 720
const HEIGHT = 380
const LEFT = 64
const RIGHT = 40
const TOP = 76
const BOTTOM = 56
const ROW = 40

const STYLE = `<style>
  svg { font: 13px system-ui, sans-serif; background: #fff; --ink: #1f2328; --faint: #d1d9e0; --c0: #0b62d6; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #6b7280 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117; --ink: #e6edf3; --faint: #30363d; --c0: #58a6ff; --c1: #ff9d5c; --c2: #56d364; --c3: #d2a8ff; --c4: #9ca3af }
  }
  text { fill: var(--ink) }
  .title { font-size: 16px; font-weight: 600 }
  .grid { stroke: var(--faint) }
  .line { fill: none; stroke-width: 2 }
</style>`

const colour = (index: number) => `var(--c${index % 5})`
const shown = (value: number) => value.toLocaleString('en-GB', { maximumFractionDigits: 3 }).replaceAll(',', ' ')
const rounded = (value: number) => Math.round(value * 10) / 10

function svg(height: number, title: string, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">
${[STYLE, `<text class="title" x="16" y="28">${title}</text>`, ...body].join('\n')}
</svg>
`
}

function place({ min = 0, max, isLogarithmic = false }: Axis, from: number, to: number): (value: number) => number {
  const scale = isLogarithmic ? Math.log : (value: number) => value
  return value => rounded(from + ((scale(value) - scale(min)) / (scale(max) - scale(min))) * (to - from))
}

export function lineChart({ title, x, y, series }: LineChart): string {
  const [right, bottom] = [WIDTH - RIGHT, HEIGHT - BOTTOM]
  const [atX, atY] = [place(x, LEFT, right), place(y, bottom, TOP)]
  const legend = series.map(({ name }, i) => {
    const left = 16 + i * 134
    return `<rect x="${left}" y="42" width="12" height="12" fill="${colour(i)}"/><text x="${left + 18}" y="53">${name}</text>`
  })
  const rows = y.ticks.map(
    tick =>
      `<path class="grid" d="M${LEFT} ${atY(tick)}H${right}"/><text x="${LEFT - 8}" y="${atY(tick) + 4}" text-anchor="end">${shown(tick)}</text>`,
  )
  const columns = x.ticks.map(tick => `<text x="${atX(tick)}" y="${bottom + 18}" text-anchor="middle">${shown(tick)}</text>`)
  const titles = [
    `<text x="${(LEFT + right) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${x.title}</text>`,
    `<text transform="translate(16 ${(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.title}</text>`,
  ]
  const lines = series.map(
    ({ points }, i) =>
      `<path class="line" stroke="${colour(i)}" d="M${points.map(([px, py]) => `${atX(px)} ${atY(py)}`).join('L')}"/>`,
  )
  return svg(HEIGHT, title, [...legend, ...rows, ...columns, ...titles, ...lines.toReversed()])
}

export function barChart({ title, unit, bars }: BarChart): string {
  const left = 190
  const most = Math.max(...bars.map(({ value }) => value))
  const rows = bars.map(({ name, value }, i) => {
    const top = 52 + ROW * i
    const width = Math.max(1, rounded((value / most) * (WIDTH - left - 110)))
    return [
      `<text x="${left - 10}" y="${top + 18}" text-anchor="end">${name}</text>`,
      `<rect x="${left}" y="${top}" width="${width}" height="26" fill="${colour(i === 0 ? 0 : 4)}"/>`,
      `<text x="${left + width + 8}" y="${top + 18}">${shown(value)} ${unit}</text>`,
    ].join('')
  })
  return svg(64 + ROW * bars.length, title, rows)
}
