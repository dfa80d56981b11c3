import { afterEach, expect, test, vi } from 'vitest'
import { requireProgram } from '../../support/programs.js'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** A missing program, on a system where this user cannot install packages. */
function withoutRights() {
  vi.spyOn(process, 'getuid').mockReturnValue(1000)
  return { command: 'no-such-program', package: 'no-such-package', variable: 'NO_SUCH_PROGRAM' }
}

test('requireProgram finds a program on the PATH, or at the path in its variable', async () => {
  const program = withoutRights()
  vi.stubEnv('NO_SUCH_PROGRAM', process.execPath)
  expect(await requireProgram(program)).toBe(process.execPath)
  expect(await requireProgram({ command: 'sh', package: 'dash' })).toMatch(/\/sh$/)
})

test('requireProgram throws for a missing program with CI set', async () => {
  vi.stubEnv('CI', 'true')
  await expect(requireProgram(withoutRights())).rejects.toThrow('apt-get install no-such-package` or set NO_SUCH_PROGRAM')
})

test('requireProgram reports a missing program in one line without CI', async () => {
  vi.stubEnv('CI', '')
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  expect(await requireProgram(withoutRights())).toBeUndefined()
  expect(write.mock.calls).toEqual([[expect.stringMatching(/^skipped: no-such-program is missing.*\n$/)]])
})
