// @ts-check
/** Where the build reads and writes, and the manifest of the package. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const dist = join(root, 'dist')

/** @type {{ exports: Record<string, string | Record<string, string>>, imports: Record<string, Record<string, string>> }} */
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** The files of `dist` whose names end with this, as absolute paths. @param {string} ending */
export function filesEnding(ending) {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith(ending))
    .map(file => join(dist, file))
}
