import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

function run(tool: string, args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, [`test/${tool}/index.js`, ...args], { cwd: root }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    )
  })
}

describe.each([
  ['bench', ['--runs', 'x']],
  ['simulate', ['--clients', 'x']],
])('npm run %s', (tool, wrong) => {
  test.each([[['--hlep']], [wrong], [wrong.slice(0, 1)], [['nonsense']]])('answers %j in one line', async args => {
    const { code, out, err } = await run(tool, args)
    expect(err).toMatch(new RegExp(`^error: [^\\n]+ \\(usage: npm run ${tool} -- [^\\n]+; --help says more\\)\\n$`))
    expect([code, out]).toEqual([2, ''])
  })

  test('--help says more', async () => {
    const { code, out, err } = await run(tool, ['--help'])
    expect(out).toMatch(new RegExp(`^Usage: npm run ${tool} -- `))
    expect([code, err]).toEqual([0, ''])
  })
})
