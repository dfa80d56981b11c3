// @ts-check
/** Reads the command lines of these tools. A mistake ends them with one line and exit code 2. */
import { parseArgs } from 'node:util'

/**
 * @template {import('node:util').ParseArgsConfig} Config
 * @param {Config} config
 * @param {string} usage
 */
export function readArguments(config, usage) {
  try {
    return parseArgs(config)
  } catch (error) {
    // The first sentence says what is wrong, the others how to name a file that begins with a dash.
    return refuse((error instanceof Error ? error.message : String(error)).split('. ', 1)[0] ?? '', usage)
  }
}

/**
 * @param {string} message
 * @param {string} usage
 * @returns {never}
 */
export function refuse(message, usage) {
  process.stderr.write(`error: ${message} (usage: ${usage}; --help says more)\n`)
  process.exit(2)
}
