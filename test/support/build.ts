/**
 * What vitest does before projects whose tests start programs that import the package by its name: makes `dist` what `src` says.
 * Once a run and not in each worker, where one would read what another is still writing.
 */
import { execFile } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'

const root = fileURLToPath(new URL('../..', import.meta.url))
const TSC = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')
const CONFIG = 'tsconfig.build.json'

export default async function setup(project: TestProject): Promise<void> {
  await build()
  project.onTestsRerun(build) // of those who watch
}

/** Costs nothing when `dist` is newer than every source. */
async function build(): Promise<void> {
  const [sources, product] = await Promise.all([
    newest(join(root, 'src')),
    stat(join(root, 'dist/index.js')).then(
      file => file.mtimeMs,
      () => 0,
    ),
  ])
  const settings = await stat(join(root, CONFIG))
  if (product > Math.max(sources, settings.mtimeMs)) return
  try {
    await promisify(execFile)(process.execPath, [TSC, '-p', CONFIG], { cwd: root })
  } catch (error) {
    throw new Error(`dist could not be built:\n${(error as { stdout?: string }).stdout ?? ''}`, { cause: error }) // as execFile rejects
  }
}

async function newest(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => stat(join(entry.parentPath, entry.name)))
  return Math.max(...(await Promise.all(files)).map(file => file.mtimeMs))
}
