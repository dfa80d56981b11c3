// @ts-check
/** What a page loads of each package, bundled and minified with esbuild. */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { progress } from '../processes.js'
import { number } from '../stats.js'
import { labelled } from '../systems.js'

/** @typedef {import('../types.js').Options} Options */
/** @typedef {import('../types.js').Result} Result */
/** @typedef {import('../types.js').System} System */
/** @typedef {{ label: string, code: string }} Entry */
/** @typedef {{ first: number, all: number } | { reason: string }} Size in bytes, compressed */

const ROOT = dirname(fileURLToPath(new URL('../../../package.json', import.meta.url)))
const KILO = 1_000

export const title = 'Size in a page'

/** @param {Options} options @returns {Promise<Result>} */
export async function run({ systems }) {
  const entries = systems.flatMap(entriesOf)
  const sizes = await Promise.all(entries.map(async ({ label, code }) => ({ label, size: await sizeOf(code) })))
  for (const { label, size } of sizes)
    progress(`size: ${label}: ${'reason' in size ? size.reason : `${size.first} of ${size.all}`}`)
  return {
    name: 'size',
    title,
    columns: [{ title: 'package', align: 'left' }, { title: 'first load, kB gzip' }, { title: 'with all that is loaded later' }],
    rows: sizes.map(({ label, size }) =>
      'reason' in size ? [label, size.reason, ''] : [label, number(size.first / KILO, 1), number(size.all / KILO, 1)],
    ),
    notes: [
      'Minified, each chunk compressed alone. The first load is the entry and what it imports at once; the bare engine is part of the browser.',
      'WebTorrent does not bundle: this is the file that it ships. P2PT brings the tracker client and the simple-peer of WebTorrent along.',
    ],
    data: sizes,
    series: sizes.flatMap(({ label, size }) =>
      'reason' in size
        ? []
        : [
            { group: 'first load', label, unit: 'kB', values: [size.first / KILO] },
            { group: 'with all that is loaded later', label, unit: 'kB', values: [size.all / KILO] },
          ],
    ),
  }
}

/** @param {System} system @returns {Entry[]} */
function entriesOf(system) {
  const label = labelled(system)
  switch (system.name) {
    case 'swarmlink':
      return [
        { label: 'swarmlink, the plugin', code: "export { ConnectionManager } from './dist/index.js'" },
        { label: 'swarmlink, a room', code: "export { P2PT } from './dist/room.js'" },
        { label: 'swarmlink, calls', code: "export { Sender, Receiver } from './dist/media/index.js'" },
        { label: 'swarmlink, a mesh', code: "export { createMesh } from './dist/mesh/index.js'" },
        { label: 'swarmlink, every export of `swarmlink`', code: "export * from './dist/index.js'" },
      ]
    case 'webtorrent':
      return [{ label, code: "export { default } from 'webtorrent/dist/webtorrent.min.js'" }]
    case 'trystero':
      return [{ label, code: `export { joinRoom } from '${system.needs}'` }]
    case 'p2pt':
    case 'simple-peer':
      return [{ label, code: `export { default } from '${system.needs}'` }]
    case 'bare':
      return []
  }
}

/** @param {string} code @returns {Promise<Size>} */
async function sizeOf(code) {
  /** @type {typeof import('esbuild')} */
  const { build } = createRequire(import.meta.resolve('@size-limit/esbuild'))('esbuild')
  try {
    const { outputFiles, metafile } = await build({
      stdin: { contents: code, resolveDir: ROOT },
      absWorkingDir: ROOT,
      outdir: 'out',
      entryNames: 'entry',
      bundle: true,
      minify: true,
      splitting: true,
      format: 'esm',
      platform: 'browser',
      tsconfigRaw: '{}', // the project's own maps `#…` to the sources for Node
      metafile: true,
      write: false,
      logLevel: 'silent',
    })
    const bytes = new Map(
      outputFiles.map(({ path, contents }) => [path.slice(ROOT.length + 1), gzipSync(contents, { level: 9 }).length]),
    )
    const first = new Set(['out/entry.js'])
    for (const path of first)
      for (const { path: imported, kind, external } of metafile.outputs[path]?.imports ?? [])
        if (kind === 'import-statement' && external !== true) first.add(imported)
    /** @param {Iterable<string>} paths */
    const total = paths => [...paths].reduce((sum, path) => sum + (bytes.get(path) ?? 0), 0)
    return { first: total(first), all: total(bytes.keys()) }
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n').slice(1)
    return { reason: `does not bundle: ${line}` }
  }
}
