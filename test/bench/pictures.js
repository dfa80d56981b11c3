// @ts-check
/** The pictures of the README and of docs/benchmarks.md, from saved runs. Readable on a light and on a dark page. */
import { escape, plot, PLOT_STYLE, WIDTH } from './plot.js'

/** @typedef {import('./types.js').Machine} Machine */
/** @typedef {import('./types.js').Saved} Saved */

/** By file: a title, and the groups of which benchmark it shows. */
const PICTURES = {
  'bench-first-wire.svg': {
    title: 'Time to the first peer, and to a full mesh',
    parts: [
      { name: 'first-wire', group: 'seeder is announced, leecher joins', caption: 'first peer, Node' },
      { name: 'page-first-wire', group: 'Chromium, no STUN server', caption: 'first peer, Chromium' },
      { name: 'page-mesh', group: 'Chromium, full mesh of 8', caption: 'full mesh of 8 pages that join at once, Chromium' },
    ],
  },
  'bench-join.svg': {
    title: 'One client joins a swarm of 30',
    parts: [
      { name: 'join', group: 'first connection', caption: 'first connection' },
      { name: 'join', group: 'all 30 connections', caption: 'all 30 connections' },
    ],
  },
  'bench-topics-cpu.svg': {
    title: 'Idle client, many topics without a peer: share of a core',
    parts: [{ name: 'topics', group: 'CPU of a core', caption: '' }],
  },
  'bench-topics-memory.svg': {
    title: 'The same: memory of the process',
    parts: [{ name: 'topics', group: 'memory', caption: '' }],
  },
  'bench-peers-memory.svg': {
    title: 'Memory of a process with many peers',
    parts: [{ name: 'peers', group: 'memory', caption: '' }],
  },
  'bench-peers-cpu.svg': {
    title: 'The same, idle: share of a core',
    parts: [{ name: 'peers', group: 'idle CPU of a core', caption: '' }],
  },
}

const STYLE = `<style>
svg { font: 13px system-ui, sans-serif; background: #fff; --text: #1f2328; --muted: #59636e; --line: #d1d9e0; --own: #0b62d6; --other: #6b7280 }
@media (prefers-color-scheme: dark) { svg { background: #0d1117; --text: #e6edf3; --muted: #9aa4af; --line: #30363d; --own: #58a6ff; --other: #9ca3af } }
${PLOT_STYLE}svg text.title { font-size: 16px; font-weight: 600 }
svg text.part { font-weight: 600 }
</style>`
const TOP = 44
const CAPTION = 24
const MARGIN = 16

/** SVG texts by file name, of all pictures whose figures are there. @param {Saved} saved @returns {Map<string, string>} */
export function pictures({ machine, figures }) {
  /** @type {Map<string, string>} */
  const files = new Map()
  for (const [file, { title, parts }] of Object.entries(PICTURES)) {
    const drawn = parts.flatMap(({ name, group, caption }) => {
      const series = figures.find(figure => figure.name === name)?.series?.filter(one => one.group === group) ?? []
      const plotted = plot(series)
      return plotted === undefined ? [] : [{ caption, ...plotted }]
    })
    if (drawn.length > 0) files.set(file, picture(title, drawn, machine))
  }
  return files
}

/** @param {string} title @param {Array<import('./plot.js').Plot & { caption: string }>} parts @param {Machine} machine */
function picture(title, parts, { cpu, cores, node, load }) {
  let y = TOP
  const bodies = parts.map(({ caption, height, body }) => {
    const heading = caption === '' ? '' : `<text class="part" x="0" y="${y + MARGIN}">${escape(caption)}</text>\n`
    if (caption !== '') y += CAPTION
    const placed = `${heading}<g transform="translate(0 ${y})">\n${body}\n</g>`
    y += height + MARGIN
    return placed
  })
  const label = `${title}. ${parts.map(({ caption, text }) => `${caption}: ${text}`).join('. ')}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} 0 ${WIDTH + 2 * MARGIN} ${y + 30}" role="img" aria-label="${escape(label)}">
${STYLE}
<text class="title" x="0" y="28">${escape(title)}</text>
${bodies.join('\n')}
<text class="muted" x="0" y="${y + 14}">A dot is a run, a bar or line the median; at the right end: not in time. ${cores} × ${escape(cpu)}, Node ${escape(node.slice(1))}, load ${load.toFixed(0)}.</text>
</svg>
`
}
