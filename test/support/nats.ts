/** Real NATS servers on the loopback interface, single or clustered, on ports that they choose themselves. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireProgram } from './programs.js'

/** How long a server may take to start on a busy machine. */
const PATIENCE = 20_000
/** The value in the server's configuration. */
const ANY_PORT = -1

export interface NatsOptions {
  /** The WebSocket port. @default any free one */
  port?: number
  /** Other servers of the same cluster, by the URLs of their routes. @default none: a single server */
  routes?: string[]
  /** The token that clients must send. @default none */
  token?: string
  /** Further lines of its configuration. */
  extra?: string
}

/** The path of nats-server. See {@link requireProgram} for what happens when there is none. */
export function requireNats(): Promise<string | undefined> {
  return requireProgram({ command: 'nats-server', package: 'nats-server' })
}

/**
 * @example
 * const command = await requireNats()
 * describe.skipIf(command === undefined)('…', () => {
 *   const server = await NatsServer.start()
 *   try { new NatsDriver({ servers: server.url }) … } finally { await server.kill() }
 * })
 */
export class NatsServer {
  /** For WebSocket clients. */
  readonly url: string
  /** For other servers of its cluster. */
  readonly route: string | undefined
  readonly #options: NatsOptions
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  #log = ''
  readonly #looks = new Set<() => void>()

  private constructor(child: ChildProcess, options: NatsOptions, log: string) {
    this.#process = child
    this.#options = options
    this.#log = log
    child.stderr?.on('data', data => {
      this.#log += String(data)
      for (const look of [...this.#looks]) look()
    })
    this.#exited = new Promise(resolve => child.once('exit', () => resolve()))
    this.url = listening(log, 'websocket clients')?.replace('0.0.0.0', '127.0.0.1') ?? ''
    const route = listening(log, 'route connections')
    this.route = route === undefined ? undefined : `nats-route://${route}`
  }

  static async start(options: NatsOptions = {}): Promise<NatsServer> {
    const command = await requireNats()
    if (command === undefined) throw new Error('there is no nats-server; skip the test as in the example')
    const folder = await mkdtemp(join(tmpdir(), 'swarmlink-nats-'))
    const file = join(folder, 'server.conf')
    await writeFile(file, configuration(options))
    const child = spawn(command, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    const orphan = () => child.kill('SIGKILL') // an interrupted test run must not leave the server behind
    process.once('exit', orphan)
    child.once('exit', () => process.off('exit', orphan))
    try {
      const wanted = options.routes === undefined ? ['websocket clients'] : ['websocket clients', 'route connections']
      return new NatsServer(
        child,
        options,
        await output(child, log => /Server is ready/.test(log) && wanted.every(what => listening(log, what) !== undefined)),
      )
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  /** Starts a cluster of `size` servers, each connected to all others. */
  static async cluster(size: number, options: NatsOptions = {}): Promise<NatsServer[]> {
    const first = await NatsServer.start({ ...options, routes: [] })
    const others = Array.from({ length: size - 1 }, () => NatsServer.start({ ...options, routes: [first.route ?? ''] }))
    const servers = [first, ...(await Promise.all(others))]
    await Promise.all(servers.map(server => server.#until(/Route connection created/g, size - 1)))
    return servers
  }

  /** Kills it at once, like a crash. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  /** Suspends it without closing anything, like a machine that hangs. */
  freeze(): void {
    this.#process.kill('SIGSTOP')
  }

  /** Starts one like it at the same port, after it was killed. */
  again(): Promise<NatsServer> {
    return NatsServer.start({ ...this.#options, port: Number(new URL(this.url).port) })
  }

  async #until(pattern: RegExp, count: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if ((this.#log.match(pattern)?.length ?? 0) < count) return
        clearTimeout(timer)
        this.#looks.delete(look)
        resolve()
      }
      const timer = setTimeout(() => reject(new Error(`no ${String(pattern)} for ${count} times:\n${this.#log}`)), PATIENCE)
      this.#looks.add(look)
      look()
    })
  }
}

/** Resolves with its output once `done` accepts it. */
function output(child: ChildProcess, done: (log: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = ''
    const settle = (error?: Error) => {
      clearTimeout(timer)
      child.stderr?.off('data', read)
      child.off('exit', ended)
      if (error === undefined) resolve(log)
      else reject(error)
    }
    const read = (data: Buffer) => {
      log += String(data)
      if (done(log)) settle()
    }
    const ended = () => settle(new Error(`nats-server ended:\n${log}`))
    const timer = setTimeout(() => settle(new Error(`nats-server is not ready:\n${log}`)), PATIENCE)
    child.stderr?.on('data', read)
    child.once('exit', ended)
    child.once('error', ended)
  })
}

function listening(log: string, what: string): string | undefined {
  return new RegExp(`Listening for ${what} on (\\S+)`).exec(log)?.[1]
}

function configuration({ port = ANY_PORT, routes, token, extra = '' }: NatsOptions): string {
  const cluster = `cluster { name: test, listen: "127.0.0.1:${ANY_PORT}", routes: ${JSON.stringify(routes ?? [])} }`
  return `
    listen: "127.0.0.1:${ANY_PORT}"
    websocket { listen: "127.0.0.1:${port}", no_tls: true }
    ${routes === undefined ? '' : cluster}
    ${token === undefined ? '' : `authorization { token: ${JSON.stringify(token)} }`}
    ${extra}
  `
}
