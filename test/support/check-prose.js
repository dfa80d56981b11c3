// @ts-check
/**
 * `npm run check:prose`: names the lines that use a pronoun for a peer or a process, in the sources, the demos, the tests and the documents. Such a
 * pronoun has no noun in its sentence, and a search for the noun misses the line.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const PRONOUNS = /\b(?:whoever|whom|somebody|nobody|anybody|everybody|someone|no one|anyone|everyone)\b/i
/** This file lists the pronouns. */
const SELF = 'test/support/check-prose.js'

const files = execFileSync('git', ['ls-files', 'src', 'demo', 'test', '*.md', 'docs'], { encoding: 'utf8' }).split('\n')
const read = files.filter(path => /\.(?:ts|js|md|html)$/.test(path) && path !== SELF)
const found = read.flatMap(path =>
  readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line, i) => (PRONOUNS.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
)
if (found.length > 0) {
  console.error(
    `${found.length} lines use a pronoun for a peer or a process: say the noun (see CONTRIBUTING.md)\n${found.join('\n')}`,
  )
  process.exitCode = 1
}
