/** Writes the rows of a whole run of the consumers, for `npm run compatibility`. A run of some files, or one with a failure, writes nothing. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Reporter, TestModule } from 'vitest/node'
import type { Row } from './lab.js'
import { ROWS } from './table.js'

export default class RowsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const files = readdirSync(dirname(fileURLToPath(import.meta.url))).filter(name => name.endsWith('.test.ts'))
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const isWhole = modules.length === files.length && tests.every(test => test.result().state === 'passed')
    if (!isWhole || unhandledErrors.length > 0) return
    const rows: Row[] = tests.flatMap(test => test.meta().row ?? [])
    mkdirSync(dirname(ROWS), { recursive: true })
    writeFileSync(ROWS, JSON.stringify(rows, undefined, 2))
    process.stdout.write(`${rows.length} rows work, ${tests.length - rows.length} fail as stated\n`)
  }
}
