/**
 * Runs the whole test suite with every supported version of Node.
 *
 * `npm run test:node-versions -- 22 --project 'net*'` runs a part of it with one version.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSIONS = ['20', '22', '24']

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(root, 'node_modules/.cache/node-versions')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')

const args = process.argv.slice(2)
const chosen = args.filter(argument => VERSIONS.includes(argument))
const options = args.filter(argument => !VERSIONS.includes(argument))

/** @type {string[]} */
const results = []
for (const version of chosen.length > 0 ? chosen : VERSIONS) {
  const node = await binary(version)
  say(`\nNode ${version}: ${node}`)
  // Tests that start processes of their own find the same Node on the PATH.
  const path = [dirname(node), process.env['PATH']].join(delimiter)
  const { code, closing } = await run(node, [vitest, 'run', ...options], { ...process.env, PATH: path })
  if (code !== 0) process.exitCode = 1
  results.push(`Node ${version}: ${code === 0 ? 'passed' : `failed with ${code}`} (${closing})`)
}
say(`\n${results.join('\n')}`)

/**
 * The path of that Node, from npm: the package `node` only fetches one of these by an install script, so take it directly.
 *
 * @param {string} version
 */
async function binary(version) {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  const name = `${prefix}-${platform}-${process.arch}`
  const folder = join(cache, version)
  const path = join(folder, 'node_modules', name, 'bin', platform === 'win' ? 'node.exe' : 'node')
  if (existsSync(path)) return path
  say(`installing ${name}@${version} …`)
  mkdirSync(folder, { recursive: true })
  // A separate manifest, so that npm does not install into the package around it.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const { code } = await run('npm', [
    'install',
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    `${name}@${version}`,
  ])
  if (code !== 0 || !existsSync(path)) throw new Error(`npm could not install ${name}@${version}`)
  return path
}

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
