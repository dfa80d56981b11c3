/** The package as a page gets it, for tests that serve pages. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** What a page's bundler makes of the package, or of another module that it is given by its path from the root: its files by URL. */
export async function bundle(entry = 'dist/index.js', fileName = 'swarmlink'): Promise<Array<[string, string]>> {
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
  return output.output.flatMap(file => (file.type === 'chunk' ? [[`/${file.fileName}`, file.code] as [string, string]] : []))
}
