// @ts-check
/** Programs from npm that tests run and that are no dependencies: each is installed once, below `node_modules/.cache`. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const cache = fileURLToPath(new URL('../../node_modules/.cache/tools', import.meta.url))

/** The folder whose `node_modules` has the package. @param {string} specifier such as `pnpm@10` */
export async function toolFolder(specifier) {
  const folder = join(cache, specifier.replace('/', '+'))
  if (existsSync(folder)) return folder
  process.stderr.write(`installing ${specifier} …\n`)
  const begun = `${folder}.${process.pid}`
  mkdirSync(begun, { recursive: true })
  // A separate manifest, so that npm does not install into the package around it.
  writeFileSync(join(begun, 'package.json'), '{ "private": true }\n')
  try {
    await promisify(execFile)('npm', ['install', '--prefix', begun, '--no-audit', '--no-fund', specifier])
    renameSync(begun, folder)
  } catch (error) {
    rmSync(begun, { recursive: true, force: true })
    // Another process was faster.
    if (!existsSync(folder)) throw error
  }
  return folder
}
