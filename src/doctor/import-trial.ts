/**
 * Imports a package as a program in a folder would (by the rules of Node and of Yarn PnP), in a child process: only an import shows whether
 * its native parts load, and a crash must not end the doctor.
 */
import { spawn } from 'node:child_process'
import { parseRecord } from '../core/arguments.js'
import { reasonOf } from '../core/errors.js'

export type ImportTrial =
  | { outcome: 'imported'; version: string | undefined }
  /** The package cannot be resolved from the folder. */
  | { outcome: 'missing' }
  /** The package was found, but the import failed. */
  | { outcome: 'broken'; reason: string }

export type TryImport = (name: string, folder: string, timeout: number) => Promise<ImportTrial>

/** Longest output of the child that is kept, in characters. */
const MAX_PRINTED = 64 * 1024

/** Prints one line of JSON, whether the import succeeds or not. No `--input-type`: runtimes other than Node have only `--eval`. */
const programFor = (name: string) => `
const say = value => process.stdout.write(JSON.stringify(value) + '\\n', () => process.exit())
import(${JSON.stringify(name)}).then(
  module => say({ version: module.default?.VERSION ?? null }),
  error => say({ code: error?.code ?? null, message: String(error?.message ?? error) }),
)`

/** Never rejects. */
export const tryImport: TryImport = (name, folder, timeout) =>
  new Promise(resolve => {
    // Deno 2.9 turns `--eval` into a script, in which nothing can be imported.
    const evaluate = process.versions['deno'] === undefined ? '--eval' : 'eval'
    const child = spawn(process.execPath, [evaluate, programFor(name)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
      killSignal: 'SIGKILL',
    })
    const printed = { out: '', err: '' }
    child.stdout.on('data', data => (printed.out = (printed.out + String(data)).slice(-MAX_PRINTED)))
    child.stderr.on('data', data => (printed.err = (printed.err + String(data)).slice(-MAX_PRINTED)))
    child.once('error', error => resolve({ outcome: 'broken', reason: reasonOf(error) }))
    child.once('close', (code, signal) => {
      const said = parseRecord(printed.out.trim().split('\n').at(-1) ?? '') // undefined if it crashed first, or other code printed
      if (said !== undefined) return resolve(trialOf(name, said))
      const late = signal === 'SIGKILL' ? `the import took more than ${timeout / 1_000} s` : undefined
      const how = signal === null ? `with code ${code ?? 'none'}` : `by ${signal}`
      resolve({ outcome: 'broken', reason: late ?? `the process that imported it ended ${how}: ${reasonOf(printed.err)}` })
    })
  })

function trialOf(name: string, { version, code, message }: Record<string, unknown>): ImportTrial {
  if (typeof message !== 'string') return { outcome: 'imported', version: typeof version === 'string' ? version : undefined }
  const [line = ''] = message.split('\n', 1)
  // Node names the package that it cannot find, Yarn PnP the package that is not a dependency of the program.
  const isMissing =
    String(code).endsWith('MODULE_NOT_FOUND') && [`package '${name}'`, `access ${name}`].some(text => line.includes(text))
  return isMissing ? { outcome: 'missing' } : { outcome: 'broken', reason: reasonOf(line) }
}
