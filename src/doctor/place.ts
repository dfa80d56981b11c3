/** Recognises the runtime and the package manager of an application, and says what to write into which of its files. Loads nothing. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export type PackageManager = 'npm' | 'pnpm' | 'Yarn' | 'Yarn PnP' | 'Bun' | 'Deno'

export interface Place {
  runtime: 'Node' | 'Bun' | 'Deno'
  /** Of the runtime itself; Bun and Deno also have the version of the Node whose interfaces they offer. */
  version: string
  manager: PackageManager
  /** Packages that the application must pin, with their versions: see `docs/guides/installing.md`. */
  pins: Readonly<Record<string, string>>
}

/** The files by which a folder shows its package manager. */
const TRACES: ReadonlyArray<[manager: PackageManager, files: readonly string[]]> = [
  ['Yarn PnP', ['.pnp.cjs']],
  ['pnpm', ['pnpm-lock.yaml', 'pnpm-workspace.yaml']],
  ['Yarn', ['yarn.lock']],
  ['Bun', ['bun.lock', 'bun.lockb']],
  ['Deno', ['deno.lock']],
  ['npm', ['package-lock.json']],
]

const ADD: Readonly<Record<PackageManager, string>> = {
  npm: 'npm install',
  pnpm: 'pnpm add',
  Yarn: 'yarn add',
  'Yarn PnP': 'yarn add',
  Bun: 'bun add',
  Deno: 'deno add',
}

/** The runtime of this process, and the package manager of the folder. */
export function readPlace(folder: string, versions: NodeJS.ProcessVersions, pins: Place['pins']): Place {
  const { bun, deno, node } = versions
  const manager = versions['pnp'] === undefined ? managerOf(folder) : 'Yarn PnP'
  if (bun !== undefined) return { runtime: 'Bun', version: bun, manager: manager ?? 'Bun', pins }
  if (deno !== undefined) return { runtime: 'Deno', version: deno, manager: manager ?? 'Deno', pins }
  return { runtime: 'Node', version: node, manager: manager ?? 'npm', pins }
}

/** The nearest folder with a lock file decides: in a workspace the file lies at its root. */
function managerOf(folder: string): PackageManager | undefined {
  const [manager] = TRACES.find(([, files]) => files.some(file => existsSync(join(folder, file)))) ?? []
  const parent = dirname(folder)
  return manager ?? (parent === folder ? undefined : managerOf(parent))
}

/** The command that adds the package to the application. */
export function commandToAdd({ manager }: Place, name: string): string {
  return `${ADD[manager]} ${manager === 'Deno' ? 'npm:' : ''}${name}`
}

/** What to write into which file, so that the pins hold. */
export function howToPin({ manager, pins }: Place): string {
  const text = JSON.stringify(pins).replaceAll(/[:,]/g, '$& ')
  if (manager === 'pnpm') {
    const lines = Object.entries(pins).map(([name, version]) => `${name}: ${version}`)
    return `write "overrides" with ${lines.join(' and ')} into pnpm-workspace.yaml`
  }
  const field = manager.startsWith('Yarn') ? 'resolutions' : 'overrides'
  return `write "${field}": ${text} into package.json`
}
