/** Child processes of a test: starts, calls, observes and ends them, each wait with a deadline. Knows nothing of what they do. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BUNDLED_WEBTORRENT } from './webtorrent.js'

/** A process that loads WebTorrent takes half a second, and many times that on a busy machine. No requirement bounds it. */
const START_TIMEOUT = 60_000
/** For calls and waits without a deadline of their own. */
const PATIENCE = 30_000

/** A child's report. */
export interface Report {
  event: string
  /** Milliseconds on the clock that all processes of a machine share. */
  at: number
  // oxlint-disable-next-line typescript/no-explicit-any -- each event has its own fields, and the tests assert them
  [field: string]: any
}

export interface StartOptions {
  /** Options of Node itself, such as `--import`. */
  nodeOptions?: string[]
  env?: Record<string, string>
  /** The network namespace that it runs in, see nat-lab.ts. @default the parent's */
  namespace?: string
}

/** How a process ended, in milliseconds: until `destroy()` resolved, and from there until the process exited. */
export interface Ending {
  code: number | null
  signal: string | null
  destroyTook: number
  exitTook: number
}

/** The type of `test.onTestFinished` and the like. */
type Finish = (callback: () => Promise<void>) => void

/** A fixture's process. */
export class Child {
  readonly reports: Report[] = []
  readonly #name: string
  readonly #process: ChildProcess
  readonly #listeners = new Set<() => void>()
  #calls = 0
  #errors = ''
  /** How it ended, and when. */
  ended: { code: number | null; signal: string | null; at: number } | undefined

  constructor(name: string, { nodeOptions = [], env = {}, namespace }: StartOptions) {
    this.#name = name
    const path = fileURLToPath(new URL(`../net/fixtures/${name}.js`, import.meta.url))
    this.#process = fork(path, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...(namespace !== undefined && { execPath: 'ip' }),
      execArgv: [
        ...(namespace === undefined ? [] : ['netns', 'exec', namespace, process.execPath]), // `ip` becomes Node, under the same process id
        '--no-warnings',
        ...nodeOptions,
      ],
      env: { ...process.env, NODE_OPTIONS: '', WEBTORRENT: pathToFileURL(BUNDLED_WEBTORRENT).href, ...env },
    })
    this.#process.stderr?.on('data', chunk => (this.#errors = (this.#errors + String(chunk)).slice(-4_000)))
    this.#process.on('message', message => {
      this.reports.push(message as Report) // the reports of serve.js
      this.#wake()
    })
    this.#process.on('close', (code, signal) => {
      this.ended = { code, signal, at: Number(process.hrtime.bigint()) / 1e6 }
      this.#wake()
    })
  }

  /** Its standard error output. */
  get errors(): string {
    return this.#errors
  }

  /** Calls a method of the fixture. Rejects like the method, with its `code`. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the return value of the fixture's method
  async ask(method: string, options: object = {}, on = 'it', ms = PATIENCE): Promise<any> {
    const call = this.#send(method, options, on)
    const { error, result } = await this.next('result', report => report.call === call, ms)
    if (error !== undefined) throw Object.assign(new Error(error.message), { name: error.name, code: error.code })
    return result
  }

  /** The first report of this event that fits, past or future. */
  async next(event: string, fits: (report: Report) => boolean = () => true, ms = PATIENCE): Promise<Report> {
    const found = () => this.reports.find(report => report.event === event && fits(report))
    await this.#until(() => found() !== undefined, ms, `'${event}'`)
    const report = found()
    if (report === undefined) throw new Error('unreachable: it was found above')
    return report
  }

  /** Waits for the `count`th report of the event. */
  async nth(event: string, count: number, ms = PATIENCE): Promise<void> {
    await this.#until(() => this.all(event).length >= count, ms, `'${event}' number ${count}`)
  }

  /** All reports of this event so far. */
  all(event: string): Report[] {
    return this.reports.filter(report => report.event === event)
  }

  /** Polls the fixture until its result fits. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the return value of the fixture's method
  async poll(method: string, fits: (result: any) => boolean, options: object = {}, ms = PATIENCE): Promise<any> {
    const deadline = Date.now() + ms
    for (;;) {
      const result = await this.ask(method, options)
      if (fits(result)) return result
      if (Date.now() > deadline) throw this.#late(`${method}() is still ${JSON.stringify(result)}`, ms)
      await new Promise(resolve => setTimeout(resolve, 25))
    }
  }

  /** Asks the fixture to clean up and exit. It has to exit by itself within `ms` after destroying its manager. */
  async end(ms = PATIENCE): Promise<Ending> {
    this.tell('end', {})
    return await this.ending(ms)
  }

  /** The same for a fixture that ends on its own. */
  async ending(ms = PATIENCE): Promise<Ending> {
    const { at, took } = await this.next('destroyed')
    const { code, signal, at: exitedAt } = await this.exit(ms)
    return { code, signal, destroyTook: Number(took), exitTook: exitedAt - at }
  }

  /** Waits until it exits by itself. */
  async exit(ms = PATIENCE): Promise<{ code: number | null; signal: string | null; at: number }> {
    await this.#until(() => this.ended !== undefined, ms, 'its exit', true)
    if (this.ended === undefined) throw new Error('unreachable: it ended above')
    return this.ended
  }

  /** Kills it at once, like a crash. */
  async kill(): Promise<void> {
    if (this.ended !== undefined) return
    this.#process.kill('SIGKILL')
    await this.exit()
  }

  /** Calls a method of the fixture without waiting for its result. */
  tell(method: string, options: object): void {
    this.#send(method, options, 'it')
  }

  #send(method: string, options: object, on: string): number {
    const call = ++this.#calls
    // Errors are ignored: a process that is gone shows when the result does not arrive.
    this.#process.send({ call, on, method, options }, () => {})
    return call
  }

  async #until(done: () => boolean, ms: number, what: string, survivesExit = false): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer)
        this.#listeners.delete(look)
        if (error === undefined) resolve()
        else reject(error)
      }
      const look = () => {
        if (done()) settle()
        else if (this.ended !== undefined && !survivesExit) {
          const { code, signal } = this.ended
          settle(this.#late(`the process ended with ${signal ?? `code ${code}`} before ${what}`, 0))
        }
      }
      const timer = setTimeout(() => settle(this.#late(`there was no ${what}`, ms)), ms)
      this.#listeners.add(look)
      look()
    })
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  #late(what: string, ms: number): Error {
    const lines = this.reports
      .filter(({ event }) => event !== 'result')
      .map(({ at, ...report }) => `${at.toFixed(0)} ${JSON.stringify(report)}`)
    const wait = ms > 0 ? ` after ${ms / 1000} s` : ''
    return new Error(`${this.#name}: ${what}${wait}\n${lines.slice(-30).join('\n')}\n${this.#errors}`)
  }
}

/** The processes of one test. They end with it. */
export class Processes {
  readonly #children = new Set<Child>()

  constructor(onFinished: Finish) {
    onFinished(() => this.close())
  }

  /** Starts a fixture and waits until it is loaded. */
  async start(name: string, options: StartOptions = {}): Promise<Child> {
    const child = new Child(name, options)
    this.#children.add(child)
    await child.next('up', () => true, START_TIMEOUT)
    return child
  }

  /** A process with one client. See `start` of the fixture for the options. */
  async client(options: object = {}, start: StartOptions = {}): Promise<Child> {
    const child = await this.start('client', start)
    await child.ask('start', options)
    return child
  }

  /** Starts a tracker. Returns it and its URL. */
  async tracker(
    { host = '127.0.0.1', ...options }: { host?: string; [option: string]: unknown } = {},
    name = 'tracker',
    start: StartOptions = {},
  ): Promise<{ tracker: Child; url: string; port: number }> {
    const tracker = await this.start(name, start)
    const port = Number(await tracker.ask('listen', { host, ...options }))
    return { tracker, port, url: `ws://${host}:${port}/` }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map(child => child.kill()))
  }
}
