// @ts-check
/** Bundles libraries into the modules of `dist` that re-export them, so that consumers neither install nor ship the rest of these libraries. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.js'
import { dist, root } from './paths.js'

/** Each says why. */
const MODULES = ['core/bloom-filter', 'channel/duplex']

/** Returns the folders of the bundled packages. */
export async function bundleLibraries() {
  const bundles = await Promise.all(
    MODULES.map(async name => {
      const { code, packages } = await bundle(join(root, 'src', `${name}.ts`), { sourcemap: false })
      writeFileSync(join(dist, `${name}.js`), code)
      return packages
    }),
  )
  return bundles.flat()
}
