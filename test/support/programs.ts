/** System programs that some tests need: finds them, installs them where possible, and reports missing ones. */
import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export interface Program {
  /** Its name on the `PATH`. */
  command: string
  /** The Debian package that holds it. */
  package: string
  /** An environment variable with the path of another copy, which takes precedence. */
  variable?: string
}

/** Where Debian puts programs, including folders that an ordinary user's `PATH` lacks. */
const PLACES = ['/usr/local/bin', '/usr/bin', '/usr/local/sbin', '/usr/sbin']

/**
 * The program's path. When it is missing it is installed, given the rights and `apt-get`. When that cannot be done: an
 * error with `CI` set, else one line on the terminal and `undefined`, and what needs the program is skipped.
 *
 * @example
 * const natsServer = await requireProgram({ command: 'nats-server', package: 'nats-server' })
 * describe.skipIf(natsServer === undefined)('NatsDriver', …)
 */
export async function requireProgram(program: Program): Promise<string | undefined> {
  const chosen = program.variable === undefined ? undefined : process.env[program.variable]
  if (chosen && isExecutable(chosen)) return chosen
  const found = chosen ? undefined : find(program.command)
  if (found !== undefined) return found
  if (!chosen && process.getuid?.() === 0 && isExecutable('/usr/bin/apt-get')) {
    say(`installing ${program.package}, which these tests need …`)
    await install(program)
    const installed = find(program.command)
    if (installed !== undefined) return installed
  }
  const missing = `${program.command} is missing: run \`apt-get install ${program.package}\`${
    program.variable === undefined ? '' : ` or set ${program.variable} to its path`
  }`
  if (process.env['CI']) throw new Error(missing)
  say(`skipped: ${missing}`)
  return undefined
}

function find(command: string): string | undefined {
  return [...(process.env['PATH'] ?? '').split(delimiter), ...PLACES]
    .filter(place => place !== '')
    .map(place => join(place, command))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Installs under a lock, because test files that run side by side may miss the same program. Resolves whether or not it worked. */
function install(program: Program): Promise<void> {
  const script = `command -v ${program.command} || { apt-get update && apt-get install -y ${program.package}; }`
  const child = spawn('flock', [join(tmpdir(), 'swarmlink-apt.lock'), 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return new Promise(resolve => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
