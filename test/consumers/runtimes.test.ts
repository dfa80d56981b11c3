import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NODE_VERSIONS, nodeBinary } from '../support/node-binary.js'
import { toolFolder } from '../support/tool-folder.js'
import { execute, Lab, versionOf } from './lab.js'

let lab: Lab
let cwd: string

beforeAll(async () => {
  lab = await Lab.open()
  cwd = await lab.npmProject()
})
afterAll(() => lab?.close())

describe.for(NODE_VERSIONS)('Node %s', version => {
  test.for([
    { way: 'import', program: 'leech.js' },
    { way: 'require', program: 'leech.cjs' },
  ])('downloads a torrent and exchanges a message with $way [X9]', async ({ way, program }, { task }) => {
    const node = await nodeBinary(version)
    await lab.expectProgram(`Node ${version} ${way}`, node, [program], { cwd })
    const shown = await execute(node, ['-p', 'process.versions.node'], { cwd })
    task.meta.row = { group: 'Node', tool: 'Node', way: `\`${way}\``, version: shown.split('.', 2).join('.') }
  })

  test('does not require WebTorrent, which awaits at its top level: import it [X9]', async () => {
    const node = await nodeBinary(version)
    await expect(execute(node, ['-e', "require('webtorrent')"], { cwd })).rejects.toThrow('ERR_REQUIRE_ASYNC_MODULE')
  })
})

describe.for([
  { name: 'Bun', tool: 'bun', major: 1, run: [], refusal: 'unsupported uv function: uv_udp_init' },
  { name: 'Deno', tool: 'deno', major: 2, run: ['run', '--allow-all'], refusal: 'undefined symbol: uv_udp_init' },
])('$name', ({ name, tool, major, run, refusal }) => {
  let folder: string
  let program: string
  beforeAll(async () => {
    folder = await toolFolder(`${tool}@${major}`)
    program = join(folder, 'node_modules/.bin', tool)
  })

  test('downloads a torrent, exchanges a message and passes the doctor, where WebTorrent has no uTP [X9]', async ({ task }) => {
    await lab.expectProgram(name, program, [...run, 'leech.js'], { cwd })
    const cli = [...run, 'node_modules/swarmlink/dist/cli.js']
    await lab.expectDoctor({ runtime: name, packageManager: 'npm' }, program, cli, { cwd })
    task.meta.row = { group: 'other runtimes', tool: name, version: await versionOf(folder, tool) }
  })

  test('is aborted by utp-native where WebTorrent has uTP [X9]', async () => {
    await expect(execute(program, [...run, 'with-utp.js'], { cwd })).rejects.toThrow(refusal)
  })
})
