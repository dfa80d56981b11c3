import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commandToAdd, howToPin, readPlace } from '../../../src/doctor/place.js'

const PINS = { 'ip-set': '2.2.0', 'node-datachannel': '0.33.4' }
const IN_JSON = '{"ip-set": "2.2.0", "node-datachannel": "0.33.4"} into package.json'
const NODE = { ...process.versions, node: '20.19.0' }

test.for([
  ['package-lock.json', 'npm', 'npm install x', `write "overrides": ${IN_JSON}`],
  [
    'pnpm-lock.yaml',
    'pnpm',
    'pnpm add x',
    'write "overrides" with ip-set: 2.2.0 and node-datachannel: 0.33.4 into pnpm-workspace.yaml',
  ],
  ['yarn.lock', 'Yarn', 'yarn add x', `write "resolutions": ${IN_JSON}`],
  ['.pnp.cjs', 'Yarn PnP', 'yarn add x', `write "resolutions": ${IN_JSON}`],
  ['bun.lock', 'Bun', 'bun add x', `write "overrides": ${IN_JSON}`],
  ['deno.lock', 'Deno', 'deno add npm:x', `write "overrides": ${IN_JSON}`],
] as const)(
  'the doctor knows by %s that %s installs, and says where the pins go [X8]',
  ([file, manager, add, pin], { onTestFinished }) => {
    const root = mkdtempSync(join(tmpdir(), 'swarmlink-place-'))
    onTestFinished(() => rmSync(root, { recursive: true }))
    const member = join(root, 'packages', 'app')
    mkdirSync(member, { recursive: true })
    writeFileSync(join(root, file), '')
    const place = readPlace(member, NODE, PINS)
    expect(place).toEqual({ runtime: 'Node', version: '20.19.0', manager, pins: PINS })
    expect([commandToAdd(place, 'x'), howToPin(place)]).toEqual([add, pin])
  },
)

test('the doctor tells Bun, Deno and Yarn PnP by their versions [X8]', () => {
  const at = (versions: object) => readPlace('/', { ...NODE, ...versions }, PINS)
  expect(at({ bun: '1.4.5' })).toMatchObject({ runtime: 'Bun', version: '1.4.5', manager: 'Bun' })
  expect(at({ deno: '2.9.6' })).toMatchObject({ runtime: 'Deno', version: '2.9.6', manager: 'Deno' })
  expect(at({ pnp: '3' })).toMatchObject({ runtime: 'Node', manager: 'Yarn PnP' })
})
