/**
 * Runs the whole test suite with every supported version of Node.
 *
 * `npm run test:node-versions -- 22 --project 'net*'` runs a part of it with one version.
 */
import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NODE_VERSIONS, nodeBinary } from './node-binary.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const vitest = join(root, 'node_modules/vitest/vitest.mjs')

const args = process.argv.slice(2)
const chosen = args.filter(argument => NODE_VERSIONS.includes(argument))
const options = args.filter(argument => !NODE_VERSIONS.includes(argument))

/** @type {string[]} */
const results = []
for (const version of chosen.length > 0 ? chosen : NODE_VERSIONS) {
  const node = await nodeBinary(version)
  say(`\nNode ${version}: ${node}`)
  // Tests that start processes of their own find the same Node on the PATH.
  const path = [dirname(node), process.env['PATH']].join(delimiter)
  const { code, closing } = await run(node, [vitest, 'run', ...(options.length > 0 ? options : ['--project=!consumers'])], {
    ...process.env,
    PATH: path,
  })
  if (code !== 0) process.exitCode = 1
  results.push(`Node ${version}: ${code === 0 ? 'passed' : `failed with ${code}`} (${closing})`)
}
say(`\n${results.join('\n')}`)

/**
 * Prints the command's output, and keeps its last line.
 *
 * @param {string} command
 * @param {string[]} parameters
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<{ code: number | null, closing: string }>}
 */
function run(command, parameters, env = process.env) {
  const child = spawn(command, parameters, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (/** @type {string} */ text) => {
    process.stdout.write(text)
    output = (output + text).slice(-1000)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ code, closing: output.trimEnd().split('\n').at(-1) ?? '' }))
  })
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`)
}
