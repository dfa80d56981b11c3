import { expect, test } from 'vitest'
import type { TestModule } from 'vitest/node'
import { counts } from '../../support/counts-reporter.js'

type State = 'passed' | 'failed' | 'skipped' | 'pending'

function module(states: State[], errors: number): Pick<TestModule, 'children' | 'errors'> {
  const tests = states.map(state => ({ result: () => ({ state }) }))
  const fake = { children: { allTests: () => tests }, errors: () => Array.from({ length: errors }) }
  return fake as unknown as Pick<TestModule, 'children' | 'errors'> // the two members that the reporter reads
}

test('the closing line counts every test once, and an interrupted one as skipped', () => {
  const modules = [module(['passed', 'passed', 'failed'], 0), module(['passed', 'skipped', 'pending'], 0)]
  expect(counts(modules, [])).toBe('3 passed, 1 failed, 2 skipped')
})

test('the closing line calls a run failed whose files do not load or whose errors belong to no test', () => {
  expect(counts([module([], 1)], [new Error('nobody caught me')])).toBe('0 passed, 2 failed, 0 skipped')
})
