// @ts-check
/** The package as a page gets it, for tests and benchmarks that serve pages. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Bundles the package, or another module given by its path from the root, as for a page. Returns the files by URL.
 * @returns {Promise<Array<[string, string]>>}
 */
export async function bundle(entry = 'dist/index.js', fileName = 'swarmlink') {
  const result = await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      write: false,
      lib: { entry: join(root, entry), formats: ['es'], fileName },
      rolldownOptions: { output: { chunkFileNames: '[name]-[hash].js' } },
    },
  })
  const [output] = [result].flat()
  if (output === undefined || !('output' in output)) throw new Error('vite built nothing')
  return output.output.flatMap(file =>
    file.type === 'chunk' ? [/** @type {[string, string]} */ ([`/${file.fileName}`, file.code])] : [],
  )
}
