import { afterEach, expect, test, vi } from 'vitest'
import { requireProgram } from '../../support/programs.js'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

/** Missing, and on a system where this user may install nothing. */
function withoutRights() {
  vi.spyOn(process, 'getuid').mockReturnValue(1000)
  return { command: 'no-such-program', package: 'no-such-package', variable: 'NO_SUCH_PROGRAM' }
}

test('a program is found on the PATH, or where its variable says', async () => {
  const program = withoutRights()
  vi.stubEnv('NO_SUCH_PROGRAM', process.execPath)
  expect(await requireProgram(program)).toBe(process.execPath)
  expect(await requireProgram({ command: 'sh', package: 'dash' })).toMatch(/\/sh$/)
})

test('a missing program fails a run with CI set', async () => {
  vi.stubEnv('CI', 'true')
  await expect(requireProgram(withoutRights())).rejects.toThrow('apt-get install no-such-package` or set NO_SUCH_PROGRAM')
})

test('a missing program is missed in one line without CI', async () => {
  vi.stubEnv('CI', '')
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  expect(await requireProgram(withoutRights())).toBeUndefined()
  expect(write.mock.calls).toEqual([[expect.stringMatching(/^skipped: no-such-program is missing.*\n$/)]])
})
