// @ts-check
/** Makes `dist/swarmlink.min.js`, the one file of `swarmlink/script`, and its source map. */
import { rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bundle } from './bundle.js'
import { coarse } from './source-map.js'
import { dist, root } from './paths.js'

const FILE = join(dist, 'swarmlink.min.js')

/** Returns the folders of the bundled packages. */
export async function bundleScript() {
  // Only its declarations are needed.
  rmSync(join(dist, 'script.js'))
  const { code, map, packages } = await bundle(join(root, 'src/script.ts'), { sourcemap: true })
  if (map === null) throw new Error('vite made no source map')
  writeFileSync(FILE, `${code.trimEnd()}\n//# sourceMappingURL=${basename(FILE)}.map\n`)
  writeFileSync(`${FILE}.map`, JSON.stringify(coarse(map, code)))
  return packages
}
