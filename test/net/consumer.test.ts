/** The fastest row of `npm run test:consumers`. */
import { afterAll, beforeAll, test } from 'vitest'
import { Lab } from '../consumers/lab.js'

let lab: Lab
beforeAll(async () => {
  lab = await Lab.open()
})
afterAll(() => lab?.close())

test('a project that npm installed downloads a torrent and exchanges a message [X10]', { timeout: 240_000 }, async () => {
  const cwd = await lab.npmProject()
  await lab.expectProgram('npm', process.execPath, ['leech.js'], { cwd })
})
