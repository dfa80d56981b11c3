/** Finds the versions of installed packages on the disk. Loads nothing. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The version of the package that a module at `from` (a path or a `file:` URL) would import by this specifier; undefined if not found. */
export function versionOf(specifier: string, from: string): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const require = createRequire(from)
  // Yarn PnP has no folders to search, but `resolve` works; in Node `resolve` fails if `exports` are for `import` only.
  return manifestAbove(name, resolve(require, specifier)) ?? manifestBelow(name, require.resolve.paths(name) ?? [])
}

function resolve(require: NodeJS.Require, specifier: string): string | undefined {
  try {
    return require.resolve(specifier)
  } catch {
    return undefined // it is not installed, or has no export for `require`
  }
}

function manifestAbove(name: string, file: string | undefined): string | undefined {
  for (let folder = file && dirname(file); folder !== undefined && folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = readManifest(folder)
    if (manifest?.name === name) return manifest.version
  }
  return undefined
}

function manifestBelow(name: string, folders: readonly string[]): string | undefined {
  for (const folder of folders) {
    const manifest = readManifest(join(folder, name))
    if (manifest !== undefined) return manifest.version
  }
  return undefined
}

function readManifest(folder: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string; version?: string } // the package manager could parse it
  } catch {
    return undefined
  }
}

/** Whether a version satisfies a range `>=x.y`; this package has no other kind of range. */
export function satisfies(version: string, range: string): boolean {
  const [have, need] = [version, range].map(text => (text.match(/\d+/g) ?? []).map(Number))
  for (const [index, wanted] of (need ?? []).entries()) {
    const its = have?.[index] ?? 0
    if (its !== wanted) return its > wanted
  }
  return true
}
