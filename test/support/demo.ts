/** Runs a demo as its user sees it: what it prints, what is typed, how it ends. */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Enough for two processes that load WebTorrent on a busy machine. */
const PATIENCE = 20_000

export class Demo {
  /** Running demos, each with every process that it started. */
  static readonly #running = new Set<ChildProcess>()

  static killAll(): void {
    for (const child of Demo.#running) if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    Demo.#running.clear()
  }

  out = ''
  err = ''
  /** Resolves to its exit code, once it and all of its child processes are gone. */
  readonly ended: Promise<number | null>
  readonly #child
  readonly #looks = new Set<() => void>()

  constructor(command: string, args: string[], environment: Record<string, string> = {}) {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', NO_UPDATE_NOTIFIER: '1', ...environment },
      detached: true, // a process group of its own, so that all of it can be killed
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

  /** Resolves as soon as its output matches. */
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
    return new Error(`the demo never printed ${String(pattern)}, but:\n${this.out}\n${this.err}`)
  }
}
