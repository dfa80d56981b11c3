/**
 * What vitest runs before projects whose tests start programs that import the package by name: rebuilds `dist` from `src`, and bundles
 * WebTorrent into one file. Once per run and not per worker, where one would read what another is writing.
 */
import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build as viteBuild } from 'vite'
import type { TestProject } from 'vitest/node'
import { BUNDLED_WEBTORRENT } from './webtorrent.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The file that a build writes last. */
const LAST_BUILT = 'dist/LICENSES.txt'

export default async function setup(project: TestProject): Promise<void> {
  await Promise.all([build(), bundleWebTorrent()])
  project.onTestsRerun(build) // in watch mode
}

/**
 * WebTorrent is 300 files. A process needs 0.9 s of processor time to read them, but 0.4 s to read one bundle, and some 200 test processes
 * load it. Costs nothing while the installed packages are unchanged.
 */
async function bundleWebTorrent(): Promise<void> {
  const [installed, product] = await Promise.all([
    stat(join(root, 'node_modules/.package-lock.json')),
    stat(BUNDLED_WEBTORRENT).then(
      file => file.mtimeMs,
      () => 0,
    ),
  ])
  if (product > installed.mtimeMs) return
  await viteBuild({
    configFile: false,
    root,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: createRequire(import.meta.url).resolve('webtorrent'),
      outDir: dirname(BUNDLED_WEBTORRENT),
      minify: false,
      rolldownOptions: {
        // Native modules, and webrtc-polyfill: it shuts node-datachannel down after its last connection, so there must be one copy.
        external: [/^webrtc-polyfill/, /^node-datachannel/, 'utp-native', 'fs-native-extensions', 'bufferutil', 'utf-8-validate'],
        output: { entryFileNames: basename(BUNDLED_WEBTORRENT) },
      },
    },
  })
}

/** Costs nothing when `dist` is newer than everything of which it is made. */
async function build(): Promise<void> {
  const [sources, product] = await Promise.all([
    Promise.all([newest(join(root, 'src')), newest(join(root, 'build')), newest(join(root, 'tsconfig.build.json'))]),
    newest(join(root, LAST_BUILT)).catch(() => 0),
  ])
  if (product > Math.max(...sources)) return
  try {
    await promisify(execFile)(process.execPath, ['build/index.js'], { cwd: root })
  } catch (error) {
    throw new Error(`dist could not be built:\n${(error as { stdout?: string }).stdout ?? ''}`, { cause: error }) // an error of execFile
  }
}

/** When the file, or the last of the folder, was changed. */
async function newest(path: string): Promise<number> {
  const found = await stat(path)
  if (!found.isDirectory()) return found.mtimeMs
  const entries = await readdir(path, { withFileTypes: true, recursive: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => stat(join(entry.parentPath, entry.name)))
  return Math.max(...(await Promise.all(files)).map(file => file.mtimeMs))
}
