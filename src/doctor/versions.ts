/** Which packages are installed, by looking at the disk. Loads nothing. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The version that a module at `from`, a path or a `file:` URL, would get; undefined when it would get none. */
export function versionOf(name: string, from: string): string | undefined {
  for (const folder of createRequire(from).resolve.paths(name) ?? []) {
    try {
      const { version } = JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version?: string } // npm has read it before us
      return version
    } catch {
      continue // further up, perhaps
    }
  }
  return undefined
}

/** Whether a version is at least that of a range `>=x.y`, the only kind that we have. */
export function satisfies(version: string, range: string): boolean {
  const [have, need] = [version, range].map(text => (text.match(/\d+/g) ?? []).map(Number))
  for (const [index, wanted] of (need ?? []).entries()) {
    const its = have?.[index] ?? 0
    if (its !== wanted) return its > wanted
  }
  return true
}
