/** Fresh projects outside the checkout that install the package as it is packed, and a seeder that the program of each project meets. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Processes, type Child } from '../support/processes.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
const GREETING = { from: 'the seeder' }
/** Milliseconds for one command. An install on a busy machine takes a quarter of it. */
const PATIENCE = 180_000

/** The pins of the README. */
export const PINS: Record<string, string> = manifest.overrides

/** A place in which the package works, for the README. */
export interface Row {
  group: 'package managers' | 'Node' | 'other runtimes' | 'TypeScript' | 'bundlers'
  tool: string
  /** `major.minor`. */
  version?: string
  /** Where the tool has several. */
  way?: string
}

declare module 'vitest' {
  interface TaskMeta {
    row?: Row
  }
}

export class Lab {
  readonly #folder: string
  readonly #seeder: Child
  readonly #closers: Array<() => Promise<void>>
  #projects = 0

  /** The packed package. */
  readonly tarball: string
  readonly tracker: string
  readonly magnet: string
  readonly #sha256: string

  private constructor(given: {
    folder: string
    seeder: Child
    closers: Array<() => Promise<void>>
    tracker: string
    seeded: { magnet: string; sha256: string }
  }) {
    this.#folder = given.folder
    this.#seeder = given.seeder
    this.#closers = given.closers
    this.tarball = join(given.folder, `${manifest.name}-${manifest.version}.tgz`)
    this.tracker = given.tracker
    this.magnet = given.seeded.magnet
    this.#sha256 = given.seeded.sha256
  }

  static async open(): Promise<Lab> {
    const folder = await mkdtemp(join(tmpdir(), 'swarmlink-consumers-'))
    const closers = [() => rm(folder, { recursive: true, force: true })]
    await execute('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
    const processes = new Processes(close => closers.unshift(close))
    const { url: tracker } = await processes.tracker()
    const seeder = await processes.client({ plugin: { trackers: [tracker], greeting: GREETING } })
    const seeded = await seeder.ask('seed', { name: 'payload', size: 200_000 })
    return new Lab({ folder, seeder, closers, tracker, seeded })
  }

  async close(): Promise<void> {
    for (const close of this.#closers) await close()
  }

  /** A folder with the programs, and with files of its own. */
  async project(files: Record<string, string | object> = {}): Promise<string> {
    const folder = join(this.#folder, `project-${++this.#projects}`)
    await mkdir(folder)
    await cp(join(root, 'test/consumers/programs'), folder, { recursive: true })
    const all = { 'package.json': { private: true, type: 'module' }, ...files }
    for (const [name, content] of Object.entries(all))
      await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
    return folder
  }

  /** The same, and npm has installed the package, WebTorrent and others. */
  async npmProject(packages: string[] = [], files: Record<string, string | object> = {}): Promise<string> {
    const folder = await this.project({ 'package.json': { private: true, type: 'module', overrides: PINS }, ...files })
    await execute('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', this.tarball, 'webtorrent', ...packages], {
      cwd: folder,
    })
    return folder
  }

  /** Arguments of a program, which tells the seeder this name. */
  args(name: string): string[] {
    return [this.magnet, this.tracker, name]
  }

  /** Runs a program that prints its outcome and ends by itself. */
  async expectProgram(name: string, command: string, args: string[], options: Options): Promise<void> {
    await this.expectTransfer(name, JSON.parse(await execute(command, [...args, ...this.args(name)], options)))
  }

  /** Runs the doctor. Throws unless everything works there, and it knows the place. */
  async expectDoctor(
    place: { runtime: string; packageManager: string },
    command: string,
    args: string[],
    options: Options,
  ): Promise<void> {
    const asked = ['doctor', '--tracker', this.tracker, '--no-stun', '--json']
    const { works, findings } = JSON.parse(await execute(command, [...args, ...asked], options))
    const { facts } = findings.find(({ check }: { check: string }) => check === 'node')
    assert.deepEqual([works, facts.runtime, facts.packageManager], [true, place.runtime, place.packageManager])
  }

  /** Throws unless a consumer has the torrent and the seeder's message, and the seeder has the consumer's. */
  async expectTransfer(name: string, outcome: unknown): Promise<void> {
    assert.deepEqual(outcome, { sha256: this.#sha256, message: GREETING })
    await this.#seeder.next('data', ({ data }) => data.from === name)
  }
}

interface Options {
  cwd: string
  env?: Record<string, string>
}

/** Runs a program, and resolves with what it prints. Rejects with its output if it fails. */
export async function execute(command: string, args: string[], { cwd, env = {} }: Options): Promise<string> {
  const all = { ...process.env, NODE_OPTIONS: '', npm_config_update_notifier: 'false', ...env }
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env: all, timeout: PATIENCE, maxBuffer: 2 ** 26 })
    return stdout
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: unknown } // of execFile
    throw new Error(`${command} ${args.slice(0, 3).join(' ')} ended with ${String(code)}\n${(stdout + stderr).slice(-6_000)}`, {
      cause: error,
    })
  }
}

/** The version of an installed package, `major.minor`. */
export async function versionOf(folder: string, name: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8'))
  return version.split('.', 2).join('.')
}
