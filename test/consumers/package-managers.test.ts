import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { toolFolder } from '../support/tool-folder.js'
import { execute, Lab, PINS, versionOf } from './lab.js'

let lab: Lab
/** Package managers that do not read npm's configuration are told the registry of this machine. */
let registry: Record<string, string>

beforeAll(async () => {
  lab = await Lab.open()
  const url = (await execute('npm', ['config', 'get', 'registry'], { cwd: '.' })).trim()
  registry = {
    npm_config_registry: url,
    YARN_REGISTRY: url,
    YARN_NPM_REGISTRY_SERVER: url,
    ...(url.startsWith('http:') && { YARN_UNSAFE_HTTP_WHITELIST: new URL(url).hostname }),
    YARN_ENABLE_TELEMETRY: '0',
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
  }
})
afterAll(() => lab?.close())

const PNPM = `overrides:
${Object.entries(PINS)
  .map(([name, version]) => `  ${name}: ${version}\n`)
  .join('')}allowBuilds:
  bufferutil: false
  utf-8-validate: false
  utp-native: false
`
const RESOLUTIONS = { private: true, type: 'module', resolutions: PINS }

/** With the files that the README names, and the commands that it gives. */
const MANAGERS: Array<{
  name: string
  /** As the doctor says it. @default the name */
  known?: string
  way?: string
  tool: string
  bin: string
  files: Record<string, string | object>
  add: (tarball: string) => string[]
  /** Before the name of a package's program. */
  exec?: string[]
  /** The program is run by the package manager, which knows where the packages are. */
  runs?: boolean
  env?: Record<string, string>
}> = [
  {
    name: 'pnpm',
    tool: 'pnpm@10',
    bin: 'pnpm',
    files: { 'pnpm-workspace.yaml': PNPM },
    add: tarball => ['add', tarball, 'webtorrent'],
    exec: ['exec'],
  },
  {
    name: 'pnpm',
    tool: 'pnpm@12',
    bin: 'pnpm',
    files: { 'pnpm-workspace.yaml': PNPM },
    add: tarball => ['add', tarball, 'webtorrent'],
    exec: ['exec'],
  },
  {
    name: 'Yarn classic',
    known: 'Yarn',
    tool: 'yarn@1',
    bin: 'yarn',
    files: { 'package.json': RESOLUTIONS, '.yarnrc': 'ignore-engines true\n' },
    add: tarball => ['add', `file:${tarball}`, 'webtorrent'],
    exec: ['run', '--silent'],
  },
  ...(['node-modules', 'pnp'] as const).map(linker => ({
    name: 'Yarn',
    known: linker === 'pnp' ? 'Yarn PnP' : 'Yarn',
    way: linker === 'pnp' ? 'PnP' : '`node_modules`',
    tool: '@yarnpkg/cli-dist@4',
    bin: 'yarn',
    files: { 'package.json': RESOLUTIONS, 'yarn.lock': '' },
    add: (tarball: string) => ['add', `swarmlink@file:${tarball}`, 'webtorrent'],
    runs: true,
    env: { YARN_NODE_LINKER: linker },
  })),
]

describe('a project downloads a torrent, exchanges a message and passes the doctor', () => {
  test('that npm installed [X10]', async ({ task }) => {
    const cwd = await lab.npmProject()
    await lab.expectProgram('npm', process.execPath, ['leech.js'], { cwd })
    await lab.expectDoctor({ runtime: 'Node', packageManager: 'npm' }, 'npx', ['swarmlink'], { cwd })
    const version = (await execute('npm', ['--version'], { cwd })).trim().split('.', 2).join('.')
    task.meta.row = { group: 'package managers', tool: 'npm', version }
  })

  const titled = MANAGERS.map(manager => ({ ...manager, title: [manager.tool, manager.way ?? []].flat().join(' with ') }))
  test.for(titled)(
    'that $title installed [X10]',
    async ({ title, name, known = name, way, tool, bin, files, add, exec = [], runs, env = {} }, { task }) => {
      const folder = await toolFolder(tool)
      const manager = join(folder, 'node_modules/.bin', bin)
      const options = { cwd: await lab.project(files), env: { ...registry, ...env } }
      await execute(manager, add(lab.tarball), options)
      if (runs === true) await lab.expectProgram(title, manager, ['node', 'leech.js'], options)
      else await lab.expectProgram(title, process.execPath, ['leech.js'], options)
      await lab.expectDoctor({ runtime: 'Node', packageManager: known }, manager, [...exec, 'swarmlink'], options)
      const version = await versionOf(folder, tool.slice(0, tool.lastIndexOf('@')))
      task.meta.row = { group: 'package managers', tool: name, version, ...(way !== undefined && { way }) }
    },
  )
})

describe('a project without the pins', () => {
  test('is refused by npm, because the install script of ip-set 3.0.0 is broken [X10]', async ({ expect }) => {
    const cwd = await lab.project()
    const installing = execute('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', lab.tarball, 'webtorrent'], {
      cwd,
    })
    await expect(installing).rejects.toThrow(/path .*ip-set/)
  })
})
