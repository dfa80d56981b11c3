/** A project that uses this package, for tests of what a user has after `npm install`. */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))

/** Installs as `npm install` would: the files of this package as they are published, and its dependencies. */
export async function install(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  const own = join(modules, manifest.name)
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(own, { recursive: true })
  await cp(join(root, 'package.json'), join(own, 'package.json'))
  await cp(join(root, 'dist'), join(own, 'dist'), { recursive: true })
  const others = [
    ...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
    'webtorrent',
    'vite',
    '@nats-io/nats-core',
    '@types/node',
  ]
  for (const name of others) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
}
