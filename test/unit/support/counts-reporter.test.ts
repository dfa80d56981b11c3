import { expect, test } from 'vitest'
import type { TestModule } from 'vitest/node'
import { counts } from '../../support/counts-reporter.js'

type State = 'passed' | 'failed' | 'skipped' | 'pending'

function module(states: State[], errors: number): Pick<TestModule, 'children' | 'errors'> {
  const tests = states.map(state => ({ result: () => ({ state }) }))
  const fake = { children: { allTests: () => tests }, errors: () => Array.from({ length: errors }) }
  return fake as unknown as Pick<TestModule, 'children' | 'errors'> // the reporter reads only these two members
}

test('the closing line counts every test once, and an interrupted one as skipped', () => {
  const modules = [module(['passed', 'passed', 'failed'], 0), module(['passed', 'skipped', 'pending'], 0)]
  expect(counts(modules, [])).toBe('3 passed, 1 failed, 2 skipped')
})

test('the closing line counts a file that does not load, and an error outside of tests, as failed', () => {
  expect(counts([module([], 1)], [new Error('not caught')])).toBe('0 passed, 2 failed, 0 skipped')
})
