import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const src = (path: string) => join(root, 'src', path)

/** One process of an application that starts with a file: it waits for the start signal, then prints its identity. */
const PROGRAM = `
import { fileCredentials } from '#file-store'
import { resolveCredentials } from ${JSON.stringify(src('identity/resolve-credentials.ts'))}

const env = { randomBytes: length => crypto.getRandomValues(new Uint8Array(length)) }
process.stdout.write('ready\\n')
process.stdin.once('data', async () => {
  process.stdin.destroy()
  try {
    const identity = await resolveCredentials(fileCredentials(process.argv[2]), env)
    process.stdout.write(JSON.stringify({ peerId: identity.peerId }) + '\\n')
  } catch (error) {
    process.stdout.write(JSON.stringify({ code: error.code, reason: error.reason, message: error.message }) + '\\n')
  }
})
`

let programs: string
let folder: string
let path: string

beforeAll(async () => {
  programs = await mkdtemp(join(tmpdir(), 'swarmlink-program-'))
  const entry = join(programs, 'entry.js')
  await writeFile(entry, PROGRAM)
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    resolve: { alias: { '#file-store': src('identity/file-store.ts') } },
    ssr: { noExternal: true },
    build: { ssr: entry, outDir: programs, emptyOutDir: false, rolldownOptions: { output: { entryFileNames: 'program.mjs' } } },
  })
})
afterAll(() => rm(programs, { recursive: true }))
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'swarmlink-'))
  path = join(folder, 'peer.json')
})
afterEach(() => rm(folder, { recursive: true }))

interface Outcome {
  peerId?: string
  code?: string
  reason?: string
  message?: string
}

/** Loads a process that waits. `go()` lets it resolve its credentials and returns its output once it has ended by itself. */
async function launch(umask = 0o022): Promise<{ go(): Promise<Outcome> }> {
  const mask = umask.toString(8)
  const child = spawn('sh', ['-c', `umask ${mask}; exec "$0" "$@"`, process.execPath, join(programs, 'program.mjs'), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  const ended = new Promise<number | null>(resolve => child.once('close', resolve))
  await new Promise<void>(resolve =>
    child.stdout.on('data', (chunk: Uint8Array) => {
      said += String(chunk)
      if (said.startsWith('ready\n')) resolve()
    }),
  )
  return {
    async go() {
      child.stdin.write('go\n')
      expect(await ended).toBe(0)
      return JSON.parse(said.slice('ready\n'.length)) as Outcome // written by PROGRAM
    },
  }
}

const run = async (umask?: number) => (await launch(umask)).go()

describe('fileCredentials() in processes that share a file', () => {
  it('gives the same peer, one process after the other [D7]', async () => {
    const first = await run()
    expect(first.peerId).toMatch(/^[0-9a-f]{40}$/)
    expect(await run()).toEqual(first)
  })

  it('agrees on one identity when they start at once without a file [D7]', async () => {
    for (let round = 0; round < 5; round++) {
      const children = await Promise.all([launch(), launch(), launch(), launch()])
      const outcomes = await Promise.all(children.map(child => child.go()))
      const kept = JSON.parse(await readFile(path, 'utf8')) as { peerId: string } // written by swarmlink
      expect(outcomes).toEqual(children.map(() => ({ peerId: kept.peerId })))
      expect(await readdir(folder)).toEqual(['peer.json'])
      await rm(path)
    }
  })

  it('makes a file for its owner alone, whatever the umask [D7]', async () => {
    for (const umask of [0o000, 0o022, 0o077]) {
      await run(umask)
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      await rm(path)
    }
  })

  it('refuses a file that others can read until it is closed to them, and then uses it [D7]', async () => {
    const first = await run()
    await chmod(path, 0o644)
    expect(await run()).toMatchObject({
      code: 'ERR_CREDENTIALS',
      reason: 'exposed',
      message: expect.stringContaining(`chmod 600 ${path}`),
    })
    await chmod(path, 0o600)
    expect(await run()).toEqual(first)
  })

  it('refuses a damaged file and leaves it as it is [D7]', async () => {
    await writeFile(path, '{"peerId":"', { mode: 0o600 })
    expect(await run()).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'damaged' })
    expect(await readFile(path, 'utf8')).toBe('{"peerId":"')
  })

  it('refuses a pipe instead of waiting for its writer [D7]', async () => {
    await promisify(execFile)('mkfifo', ['-m', '600', path])
    expect(await run()).toMatchObject({ code: 'ERR_CREDENTIALS', reason: 'unreadable' })
  })
})
