/** A demo as its user sees it: what it prints, what is typed, how it ends. */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Two processes that load WebTorrent on a machine that does something else too. */
const PATIENCE = 20_000

export class Demo {
  /** Those that run, each with every process that it began. */
  static readonly #running = new Set<ChildProcess>()

  static killAll(): void {
    for (const child of Demo.#running) if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    Demo.#running.clear()
  }

  out = ''
  err = ''
  /** Its exit code, once it and every process that it left behind are gone. */
  readonly ended: Promise<number | null>
  readonly #child
  readonly #looks = new Set<() => void>()

  constructor(command: string, args: string[], environment: Record<string, string> = {}) {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', NO_UPDATE_NOTIFIER: '1', ...environment },
      detached: true, // a group of its own, so that all of it can be cleared away
    })
    this.#child = child
    Demo.#running.add(child)
    child.stdout.on('data', data => this.#look((this.out += String(data))))
    child.stderr.on('data', data => this.#look((this.err += String(data))))
    this.ended = new Promise(resolve =>
      child.on('close', code => {
        Demo.#running.delete(child)
        resolve(code)
        this.#look()
      }),
    )
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** What it printed, as soon as it fits. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.out.match(pattern)
        if (found === null && Demo.#running.has(this.#child)) return
        clearTimeout(timer)
        this.#looks.delete(look)
        if (found === null) reject(this.#missing(pattern))
        else resolve(found)
      }
      const timer = setTimeout(() => {
        this.#looks.delete(look)
        reject(this.#missing(pattern))
      }, PATIENCE)
      this.#looks.add(look)
      look()
    })
  }

  #look(_output?: string): void {
    for (const look of [...this.#looks]) look()
  }

  #missing(pattern: RegExp): Error {
    return new Error(`it never said ${String(pattern)}, but:\n${this.out}\n${this.err}`)
  }
}
