/** Reads the sources, for tests of what they contain. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Sources } from './architecture.js'

const folder = fileURLToPath(new URL('../../../src', import.meta.url))

/** The text of each module by its path below `src`. */
export function readSources(): Sources {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  return new Map(paths.map(path => [path.split(sep).join('/'), readFileSync(join(folder, path), 'utf8')]))
}
