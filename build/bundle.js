// @ts-check
/** Bundles a module and all that it imports into one minified module for browsers and Node. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { build } from 'vite'
import { TARGET } from './minify.js'
import { manifest, root } from './paths.js'

/** Replaces modules that a library loads and whose functions are never called here. @type {Record<string, string>} */
const UNUSED = {
  // bloom-filters: decorators for the import and export of filters as JSON.
  '../exportable': 'exports.Field = exports.Parameter = exports.AutoExportable = () => () => {}',
  'base64-arraybuffer': '',
  // bloom-filters: random numbers for cuckoo filters.
  seedrandom: 'module.exports = () => undefined',
  // bloom-filters: xxhashjs has two hashes, of 32 and 64 bits, and cuint the arithmetic of both. The filter uses the one of 64.
  './xxhash': '',
  cuint: "exports.UINT64 = require('cuint/lib/uint64')",
  // streamx: decodes a stream of text. Wires carry bytes.
  'text-decoder': "module.exports = class { constructor() { throw new Error('this stream carries bytes only') } }",
}
const PREFIX = '\0unused:'

/** @type {import('vite').Plugin} */
const withoutUnused = {
  name: 'without-unused',
  enforce: 'pre',
  resolveId: id => (Object.hasOwn(UNUSED, id) ? `${PREFIX}${id}` : undefined),
  load: id => (id.startsWith(PREFIX) ? UNUSED[id.slice(PREFIX.length)] : undefined),
}

const alias = [
  // The package `events`, not Node's module; streamx asks for it by way of events-universal.
  { find: /^events(?:-universal)?$/, replacement: createRequire(import.meta.url).resolve('events/') },
  // The `imports` of package.json lead into `dist`; the sources beside them are the same.
  ...Object.entries(manifest.imports).map(([find, { default: target = '' }]) => ({
    find,
    replacement: join(root, target.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
  })),
]

/**
 * @param {string} entry
 * @param {{ sourcemap: boolean }} options
 */
export async function bundle(entry, { sourcemap }) {
  const result = await build({
    configFile: false,
    publicDir: false,
    root,
    logLevel: 'error',
    resolve: { alias },
    // Names of Node in branches that no browser reaches. Parcel and others ship a polyfill for each such name.
    define: { Buffer: 'Uint8Array', global: 'globalThis' },
    plugins: [withoutUnused],
    build: {
      write: false,
      target: TARGET,
      sourcemap: sourcemap && 'hidden',
      // As a library: the build of a page adds a loader for its chunks.
      lib: { entry, formats: ['es'], fileName: '[name]' },
      rolldownOptions: { output: { codeSplitting: false, minify: true } },
    },
  })
  const [chunk, ...others] = [result].flat().flatMap(made => ('output' in made ? made.output : []))
  if (chunk?.type !== 'chunk' || others.some(({ type }) => type === 'chunk'))
    throw new Error(`vite made more than one file of ${entry}: it can no longer be bundled`)
  return { code: chunk.code, map: chunk.map, packages: chunk.moduleIds.flatMap(packageOf) }
}

/** The folder of the package that a bundled file belongs to. @param {string} path */
function packageOf(path) {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []
}
