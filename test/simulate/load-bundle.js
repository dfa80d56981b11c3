// @ts-check
/** Bundles a simulation and the sources into one file, because a test runner's loader, which loads each apart, slows everything down. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
const source = (/** @type {string} */ path) => join(root, 'src', path)

/**
 * @template Module
 * @param {string} entry below `test/simulate`
 * @returns {Promise<Module>}
 */
export async function loadBundle(entry) {
  const outDir = await mkdtemp(join(tmpdir(), 'swarmlink-simulate-'))
  try {
    await build({
      configFile: false,
      root,
      logLevel: 'error',
      resolve: {
        alias: {
          '#dial': source('core/dial-node.ts'),
          '#engines': source('engine/load-engine-node.ts'),
          '#file-store': source('identity/file-store.ts'),
          '#report': source('core/report-node.ts'),
        },
      },
      ssr: { noExternal: true },
      build: {
        ssr: join(root, 'test/simulate', entry),
        outDir,
        emptyOutDir: false,
        target: 'node20',
        rolldownOptions: { output: { entryFileNames: 'simulation.mjs' } },
      },
    })
    // A cast, because the fresh build has no types.
    return /** @type {Module} */ (await import(pathToFileURL(join(outDir, 'simulation.mjs')).href))
  } finally {
    await rm(outDir, { recursive: true, force: true })
  }
}
