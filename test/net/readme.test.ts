import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright'
// @ts-expect-error -- ships no types
import parse from 'parse-prometheus-text-format'
import { createServer, type ViteDevServer } from 'vite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTracker } from '../../demo/support/tracker.js'
import { HELP } from '../../src/doctor/command-line.js'
import { readMeshOptions } from '../../src/mesh/mesh-options.js'
import { readOptions } from '../../src/torrent/options.js'
import { launchChromium, requireChromium } from '../support/browsers/chromium.js'
import { install } from '../support/consumer.js'
import { anchorsOf, blocksOf, changed, readDocuments, section, table } from '../support/checks/documents.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFile(join(root, path), 'utf8')
const documents = await readDocuments()
const blocks = blocksOf(documents)
const readme = textAt('README.md')
const guide = (name: string) => textAt(`docs/guides/${name}.md`)
const manifest = JSON.parse(await read('package.json'))
const chromium = await requireChromium()
/** For each line that a program says. */
const PATIENCE = 40_000
/** It announces nothing to the local network and to the DHT. */
const QUIET_CLIENT = 'new WebTorrent({ dht: false, lsd: false, natUpnp: false, natPmp: false, utp: false })'

/** The part of `@types/webtorrent` 0.110 that matters here: that package lacks many members of clients and torrents. */
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
/** For snippets in JavaScript, whose parameters have no types. */
const LOOSE = {
  ...STRICT,
  skipLibCheck: true,
  allowJs: true,
  checkJs: true,
  noImplicitAny: false,
  useUnknownInCatchVariables: false,
}
/** The objects that fragments in the documents use and do not make. */
const GIVEN = `
declare const client: ConstructorParameters<typeof import('swarmlink').ConnectionManager>[0] & { add(magnet: string, ready: (torrent: any) => void): unknown }
declare const magnet: string
declare const driver: import('swarmlink/signaling').Driver
declare const me: string
declare const you: string
declare const mesh: import('swarmlink/mesh').Mesh
declare const socket: WebSocket
declare const iceServers: RTCIceServer[]
declare const friends: Set<string>
declare const database: { get(name: string): Promise<any>; set(name: string, value: object): Promise<void> }
declare const bus: Record<'subscribe' | 'unsubscribe' | 'publish', (topic: string, value: any) => void>`
const WRONG_CLIENTS = `
import { ConnectionManager } from 'swarmlink'
// @ts-expect-error -- no client
new ConnectionManager({})
// @ts-expect-error -- no client either
new ConnectionManager('a client')`

/** Types that applications give their messages, and messages that must not compile. */
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

/** The snippet messages.js, with types where JavaScript needs none. */
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

function textAt(path: string): string {
  const text = documents.get(path)
  if (text === undefined) throw new Error(`there is no ${path}`)
  return text
}

/** The block that begins with this file's name. */
function snippet(file: string): string {
  const [found, another] = blocks.filter(block => block.file === file)
  if (found === undefined || another !== undefined) throw new Error(`exactly one document must have a snippet ${file}`)
  return found.code
}

/** The blocks of a language in the README. */
function told(language: string): string[] {
  return blocks.filter(block => block.document === 'README.md' && block.language === language).map(({ code }) => code)
}

/** The names in an interface or union of a source file. */
async function names(path: string, start: string, end: string, pattern: RegExp): Promise<string[]> {
  const [, after = ''] = (await read(path)).split(start)
  return [...(after.split(end, 1)[0] ?? '').matchAll(pattern)].map(([, name = '']) => name)
}

/** The texts of all files of these kinds below a folder. */
async function sources(folder: string, ending: string): Promise<string[]> {
  const paths = await readdir(join(root, folder), { recursive: true })
  return await Promise.all(paths.filter(path => path.endsWith(ending)).map(path => read(join(folder, path))))
}

/** The ids of requirements in a test's title: at its beginning in older tests, in brackets at its end in others. */
function idsIn(title: string): string[] {
  const [first = ''] = /^(?:(?:Law \d+|[A-Z]\d+)(?:,? and |, | ))+/.exec(title) ?? []
  const last = [...title.matchAll(/\[((?:Law \d+|[A-Z]\d+)(?:, (?:Law \d+|[A-Z]\d+))*)\]/g)].map(([, ids = '']) => ids)
  return [first, ...last].join(' ').match(/Law \d+|[A-Z]\d+/g) ?? []
}

describe('the documents', () => {
  it('list every option of a manager with its default', async () => {
    const options = table(section(guide('torrents'), 'Options'))
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

  it.each([
    { of: 'P2PT', page: 'rooms', path: 'src/p2pt/p2pt-options.ts' },
    { of: 'TrackerClient', page: 'tracker-client', path: 'src/tracker-client/tracker-client-options.ts' },
    { of: 'SignalServer', page: 'signal-server', path: 'src/signaling/server/signal-server-options.ts' },
    { of: 'DataConnection', page: 'own-signalling', path: 'src/channel/messages/data-connection-options.ts' },
  ])('name every option of $of', async ({ of, page: name, path }) => {
    const declared = await names(path, `interface ${of}Options`, '\n}', /^ {2}(\w+)\??:/gm)
    expect(declared.length).toBeGreaterThan(5)
    for (const option of declared) expect(guide(name)).toMatch(new RegExp(`\\b${option}\\b`))
  })

  it('list every event of a manager', async () => {
    const source = await names(
      'src/torrent/connection-manager-events.ts',
      'interface ConnectionManagerEvents<Received = Message, Sent = Sendable> {',
      '\n}',
      /^ {2}'?([\w-]+)'?: \[/gm,
    )
    expect([...table(section(guide('torrents'), 'Events')).keys()].toSorted()).toEqual(source.toSorted())
  })

  it('list every option of a mesh with its default, and every event', async () => {
    const options = table(section(guide('mesh'), 'Options'))
    const option = /^ {2}(\w+)\?:/gm
    const declared = await names('src/mesh/mesh-options.ts', 'interface MeshOptions extends RtcOptions {', '\n}', option)
    const ofRtc = await names('src/engine/ice-servers.ts', 'interface RtcOptions {', '\n}', option)
    expect([...options.keys()].toSorted()).toEqual([...declared, ...ofRtc].toSorted())
    const settings: Record<string, unknown> = { ...readMeshOptions({ transport: 'ws://127.0.0.1:9' }) }
    for (const [name, cell] of options) {
      if (typeof settings[name] === 'number') expect([name, Number(cell.replaceAll(/[`_]/g, ''))]).toEqual([name, settings[name]])
    }
    const events = await names(
      'src/mesh/mesh-events.ts',
      'interface MeshEvents<Received = Message> {',
      '\n}',
      /^ {2}'?([\w:]+)'?: \[/gm,
    )
    const rows = section(guide('mesh'), 'Events').matchAll(/^\| `([\w:]+)` \|/gm)
    expect([...rows].map(([, name = '']) => name).toSorted()).toEqual(events.toSorted())
  })

  it('list every event of a TrackerClient', async () => {
    const source = await names(
      'src/tracker-client/tracker-client.ts',
      'interface TrackerClientEvents<Received = Message, Sent = Sendable> {',
      '\n}',
      /^ {2}'?([\w-]+)'?: \[/gm,
    )
    const rows = section(guide('tracker-client'), 'Events').matchAll(/^\| (`.*?) \|/gm)
    expect([...rows].flatMap(([, cell = '']) => cell.match(/[\w-]+/g) ?? []).toSorted()).toEqual(source.toSorted())
  })

  it('list every error code', async () => {
    const source = await names('src/core/errors.ts', 'export type ErrorCode =', '\n\n', /'(\w+)'/g)
    expect([...table(guide('errors')).keys()].toSorted()).toEqual(source.toSorted())
  })

  it('list every stage of the statistics, and every reason of a refusal', async () => {
    const cells = (heading: string, text: string) =>
      [...section(text, heading).matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) => cell.match(/[\w-]+/g) ?? [])
    const stages = await names('src/swarm/counters.ts', 'interface StageCounts {', '\n}', /^ {2}(\w+):/gm)
    expect(cells('Stages', guide('metrics')).toSorted()).toEqual(stages.toSorted())

    const [, after = ''] = (await sources('src/swarm', '.ts')).join('\n').split(/export type Refusal(?:Reason)? =/)
    const reasons = [...(after.split('\n\n', 1)[0] ?? '').matchAll(/\| '([\w-]+)'/g)].map(([, reason = '']) => reason)
    expect(cells('Reasons of `refused`', guide('metrics')).toSorted()).toEqual(reasons.toSorted())
  })

  it('list every option of the doctor', () => {
    const options = new Set(guide('doctor').match(/(?<![\w-])--[a-z][\w-]*/g))
    expect(options).toEqual(new Set(HELP.replaceAll(/--(help|version)/g, '').match(/--[a-z][\w-]*/g)))
  })

  it('name every fault of credentials', async () => {
    const source = await names('src/identity/credentials.ts', 'export type CredentialsFault =', '\n', /'([\w-]+)'/g)
    for (const fault of source) expect(guide('credentials')).toContain(`\`${fault}\``)
  })

  it('say what each id in a test title promises', async () => {
    const tests = [...(await sources('test', '.test.ts')), ...(await sources('test', '-suite.ts'))]
    const titles = tests.flatMap(text =>
      [...text.matchAll(/^\s*(?:[\w.]*\b(?:describe|it|test)\b.*?\(|\]\)\()\s*(['"`])(.*?)\1/gms)].map(
        ([, , title = '']) => title,
      ),
    )
    const used = new Set(titles.flatMap(idsIn))
    expect(used.size).toBeGreaterThan(40)
    const listed = [...textAt('docs/requirements.md').matchAll(/^\| (Law \d+|[A-Z]\d+) \|/gm)].map(([, id = '']) => id)
    expect([...used].filter(id => !listed.includes(id))).toEqual([])
  })

  it('give each package manager the pins that this checkout installs with, before the command that needs them [X10]', () => {
    const steps = section(readme, 'Install')
    const [npm, yarn] = told('json').map(code => JSON.parse(code))
    expect([npm, yarn]).toEqual([{ overrides: manifest.overrides }, { resolutions: manifest.overrides }])
    const [pnpm = ''] = told('yaml')
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
    const places = order.map(text => steps.indexOf(text))
    expect(places).not.toContain(-1)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  it('name scripts that exist', () => {
    for (const text of documents.values())
      for (const [, script = ''] of text.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(manifest.scripts)).toContain(script)
  })

  it('link to headings and files that exist', async () => {
    const links = [...documents].flatMap(([path, text]) =>
      [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = '']) => ({ path, link })),
    )
    const broken = await Promise.all(
      links.map(async ({ path, link }) => {
        const [file = '', anchor] = link.split('#')
        const target = file === '' ? path : posix.join(posix.dirname(path), file)
        const linked = documents.get(target) ?? (await read(target).catch(() => ''))
        return linked === '' || (anchor !== undefined && !anchorsOf(linked).includes(anchor)) ? [`${path}: ${link}`] : []
      }),
    )
    expect(broken.flat()).toEqual([])
  })

  it('show files of this repository as they are', async () => {
    const shown = blocks.filter(({ file }) => file?.includes('/'))
    expect(shown.length).toBeGreaterThan(0)
    for (const { file = '', code } of shown) expect(code).toBe(`// ${file}\n${await read(file)}`)
  })

  it('name the subject of each sentence', () => {
    const vague = /\b(?:who(?:ever|m)|(?:some|no|any|every)body|(?:some|any|every)one|whose turn)\b/gi
    const found = [...documents].flatMap(([path, text]) => [...text.matchAll(vague)].map(([word]) => `${path}: ${word}`))
    expect(found).toEqual([])
  })

  it('keep the README short', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(231)
  })
})

describe('what the documents show', { timeout: 180_000 }, () => {
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

  /** Writes the snippet with the tracker of this test in place of its own, and without STUN. */
  async function place(file: string, trackerUrl = tracker.url): Promise<void> {
    const code = snippet(file)
      .replace('new ConnectionManager(client, {', 'new ConnectionManager(client, { iceServers: [],')
      .replace("topicOf('my application')", "topicOf('my application'), undefined, { iceServers: [] }")
      .replace("'my application')\n", "'my application', { iceServers: [] })\n")
      .replace("'wss://signal.example'", `'${signalUrl}'`)
      .replaceAll('new DataConnection({', 'new DataConnection({ iceServers: [],')
      .replace('createMesh({', 'createMesh({ iceServers: [],')
      .replace('port: 8080', 'port: 0')
      .replace(/'wss:\/\/tracker\.example'|'ws:\/\/localhost:8000'/, `'${trackerUrl}'`)
      .replace('new WebTorrent()', QUIET_CLIENT)
    expect(code).not.toMatch(/\.example|localhost:/)
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

  /** A seeder of the demo, and the magnet link that it printed. */
  async function seed(): Promise<{ seeder: ReturnType<typeof start>; magnet: string }> {
    const file = join(consumer, 'words.txt')
    await writeFile(file, 'some words, so that there is something to fetch\n')
    const seeder = start(root, join('demo', 'seed.js'), file, '--tracker', tracker.url)
    const [, magnet = ''] = await says(seeder, /"(magnet:.+)"/)
    return { seeder, magnet }
  }

  it('share.js seeds a file, fetches it with the command that it prints, and ends with Ctrl-C', async () => {
    await place('share.js')
    const file = join(consumer, 'shared.txt')
    await writeFile(file, 'something else to fetch\n')
    const seeder = start(consumer, 'share.js', file)
    const [, magnet = ''] = await says(seeder, /^node share\.js "(magnet:.+)"$/m)
    const leecher = start(consumer, 'share.js', magnet)
    for (const pattern of [/^shared\.txt is here: /m, /^[0-9a-f]{40} \{ hello: '[0-9a-f]{40}' \}$/m])
      expect(await says(leecher, pattern)).toBeTruthy()
    const closed = new Promise(resolve => leecher.once('close', resolve))
    leecher.kill('SIGINT')
    expect(await closed).toBe(0)
  })

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

  it('chat.js connects to a second one, and ends with Ctrl-C [A10]', async () => {
    await place('chat.js')
    const both = [start(consumer, 'chat.js'), start(consumer, 'chat.js')]
    for (const one of both) expect(await says(one, /^hello from [0-9a-f]{40}$/m)).toBeTruthy()
    for (const one of both) {
      const closed = new Promise(resolve => one.once('close', resolve))
      one.kill('SIGINT')
      expect(await closed).toBe(0)
    }
  })

  it('pair.js hands signals over, prints a message, and ends [A8]', async () => {
    await place('pair.js')
    const pair = start(consumer, 'pair.js')
    const code = await new Promise(resolve => pair.once('close', resolve))
    expect([code, pair.output]).toEqual([0, "{ hello: 'bob' }\n"])
  })

  it('room.js asks a second one, answers and thanks it [E3]', async () => {
    await place('room.js')
    const both = [start(consumer, 'room.js'), start(consumer, 'room.js')]
    for (const one of both) {
      expect(await says(one, /^answer: I am [0-9a-f]{40}$/m)).toBeTruthy()
      expect(await says(one, /^asked: \{ question: 'who are you\?' \}$/m)).toBeTruthy()
    }
  })

  it('news.js broadcasts to three members, and ends with Ctrl+C [C1] [C6]', async () => {
    await place('news.js')
    const first = [start(consumer, 'news.js'), start(consumer, 'news.js')]
    for (const one of first) {
      expect(await says(one, /^([0-9a-f]{40}) \1 is here$/m)).toBeTruthy()
      expect(await says(one, /^1 of 1 other members have it$/m)).toBeTruthy()
    }
    const third = start(consumer, 'news.js')
    const [, reached = ''] = await says(third, /^([12]) of \1 other members have it$/m)
    expect(reached).not.toBe('')
    for (const one of [...first, third]) {
      const closed = new Promise(resolve => one.once('close', resolve))
      one.kill('SIGINT')
      expect(await closed).toBe(0)
    }
  })

  it('members-only.js broadcasts to the member with the same secret [C7]', async () => {
    await place('members-only.js')
    for (const one of [1, 2].map(() => start(consumer, 'members-only.js', 'a secret')))
      expect(await says(one, /^[0-9a-f]{40} for members$/m)).toBeTruthy()
  })

  it('film-night.js sends a message to a peer in the room that has the torrent [X1]', async () => {
    await place('film-night.js')
    const magnet = `magnet:?xt=urn:btih:${'6'.repeat(40)}`
    for (const one of [1, 2].map(() => start(consumer, 'film-night.js', magnet)))
      expect(await says(one, /^[0-9a-f]{40} watches too$/m)).toBeTruthy()
  })

  it('by-hand.js invites two peers when the tracker is dead, and introduces them to each other [X2]', async () => {
    await place('by-hand.js', 'ws://127.0.0.1:9') // no tracker listens there
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
    expect(guide('metrics')).toContain(`\`${name}\``)
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
    { webtorrent: 'typed', types: WEBTORRENT_TYPES, files: ['leech', 'film-night', 'chat', 'pair', 'drivers', 'signal', 'news'] },
    { webtorrent: 'untyped', types: "declare module 'webtorrent'", files: ['film-night'] },
  ])('compiles as strict TypeScript with a WebTorrent that is $webtorrent', async ({ webtorrent, types, files }) => {
    const folder = join(consumer, webtorrent)
    await mkdir(folder)
    for (const name of files) await writeFile(join(folder, `${name}.ts`), snippet(`${name}.js`))
    await writeFile(join(folder, 'typed.ts'), snippet('typed.ts'))
    await writeFile(join(folder, 'messages.ts'), typedMessages())
    await writeFile(join(folder, 'claims.ts'), CLAIMS)
    await writeFile(join(folder, 'wrong.ts'), WRONG_CLIENTS)
    await writeFile(join(folder, 'webtorrent.d.ts'), types)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICT }))
    expect(await compile(folder)).toBe('')
  })

  it('type-checks, each block by itself', async () => {
    const folder = join(consumer, 'checked')
    for (const { document, language, file, code } of blocks) {
      if (file?.includes('/') === true || !/^(js|ts|diff)$/.test(language)) continue
      const own = join(folder, document.replaceAll(/\W/g, '-'))
      const name = file ?? `line-${lineOf(document, code)}.${language === 'ts' ? 'ts' : 'js'}`
      await mkdir(own, { recursive: true })
      await writeFile(join(own, name), `${language === 'diff' ? changed(code) : code}export {}\n`)
    }
    await writeFile(join(folder, 'given.d.ts'), GIVEN)
    await writeFile(join(folder, 'webtorrent.d.ts'), "declare module 'webtorrent'\ndeclare module '@roamhq/wrtc'")
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: LOOSE }))
    expect(await compile(folder)).toBe('')
  })

  describe.skipIf(chromium === undefined)('in a page', () => {
    let browser: Browser
    let site: ViteDevServer
    beforeAll(async () => {
      await place('main.js')
      await writeFile(join(consumer, 'vite.config.js'), snippet('vite.config.js'))
      await writeFile(join(consumer, 'index.html'), snippet('index.html'))
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

/** The errors that `tsc` reports for a folder. */
async function compile(folder: string): Promise<string> {
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { stdout } = await run(tsc, ['-p', folder]).catch((failed: { stdout: string }) => failed)
  return stdout
}

/** The line of a document that a block begins on, for messages of the compiler. */
function lineOf(document: string, code: string): number {
  return (textAt(document).split(code, 1)[0] ?? '').split('\n').length
}

/** Resolves with the output of the process as soon as it matches. */
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

/** Types a line, and resolves with the output that follows. */
async function typed(child: (ChildProcess & { output: string }) | undefined, line: string, pattern: RegExp): Promise<string> {
  if (child === undefined) throw new Error('the program was not started')
  child.output = ''
  child.stdin?.write(`${line}\n`)
  return (await says(child, pattern))[0]
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
