/**
 * Imports a package as a program in a folder would: by Node's own rules and those of Yarn PnP, in a process of its own, because nothing
 * else tells whether its native parts load, and a part that crashes must not take the doctor along.
 */
import { spawn } from 'node:child_process'
import { reasonOf } from '../core/errors.js'

export type ImportTrial =
  | { outcome: 'imported'; version: string | undefined }
  /** No such package can be found from there. */
  | { outcome: 'missing' }
  /** It is there, but does not load. */
  | { outcome: 'broken'; reason: string }

export type TryImport = (name: string, folder: string, timeout: number) => Promise<ImportTrial>

/** What the child prints, at most. */
const MAX_PRINTED = 64 * 1024

/** Prints one line of JSON, whatever becomes of the import. No `--input-type`: other runtimes than Node know `--eval` too. */
const programFor = (name: string) => `
const say = value => process.stdout.write(JSON.stringify(value) + '\\n', () => process.exit())
import(${JSON.stringify(name)}).then(
  module => say({ version: module.default?.VERSION ?? null }),
  error => say({ code: error?.code ?? null, message: String(error?.message ?? error) }),
)`

interface Printed {
  version?: unknown
  code?: unknown
  message?: unknown
}

/** Never rejects. */
export const tryImport: TryImport = (name, folder, timeout) =>
  new Promise(resolve => {
    const child = spawn(process.execPath, ['--eval', programFor(name)], {
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
      const said = read(printed.out)
      if (said !== undefined) return resolve(trialOf(name, said))
      const late = signal === 'SIGKILL' ? `the import took more than ${timeout / 1_000} s` : undefined
      const how = signal === null ? `with code ${code ?? 'none'}` : `by ${signal}`
      resolve({ outcome: 'broken', reason: late ?? `the process that imported it ended ${how}: ${reasonOf(printed.err)}` })
    })
  })

function read(out: string): Printed | undefined {
  try {
    return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Printed // what the program prints, and each field is looked at
  } catch {
    return undefined // it crashed before it could print, or something else printed
  }
}

function trialOf(name: string, { version, code, message }: Printed): ImportTrial {
  if (typeof message !== 'string') return { outcome: 'imported', version: typeof version === 'string' ? version : undefined }
  const [line = ''] = message.split('\n', 1)
  // Node names the package that it cannot find, Yarn PnP the one that is no dependency of the program.
  const isMissing =
    String(code).endsWith('MODULE_NOT_FOUND') && [`package '${name}'`, `access ${name}`].some(text => line.includes(text))
  return isMissing ? { outcome: 'missing' } : { outcome: 'broken', reason: reasonOf(line) }
}
