import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { execute, Lab, versionOf } from './lab.js'

const VERSIONS = ['5.4', '5.9', '7']
/** As `docs/guides/installing.md` asks for. */
const STRICT = {
  strict: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
  lib: ['es2022', 'dom'],
  types: ['node'],
}

let lab: Lab
let cwd: string

beforeAll(async () => {
  lab = await Lab.open()
  const compilers = VERSIONS.map(version => `typescript-${version}@npm:typescript@${version}`)
  cwd = await lab.npmProject([...compilers, '@types/node@20', '@nats-io/nats-core'])
})
afterAll(() => lab?.close())

function check(version: string, options: object, ...files: string[]): Promise<string> {
  const flags = Object.entries({ ...STRICT, ...options }).flatMap(([name, value]) => [`--${name}`, String(value)])
  return execute(process.execPath, [join(cwd, `node_modules/typescript-${version}/bin/tsc`), ...flags, ...files], { cwd })
}

describe.for(VERSIONS)('TypeScript %s', version => {
  test.for([
    { resolution: 'nodenext', options: { module: 'nodenext' } },
    { resolution: 'bundler', options: { module: 'esnext', moduleResolution: 'bundler' } },
  ])('checks every entry point with $resolution and without skipLibCheck [X9]', async ({ resolution, options }, { task }) => {
    const files = version === '5.4' ? ['types.ts'] : ['types.ts', 'types-nats.ts']
    expect(await check(version, options, ...files)).toBe('')
    const shown = await versionOf(cwd, `typescript-${version}`)
    task.meta.row = { group: 'TypeScript', tool: 'TypeScript', way: `\`${resolution}\``, version: shown }
  })
})

test('TypeScript 5.4 does not read the types of @nats-io/nats-core, which need 5.7: set skipLibCheck [X9]', async () => {
  const checking = check('5.4', { module: 'nodenext' }, 'types-nats.ts')
  await expect(checking).rejects.toThrow(/nats-core\/lib\/\S+ error TS2315: Type 'Uint8Array' is not generic/)
  expect(await check('5.4', { module: 'nodenext', skipLibCheck: true }, 'types-nats.ts')).toBe('')
})

test('TypeScript 5.9 finds no types with node10, which reads no exports [X9]', async () => {
  const checking = check('5.9', { module: 'commonjs', moduleResolution: 'node10' }, 'types.ts')
  await expect(checking).rejects.toThrow(/TS2307: Cannot find module 'swarmlink\/?/)
})
