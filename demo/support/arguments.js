// @ts-check
/** The command lines: one table describes each option, for the parser and for `--help`. */
import { stat } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { Failure, messageOf, UsageError } from './program.js'

/** @typedef {{ value?: string, multiple?: boolean, help: string }} Option `value` names the option's argument. Absent for a switch */
/** @typedef {{ usage: string, about: string, argument?: string, options: Record<string, Option> }} Command */

const ENGINES = ['node-datachannel', 'roamhq']

/** Shared by seeder and leecher. */
/** @satisfies {Record<string, Option>} */
export const PEER_OPTIONS = {
  tracker: { value: 'URL', multiple: true, help: 'announce at this ws: or wss: tracker; may be given several times' },
  credentials: { value: 'FILE', help: 'keep the identity in this file, to be the same peer every time' },
  wrtc: { value: 'ENGINE', help: `use this WebRTC: ${ENGINES.join(' or ')}` },
  stun: { help: 'ask public STUN servers for the address of this machine, for peers on other networks' },
  debug: { help: 'write the log of every decision to stderr' },
}

/**
 * @param {Command} command
 * @param {string[]} [args]
 * @returns {{ argument: string, values: Record<string, any> } | undefined} `undefined` when the help was all that was wanted
 */
export function readArguments(command, args = process.argv.slice(2)) {
  const { values, positionals } = parse(command, args)
  if (values['help'] === true) {
    console.log(helpOf(command))
    return undefined
  }
  const wanted = command.argument === undefined ? 0 : 1
  const [argument = ''] = positionals
  if (positionals.length > wanted) throw misuse(command, `one argument too many: ${positionals[wanted]}`)
  if (positionals.length < wanted || (wanted === 1 && argument === '')) throw misuse(command, `${command.argument} is missing`)
  const { wrtc } = values
  if (wrtc !== undefined && !ENGINES.includes(wrtc))
    throw misuse(command, `--wrtc takes ${ENGINES.join(' or ')}, not ${JSON.stringify(wrtc)}`)
  return { argument, values }
}

/**
 * @param {Command} command
 * @param {string[]} args
 * @returns {{ values: Record<string, any>, positionals: string[] }}
 */
function parse(command, args) {
  const options = Object.fromEntries(
    optionsOf(command).map(([name, { value, multiple = false }]) => [
      name,
      { type: value === undefined ? /** @type {const} */ ('boolean') : /** @type {const} */ ('string'), multiple },
    ]),
  )
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw misuse(command, messageOf(error).split('. ', 1)[0] ?? '')
  }
}

/**
 * @param {Command} command
 * @param {string} what
 */
function misuse(command, what) {
  return new UsageError(`${what} (usage: ${command.usage}; --help says more)`)
}

/** @param {Command} command @returns {Array<[string, Option]>} */
function optionsOf({ options }) {
  return [...Object.entries(options), ['help', { help: 'show this' }]]
}

/** @param {Command} command */
function helpOf(command) {
  const { usage, about } = command
  const rows = optionsOf(command).map(([name, { value, help }]) => ({
    left: `--${name}${value === undefined ? '' : ` ${value}`}`,
    help,
  }))
  const width = Math.max(...rows.map(({ left }) => left.length))
  return `Usage: ${usage}\n\n${about}\n\n${rows.map(({ left, help }) => `  ${left.padEnd(width)}  ${help}`).join('\n')}`
}

/** The size of the file that an argument names. @param {string} path */
export async function checkFile(path) {
  const status = await stat(path).catch(error => {
    throw new Failure(error.code === 'ENOENT' ? `there is no file ${path}` : `${path} cannot be read: ${messageOf(error)}`)
  })
  if (!status.isFile()) throw new Failure(`${path} is not a file`)
  if (status.size === 0) throw new Failure(`${path} is empty: there is nothing to seed`)
  return status.size
}
