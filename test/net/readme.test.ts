import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright'
// @ts-expect-error -- ships no types
import parse from 'parse-prometheus-text-format'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTracker } from '../../demo/support/tracker.js'
import { HELP } from '../../src/doctor/command-line.js'
import { readOptions } from '../../src/torrent/options.js'
import { launchChromium, requireChromium } from '../support/chromium.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')
const readme = await read('README.md')
const manifest = JSON.parse(await read('package.json'))
const chromium = await requireChromium()
const PATIENCE = 20_000
/** Nobody else on the network hears of it. */
const QUIET_CLIENT = 'new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false })'

/** What of `@types/webtorrent` 0.110 matters here: it lacks much of what clients and torrents have. */
const WEBTORRENT_TYPES = `
declare module 'webtorrent' {
  import type { EventEmitter } from 'node:events'
  interface Torrent extends EventEmitter {
    readonly infoHash: string
    readonly announce: string[]
    readonly name: string
    readonly path: string
    addPeer(peer: string | EventEmitter): boolean
    on(event: 'infoHash' | 'done', callback: () => void): this
    on(event: 'error', callback: (error: Error | string) => void): this
  }
  interface Instance extends EventEmitter {
    readonly torrents: Torrent[]
    add(torrent: string | Buffer, callback?: (torrent: Torrent) => void): Torrent
    destroy(callback?: (error: Error | string) => void): void
    on(event: 'torrent', callback: (torrent: Torrent) => void): this
    on(event: 'error', callback: (error: Error | string) => void): this
  }
  const WebTorrent: { new (options?: object): Instance }
  export default WebTorrent
}`
const STRICT = {
  strict: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
  lib: ['es2022', 'dom'],
  module: 'nodenext',
  types: ['node'],
}
const WRONG_CLIENTS = `
import { ConnectionManager } from 'swarmlink'
// @ts-expect-error -- no client
new ConnectionManager({})
// @ts-expect-error -- no client either
new ConnectionManager('a client')`

/** What applications say about their messages, and what they may not send. */
const CLAIMS = `
import { ConnectionManager, TrackerClient, type DataConnection, type Message } from 'swarmlink'
import { P2PT } from 'swarmlink/room'
import { serve, fetchFilm } from './messages.js'

interface Proto { kind: 'a' | 'b'; at: Date; bytes?: Uint8Array }
declare const plain: DataConnection
declare const typed: DataConnection<Proto, Proto>
declare const client: ConstructorParameters<typeof ConnectionManager>[0]

new ConnectionManager<{ ask: string }>(client).on('connection', serve)
new TrackerClient<{ ask: string }>('wss://tracker.example', 'topic').on('connection', serve)
new ConnectionManager(client).on('connection', connection => {
  connection.respond(async ({ ask }: { ask: string }) => ask.length)
  connection.on('data', (message: Message) => message)
  void fetchFilm(connection)
})
typed.send({ kind: 'a', at: new Date() })
typed.on('data', ({ kind, bytes }) => [kind, bytes?.length])
typed.respond(({ kind }) => (kind === 'a' ? { size: 1 } : null))
plain.send({ name: 'x', parts: [new Uint8Array(1), new ArrayBuffer(1)], when: new Date(), missing: undefined })
const { time }: { time: number } = await plain.request<{ time: number }>('time')

const room = new P2PT<{ q: string }, { a: number }>([], 'x')
room.on('msg', (peer, { q }) => peer.respond({ a: q.length }).then(([again, next]) => again.id + next.q, console.warn))
for (const peer of room.peers) console.log(peer.id, room.peers[0]?.id, time)
for (const id in room.peers) for (const name in room.peers[id]) room.peers[id]?.[name]?.destroy()

// @ts-expect-error -- not of the protocol
typed.send({ kind: 'c' })
// @ts-expect-error -- a Map
plain.send(new Map())
// @ts-expect-error -- a Set inside
plain.send({ set: new Set() })
// @ts-expect-error -- a function inside
plain.send({ call() {} })
// @ts-expect-error -- nothing
plain.send(undefined)
// @ts-expect-error -- what arrives may be anything
plain.on('data', ({ text }) => text)
// @ts-expect-error -- no answer
room.on('peerconnect', peer => peer.send('x'))`

/** The README's own words, with types where JavaScript needs none. */
function typedMessages(): string {
  const given: Array<[string, string]> = [
    ['serve(connection)', 'serve(connection: DataConnection<{ ask: string }>)'],
    ['fetchFilm(connection)', 'fetchFilm(connection: DataConnection)'],
  ]
  const code = given.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`messages.js has no ${from}`)
    return text.replace(from, to)
  }, snippet('messages.js'))
  return `import type { DataConnection } from 'swarmlink'\n${code}`
}

/** The fenced blocks of a language. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, code]) => (name === language && code ? [code] : []))
}

/** The snippet that begins with this file's name. */
function snippet(file: string, language = 'js'): string {
  const found = blocks(language).find(code => code.startsWith(`// ${file}\n`))
  if (found === undefined) throw new Error(`README.md has no snippet ${file}`)
  return found
}

/** What stands under a heading. */
function section(heading: string): string {
  const [, after = ''] = readme.split(`\n## ${heading}\n`)
  return after.split('\n## ', 1)[0] ?? ''
}

/** The first cells of the table under a heading, and the second ones. */
function table(heading: string): Map<string, string> {
  const rows = section(heading).matchAll(/^\| `([\w-]+)` \| (.*?) \|/gm)
  return new Map([...rows].map(([, name = '', cell = '']) => [name, cell]))
}

/** The names in an interface or union of a source file. */
async function names(path: string, start: string, end: string, pattern: RegExp): Promise<string[]> {
  const [, after = ''] = (await read(path)).split(start)
  return [...(after.split(end, 1)[0] ?? '').matchAll(pattern)].map(([, name = '']) => name)
}

describe('what the README says', () => {
  it('lists every option with its default', async () => {
    const options = table('Options')
    const option = /^ {2}(\w+)\?:/gm
    const declared = await names(
      'src/torrent/options.ts',
      'interface ConnectionManagerOptions extends RtcOptions {',
      '\n}',
      option,
    )
    const ofRtc = await names('src/engine/ice-servers.ts', 'interface RtcOptions {', '\n}', option)
    expect([...options.keys()].toSorted()).toEqual([...declared, ...ofRtc].toSorted())

    const settings: Record<string, unknown> = { ...readOptions({}) }
    for (const [name, cell] of options) {
      if (typeof settings[name] === 'number') expect([name, Number(cell.replaceAll(/[`_]/g, ''))]).toEqual([name, settings[name]])
    }
  })

  it('lists every event', async () => {
    const source = await names(
      'src/torrent/connection-manager.ts',
      'interface ConnectionManagerEvents<Received = Message, Sent = Sendable> {',
      '\n}',
      /^ {2}'?([\w-]+)'?: \[/gm,
    )
    expect([...table('Events').keys()].toSorted()).toEqual(source.toSorted())
  })

  it('lists every event of a TrackerClient', async () => {
    const source = await names(
      'src/room/tracker-client.ts',
      'interface TrackerClientEvents<Received = Message, Sent = Sendable> {',
      '\n}',
      /^ {2}'?([\w-]+)'?: \[/gm,
    )
    const [, events = ''] = section('Use it without torrents').split('\n| event |')
    const told = [...events.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) => cell.match(/[\w-]+/g) ?? [])
    expect(told.toSorted()).toEqual(source.toSorted())
  })

  it('lists every error code', async () => {
    const source = await names('src/core/errors.ts', 'export type ErrorCode =', '\n\n', /'(\w+)'/g)
    expect([...table('Errors').keys()].toSorted()).toEqual(source.toSorted())
  })

  it('lists every stage of the statistics', async () => {
    const rows = section('Statistics').matchAll(/^\| (`.*?) \|/gm)
    const source = await names('src/swarm/counters.ts', 'interface StageCounts {', '\n}', /^ {2}(\w+):/gm)
    expect([...rows].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []).toSorted()).toEqual(source.toSorted())
  })

  it('lists every option of the doctor', () => {
    const told = new Set(section('What works from here?').match(/--[a-z][\w-]*/g))
    expect(told).toEqual(new Set(HELP.replaceAll(/--(help|version)/g, '').match(/--[a-z][\w-]*/g)))
  })

  it('names every fault of credentials', async () => {
    const source = await names('src/identity/credentials.ts', 'export type CredentialsFault =', '\n', /'([\w-]+)'/g)
    for (const fault of source) expect(readme).toContain(`\`${fault}\``)
  })

  it('gives each package manager the pins that this checkout installs with, before the command that needs them [X10]', () => {
    const told = section('Install')
    const [npm, yarn] = blocks('json').map(code => JSON.parse(code))
    expect([npm, yarn]).toEqual([{ overrides: manifest.overrides }, { resolutions: manifest.overrides }])
    const [pnpm = ''] = blocks('yaml')
    const [, pins = ''] = /^overrides:\n((?: {2}.*\n)+)/.exec(pnpm) ?? []
    expect(
      Object.fromEntries(
        pins
          .trim()
          .split('\n')
          .map(line => line.trim().split(': ')),
      ),
    ).toEqual(manifest.overrides)
    const order = ['"overrides"', 'npm install', 'overrides:', 'pnpm add', '"resolutions"', 'yarn add']
    const places = order.map(text => told.indexOf(text))
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  it('names scripts that are there', () => {
    for (const [, script = ''] of readme.matchAll(/npm run ([\w:]+)/g)) expect(Object.keys(manifest.scripts)).toContain(script)
  })

  it('links to headings and files that are there', async () => {
    const anchors = [...readme.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const [, target = ''] of readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      if (target.startsWith('#')) expect(anchors).toContain(target.slice(1))
      else expect(await read(target)).not.toBe('')
    }
  })
})

describe('what the README shows', () => {
  let consumer: string
  let tracker: { url: string; close: () => Promise<void> }
  let signalUrl = ''
  const running = new Set<ChildProcess>()

  beforeAll(async () => {
    consumer = await mkdtemp(join(tmpdir(), 'swarmlink-consumer-'))
    await install(consumer)
    tracker = await startTracker()
  })
  afterEach(async () => {
    await Promise.all([...running].map(kill))
  })
  afterAll(async () => {
    await tracker.close()
    await rm(consumer, { recursive: true })
  })

  /** The snippet with the tracker of this test; as it stands it would reach for hosts that are not ours. */
  async function place(file: string, trackerUrl = tracker.url): Promise<void> {
    const code = snippet(file)
      .replace("trackers: ['wss://tracker.example']", `rtcConfig: { iceServers: [] }, trackers: ['${trackerUrl}']`)
      .replace("topicOf('my application')", "topicOf('my application'), undefined, { iceServers: [] }")
      .replace("'my application')\n", "'my application', { iceServers: [] })\n")
      .replace("'wss://signal.example'", `'${signalUrl}'`)
      .replaceAll('new DataConnection({', 'new DataConnection({ iceServers: [],')
      .replace('port: 8080', 'port: 0')
      .replace("'wss://tracker.example'", `'${trackerUrl}'`)
      .replace('new WebTorrent()', QUIET_CLIENT)
    expect(code).not.toContain('.example')
    await writeFile(join(consumer, file), code)
  }

  function start(cwd: string, ...args: string[]): ChildProcess & { output: string } {
    const child = spawn(process.execPath, args, { cwd, env: { ...process.env, TMPDIR: consumer, NODE_OPTIONS: '' } })
    const watched = Object.assign(child, { output: '' })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (watched.output += String(data)))
    running.add(child)
    child.once('exit', () => running.delete(child))
    return watched
  }

  /** A seeder that was not made with the snippets, and what it printed. */
  async function seed(): Promise<{ seeder: ReturnType<typeof start>; magnet: string }> {
    const file = join(consumer, 'words.txt')
    await writeFile(file, 'some words, so that there is something to fetch\n')
    const seeder = start(root, join('demo', 'seed.js'), file, '--tracker', tracker.url)
    const [, magnet = ''] = await says(seeder, /"(magnet:.+)"/)
    return { seeder, magnet }
  }

  it('leech.js fetches a torrent, exchanges messages, and ends', async () => {
    const { seeder, magnet } = await seed()
    await place('leech.js')
    const leecher = start(consumer, 'leech.js', magnet)
    const code = await new Promise(resolve => leecher.once('close', resolve))
    expect(leecher.output).toMatch(/^words\.txt is here: /m)
    expect(code).toBe(0)
    expect(await says(seeder, /^[0-9a-f]{8}: {"hello":"[0-9a-f]{40}"}$/m)).toBeTruthy()
    expect(JSON.parse(await readFile(join(consumer, 'peer.json'), 'utf8'))).toHaveProperty('secret')
  })

  it('chat.js meets another one, and ends with Ctrl-C', async () => {
    await place('chat.js')
    const both = [start(consumer, 'chat.js'), start(consumer, 'chat.js')]
    for (const one of both) expect(await says(one, /^hello from [0-9a-f]{40}$/m)).toBeTruthy()
    for (const one of both) {
      const closed = new Promise(resolve => one.once('close', resolve))
      one.kill('SIGINT')
      expect(await closed).toBe(0)
    }
  })

  it('A8 pair.js hands signals over, prints a message, and ends', async () => {
    await place('pair.js')
    const pair = start(consumer, 'pair.js')
    const code = await new Promise(resolve => pair.once('close', resolve))
    expect([code, pair.output]).toEqual([0, "{ hello: 'bob' }\n"])
  })

  it('room.js asks, answers and thanks another one', async () => {
    await place('room.js')
    const both = [start(consumer, 'room.js'), start(consumer, 'room.js')]
    for (const one of both) {
      expect(await says(one, /^answer: I am [0-9a-f]{40}$/m)).toBeTruthy()
      expect(await says(one, /^asked: \{ question: 'who are you\?' \}$/m)).toBeTruthy()
    }
  })

  it('X1 film-night.js talks in a room to whoever has the torrent', async () => {
    await place('film-night.js')
    const magnet = `magnet:?xt=urn:btih:${'6'.repeat(40)}`
    for (const one of [1, 2].map(() => start(consumer, 'film-night.js', magnet)))
      expect(await says(one, /^[0-9a-f]{40} watches too$/m)).toBeTruthy()
  })

  it('X2 by-hand.js invites two when the tracker is dead, and they are introduced to each other', async () => {
    await place('by-hand.js', 'ws://127.0.0.1:9') // nobody is there
    const magnet = `magnet:?xt=urn:btih:${'5'.repeat(40)}`
    const [member, ...newcomers] = [1, 2, 3].map(() => start(consumer, 'by-hand.js', magnet))
    for (const newcomer of newcomers) {
      const invitation = await typed(member, 'invite', /^{"type":"offer".*}$/m)
      await typed(
        member,
        await typed(newcomer, invitation, /^{"type":"answer".*}$/m),
        /^connected to [0-9a-f]{40} \(signaling\)$/m,
      )
    }
    for (const newcomer of newcomers) expect(await says(newcomer, /^connected to [0-9a-f]{40} \(exchange\)$/m)).toBeTruthy()
  })

  it('metrics.js serves what Prometheus reads', async () => {
    await place('metrics.js')
    const side = `
      import { once } from 'node:events'
      import WebTorrent from 'webtorrent'
      import { ConnectionManager } from 'swarmlink'
      import { serveMetrics } from './metrics.js'
      const manager = new ConnectionManager(${QUIET_CLIENT}, { trackers: [], rtcConfig: { iceServers: [] } })
      const server = serveMetrics(manager, 0)
      await once(server, 'listening')
      console.log('http://127.0.0.1:' + server.address().port)`
    await writeFile(join(consumer, 'metrics-of-one.js'), side)
    const [url = ''] = await says(start(consumer, 'metrics-of-one.js'), /^http.+$/m)
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(parse(await response.text())).toContainEqual(expect.objectContaining({ name: 'swarmlink_connections_limit' }))
  })

  it('names.js finds the URL of a tracker by the name that it has in events [X5]', async () => {
    await place('names.js')
    const side = `
      import { serverName } from 'swarmlink'
      import { onCounts } from './names.js'
      const url = 'wss://tracker.example/PASSKEY/announce'
      const manager = { on: (event, tell) => tell({ url: serverName(url), complete: 1 }) }
      onCounts(manager, [url], (tracker, { complete }) => console.log(serverName(url), tracker, complete))`
    await writeFile(join(consumer, 'names-of-one.js'), side)
    const [, name = ''] = await says(start(consumer, 'names-of-one.js'), /^(\S+) wss:\/\/tracker\.example\/PASSKEY\/announce 1$/m)
    expect(readme).toContain(`\`${name}\``)
  })

  it('drivers.js hears itself through the server of signal.js', async () => {
    await place('signal.js')
    const server = start(consumer, 'signal.js')
    signalUrl = (await says(server, /^(ws:\S+)$/m))[1] ?? ''
    await place('drivers.js')
    expect(await says(start(consumer, 'drivers.js'), /^\{ hello: 'world' \}$/m)).toBeTruthy()
  })

  it('messages.js serves and fetches a film', async () => {
    await place('messages.js')
    const film = Buffer.alloc(300_000, 'film')
    await writeFile(join(consumer, 'film.mp4'), film)
    const side = (act: string) => `
      import { statSync } from 'node:fs'
      import { TrackerClient, topicOf } from 'swarmlink'
      import { serve, fetchFilm } from './messages.js'
      const tracker = new TrackerClient(['${tracker.url}'], topicOf('films'), undefined, { iceServers: [] })
      tracker.on('connection', async connection => { ${act} })
      await tracker.connect()`
    await writeFile(join(consumer, 'serve.js'), side('serve(connection)'))
    // A disk that is slower than the network: what arrived is handed on when the answer is here, too.
    const fetching = `
      let answer
      const held = []
      const late = new TransformStream({
        transform: bytes => void held.push(bytes),
        flush: async controller => { await answer; for (const bytes of held) controller.enqueue(bytes) },
      })
      const slow = {
        on: (...given) => connection.on(...given),
        once: (name, listener) => connection.once(name, ({ readable }) => listener({ readable: readable.pipeThrough(late) })),
        request: (...given) => (answer = connection.request(...given)),
      }
      console.log(await fetchFilm(slow), statSync('copy of film.mp4').size)
      await tracker.disconnect()`
    await writeFile(join(consumer, 'fetch.js'), side(fetching))
    start(consumer, 'serve.js')
    const fetcher = start(consumer, 'fetch.js')
    const ended = new Promise(resolve => fetcher.once('close', resolve))
    await says(fetcher, /^\{ time: \d+ \}$/m)
    await says(fetcher, /^receiving 300000$/m)
    await says(fetcher, /^\{ sent: true \} 300000$/m)
    expect(await ended).toBe(0)
    expect(film.equals(await readFile(join(consumer, 'copy of film.mp4')))).toBe(true)
  })

  it.each([
    { webtorrent: 'typed', types: WEBTORRENT_TYPES, files: ['leech', 'film-night', 'chat', 'pair', 'drivers', 'signal'] },
    { webtorrent: 'untyped', types: "declare module 'webtorrent'", files: ['film-night'] },
  ])('compiles as strict TypeScript with a WebTorrent that is $webtorrent', async ({ webtorrent, types, files }) => {
    const folder = join(consumer, webtorrent)
    await mkdir(folder)
    for (const name of files) await writeFile(join(folder, `${name}.ts`), snippet(`${name}.js`))
    await writeFile(join(folder, 'typed.ts'), snippet('typed.ts', 'ts'))
    await writeFile(join(folder, 'messages.ts'), typedMessages())
    await writeFile(join(folder, 'claims.ts'), CLAIMS)
    await writeFile(join(folder, 'wrong.ts'), WRONG_CLIENTS)
    await writeFile(join(folder, 'webtorrent.d.ts'), types)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICT }))
    const tsc = join(root, 'node_modules', '.bin', 'tsc')
    const { stdout } = await run(tsc, ['-p', folder]).catch((failed: { stdout: string }) => failed)
    expect(stdout).toBe('')
  })

  describe.skipIf(chromium === undefined)('in a page', () => {
    let browser: Browser
    let site: ViteDevServer
    beforeAll(async () => {
      await place('main.js')
      await writeFile(join(consumer, 'vite.config.js'), snippet('vite.config.js'))
      await writeFile(
        join(consumer, 'index.html'),
        '<!doctype html><title>page</title><script type="module" src="/main.js"></script>',
      )
      site = await createServer({ root: consumer, logLevel: 'error', server: { host: '127.0.0.1', port: 0 } })
      await site.listen()
      browser = await launchChromium()
    })
    afterAll(async () => {
      await browser?.close()
      await site?.close()
    })

    it('main.js fetches a torrent and exchanges messages', async () => {
      const { seeder, magnet } = await seed()
      const page = await browser.newPage()
      const wrong: string[] = []
      page.on('pageerror', error => wrong.push(error.message))
      await page.goto(`${site.resolvedUrls?.local[0] ?? ''}#${magnet}`)
      await page.getByText('words.txt is here: 48 bytes').waitFor({ timeout: PATIENCE })
      expect(await says(seeder, /^[0-9a-f]{8}: hello from a page$/m)).toBeTruthy()
      expect(wrong).toEqual([])
    })
  })
})

/** What `npm install` would put there: our package's own files as they are published, and what it depends on. */
async function install(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  const ours = join(modules, manifest.name)
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(ours, { recursive: true })
  await cp(join(root, 'package.json'), join(ours, 'package.json'))
  await cp(join(root, 'dist'), join(ours, 'dist'), { recursive: true })
  const others = [
    ...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
    'webtorrent',
    'vite',
    '@types/node',
  ]
  for (const name of others) {
    await mkdir(dirname(join(modules, name)), { recursive: true })
    await symlink(join(root, 'node_modules', name), join(modules, name))
  }
}

/** What the process printed, as soon as it fits. */
function says(child: ChildProcess & { output: string }, pattern: RegExp): Promise<RegExpMatchArray> {
  return new Promise((resolve, reject) => {
    const settle = (found: RegExpMatchArray | null) => {
      clearTimeout(timer)
      for (const stream of [child.stdout, child.stderr]) stream?.off('data', look)
      child.off('close', late)
      if (found === null) reject(new Error(`it never said ${String(pattern)}, but:\n${child.output}`))
      else resolve(found)
    }
    const look = () => {
      const found = child.output.match(pattern)
      if (found !== null) settle(found)
    }
    const late = () => settle(child.output.match(pattern))
    const timer = setTimeout(late, PATIENCE)
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', look)
    child.on('close', late)
    look()
  })
}

/** Types a line, and gives what it prints then. */
async function typed(child: (ChildProcess & { output: string }) | undefined, line: string, pattern: RegExp): Promise<string> {
  if (child === undefined) throw new Error('nobody is there')
  child.output = ''
  child.stdin?.write(`${line}\n`)
  return (await says(child, pattern))[0]
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
