import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../src/doctor/finding.js'
import { tryImport } from '../../src/doctor/import-trial.js'
import { serverName } from '../../src/signaling/url.js'
import { Demo } from '../support/demo.js'
import { Processes } from '../support/processes.js'
import { requireProgram } from '../support/programs.js'

const root = new URL('../..', import.meta.url).pathname

/** How long a server may take to start on a busy machine. */
const PATIENCE = 20_000

const turnserver = await requireProgram({ command: 'turnserver', package: 'coturn' })
const cleanups: Array<() => unknown> = []
const processes = new Processes(callback => cleanups.push(callback))
afterAll(async () => {
  Demo.killAll()
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const run = (...args: string[]) => new Demo(process.execPath, [join('dist', 'cli.js'), ...args])

/** Always with local servers: tests do not use the public ones. */
const doctor = (servers: { tracker: string[]; stun: string[] }, ...args: string[]) => [
  'doctor',
  ...servers.tracker.flatMap(url => ['--tracker', url]),
  ...servers.stun.flatMap(url => ['--stun', url]),
  ...args,
]

async function findings(...args: string[]): Promise<{ code: number | null; works: boolean; of: (check: string) => Finding[] }> {
  const cli = run(...args, '--json')
  const code = await cli.ended
  expect(cli.err).toBe('')
  const { works, findings: found } = JSON.parse(cli.out) as { works: boolean; findings: Finding[] } // the command's JSON output
  return { code, works, of: check => found.filter(finding => finding.check === check) }
}

/** A port without a listener. */
async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens
  await new Promise(resolve => server.close(resolve))
  return port
}

/** A STUN server, or a router that rewrites its answers: it reports port `seen` of 198.51.100.7. The first `lost` packets are dropped. */
async function stunServer(seen: number, lost = 0): Promise<string> {
  const socket: Socket = createSocket('udp4')
  let received = 0
  socket.on('message', (request, { port, address }) => {
    if (++received <= lost) return
    const response = Buffer.from('0101000c2112a442000000000000000000000000002000080001000000000000', 'hex')
    request.copy(response, 8, 8, 20)
    response.writeUInt16BE(seen ^ 0x2112, 26)
    Buffer.from([198 ^ 0x21, 51 ^ 0x12, 100 ^ 0xa4, 7 ^ 0x42]).copy(response, 28)
    socket.send(response, port, address)
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve))
  cleanups.push(() => socket.close())
  return `stun:127.0.0.1:${socket.address().port}`
}

/** Debian's coturn as STUN and TURN server. Returns its host and port. */
async function startTurn(command: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'swarmlink-turn-'))
  const port = await deadPort()
  const child: ChildProcess = spawn(
    command,
    [
      ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--log-file=stdout', '--lt-cred-mech', '--realm=test', '--user=me:secret'],
      ...['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', '--allow-loopback-peers', `--listening-port=${port}`],
      ...[`--pidfile=${join(folder, 'pid')}`, `--userdb=${join(folder, 'db')}`],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const orphan = () => child.kill('SIGKILL') // an interrupted test run must not leave it behind
  process.once('exit', orphan)
  const gone = new Promise<void>(resolve => child.once('close', () => resolve()))
  cleanups.push(async () => {
    process.off('exit', orphan)
    child.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true })
  })
  await new Promise<void>((resolve, reject) => {
    let log = ''
    const timer = setTimeout(() => reject(new Error(`coturn is not ready:\n${log}`)), PATIENCE)
    child.stdout?.on('data', data => {
      log += String(data)
      if (!log.includes('Total General servers')) return
      clearTimeout(timer)
      resolve()
    })
  })
  return `127.0.0.1:${port}`
}

describe.concurrent('swarmlink doctor', () => {
  let tracker: string
  let dead: string
  let silent: string
  let stun: string
  beforeAll(async () => {
    tracker = (await processes.tracker()).url
    dead = `ws://127.0.0.1:${await deadPort()}/`
    // Accepts connections and never sends a byte.
    const server = createServer(socket => socket.on('error', () => {}))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => server.close())
    silent = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` // it listens
    stun = await stunServer(4_000)
  })

  it('prints a line per check, and exits with 0 when all work [X8]', async () => {
    const cli = run(...doctor({ tracker: [tracker], stun: [stun] }))
    expect(await cli.ended, cli.out).toBe(0)
    expect(cli.err).toBe('')
    expect(cli.out).toMatch(
      new RegExp(
        [
          '^✔ Node: .+',
          '✔ WebRTC: node-datachannel is used .+',
          '✔ Connection: two ends in this process were connected after \\d+ ms\\.',
          '✔ Data: 64 KiB .+',
          '✔ Identity: .+',
          '✔ WebTorrent: 3\\..+',
          `✔ Tracker ${serverName(tracker)}: connected after .+ seeders 0, leechers 1, .+`,
          `✔ STUN ${stun}: sees this machine at 198\\.51\\.100\\.7:4000, .+`,
          '',
          'Everything works\\.',
          '$',
        ].join('\n'),
      ),
    )
  })

  it('exits with 1 when a requested check fails, says why, and waits no longer than it is told to [X8]', async () => {
    const deadServer = `stun:127.0.0.1:${await deadPort()}`
    const servers = { tracker: [tracker, dead, silent], stun: [stun, deadServer] }
    const { code, works, of } = await findings(...doctor(servers, '--timeout', '8000'))
    expect(code).toBe(1)
    expect(works).toBe(false)
    expect(of('connection')).toMatchObject([{ verdict: 'works' }])
    expect(of('data')).toMatchObject([{ verdict: 'works' }])
    expect(of('tracker')).toMatchObject([
      { server: serverName(tracker), verdict: 'works', facts: { complete: 0, incomplete: 1 } },
      { server: serverName(dead), verdict: 'fails', says: 'nothing listens there (ECONNREFUSED)' },
      { server: serverName(silent), verdict: 'fails', says: 'there is no connection within 8 s' },
    ])
    expect(of('stun')).toMatchObject([
      { server: stun, verdict: 'works', facts: { address: '198.51.100.7', port: 4_000 } },
      { server: deadServer, verdict: 'fails', says: 'no answer within 8 s' },
    ])
    expect(of('nat')).toMatchObject([{ verdict: 'limited', facts: { mapping: 'unknown' } }])
  })

  it('reports a NAT that maps each destination to another port, also with packet loss [X8]', async () => {
    const { code, of } = await findings(...doctor({ tracker: [tracker], stun: [stun, await stunServer(4_001, 1)] }))
    expect(code).toBe(0)
    expect(of('nat')).toMatchObject([{ verdict: 'limited', facts: { mapping: 'per-destination' } }])
  })

  it('passes in a LAN, where no STUN server is asked, and prints no password of a tracker [X8]', async () => {
    const url = tracker.replace('://', '://me:secret@')
    const cli = run('doctor', '--tracker', `${url}?key=secret`, '--no-stun')
    expect(await cli.ended, cli.out).toBe(0)
    expect(cli.out).toContain(`✔ Tracker ${serverName(`${url}?key=secret`)}: connected after`)
    expect(cli.out).toMatch(/\nEverything works\.\n$/)
    expect(cli.out).not.toMatch(/STUN|NAT/)
    expect(cli.out + cli.err).not.toContain('secret')
  })

  it('checks only this machine when neither trackers nor STUN servers are wanted [X8]', async () => {
    const { code, works, of } = await findings('doctor', '--no-stun', '--no-trackers')
    expect({ code, works, servers: [...of('tracker'), ...of('stun'), ...of('nat')] }).toEqual({
      code: 0,
      works: true,
      servers: [],
    })
    expect(of('data')).toMatchObject([{ verdict: 'works' }])
  })

  it('colours its marks on a terminal, unless told not to [X8]', async () => {
    const line = [process.execPath, join('dist', 'cli.js'), ...doctor({ tracker: [tracker], stun: [stun] })].join(' ')
    const terminal = (environment: Record<string, string>) => new Demo('script', ['-qec', line, '/dev/null'], environment)
    const coloured = terminal({ NO_COLOR: '' })
    const plain = terminal({ NO_COLOR: '1' })
    expect([await coloured.ended, await plain.ended]).toEqual([0, 0])
    expect(coloured.out).toContain('\u001B[32m✔\u001B[0m Node')
    expect(plain.out).toContain('✔ Node')
    expect(plain.out).not.toContain('\u001B')
  })

  it('survives a reader that closes the pipe [X8]', async () => {
    const line = [process.execPath, join('dist', 'cli.js'), ...doctor({ tracker: [tracker], stun: [stun] })].join(' ')
    const cut = new Demo('sh', ['-c', `${line} | head -n 1`])
    expect(await cut.ended).toBe(0)
    expect(cut.out).toMatch(/^✔ Node: .+\n$/)
    expect(cut.err).toBe('')
  })

  describe.skipIf(turnserver === undefined)('with coturn', () => {
    let server: string
    beforeAll(async () => {
      server = await startTurn(turnserver ?? '')
    })

    it('queries STUN, gets an address by TURN, and connects through it alone [X8]', async () => {
      const turn = ['--turn', `turn:${server}`, '--username', 'me', '--credential', 'secret']
      const { code, of } = await findings(...doctor({ tracker: [tracker], stun: [`stun:${server}`] }, ...turn))
      expect(of('stun')).toMatchObject([{ verdict: 'works', facts: { address: '127.0.0.1' } }])
      expect(of('turn')).toMatchObject([
        { server: `turn:${server}`, verdict: 'works', facts: { relayMs: expect.any(Number), ms: expect.any(Number) } },
      ])
      expect(code).toBe(0)
    })

    it('reports wrong credentials at once, and an absent TURN server in time [X8]', async () => {
      const deadServer = `turn:127.0.0.1:${await deadPort()}`
      const turn = [
        '--turn',
        `turn:${server}`,
        '--turn',
        deadServer,
        '--username',
        'me',
        '--credential',
        'wrong',
        '--timeout',
        '8000',
      ]
      const { code, of } = await findings(...doctor({ tracker: [tracker], stun: [stun] }, ...turn))
      expect(of('turn')).toMatchObject([
        { verdict: 'fails', says: 'lends no address', advice: expect.stringMatching(/--credential/) },
        { verdict: 'fails', says: 'lends no address within 8 s' },
      ])
      expect(code).toBe(1)
    })
  })
})

describe('the trial import of a package', () => {
  /** A folder with a package that consists of this code. */
  async function withPackage(name: string, code: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'swarmlink-import-'))
    cleanups.push(() => rm(folder, { recursive: true }))
    const home = join(folder, 'node_modules', name)
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'package.json'), JSON.stringify({ name, type: 'module', exports: { import: './index.js' } }))
    await writeFile(join(home, 'index.js'), code)
    return folder
  }
  const broken = (reason: RegExp) => ({ outcome: 'broken', reason: expect.stringMatching(reason) })

  it.each([
    ['imports', 'export default class { static VERSION = "3.1.4" }', { outcome: 'imported', version: '3.1.4' }],
    ['reports no version of', 'export const answer = 42', { outcome: 'imported', version: undefined }],
    ['is refused by', 'throw new Error("no binary\\nfor this platform")', broken(/^no binary$/)],
    ['misses a part of', 'import "some-part"', broken(/^Cannot find package 'some-part'/)],
    ['is killed by', 'process.kill(process.pid, "SIGSEGV"); await new Promise(() => {})', broken(/ended by SIGSEGV/)],
    ['exits silently in', 'process.exit(3)', broken(/ended with code 3/)],
    ['is not kept alive by', 'setInterval(() => {}, 1_000)\nexport default {}', { outcome: 'imported', version: undefined }],
  ])('%s a package: %s [X8]', async (_, code, trial) => {
    expect(await tryImport('parcel', await withPackage('parcel', code), PATIENCE)).toEqual(trial)
  })

  it('finds no package where there is none, and stops one that does not end [X8]', async () => {
    const folder = await withPackage('parcel', 'while (true) {}')
    expect(await tryImport('postcard', folder, PATIENCE)).toEqual({ outcome: 'missing' })
    expect(await tryImport('parcel', folder, 1_000)).toEqual(broken(/^the import took more than 1 s$/))
    expect(await tryImport('parcel', join(folder, 'nowhere'), PATIENCE)).toEqual(broken(/ENOENT/))
  })

  it('is what the doctor reports about WebTorrent in the current folder [X8]', async () => {
    const code = 'throw new Error("Cannot find module node_datachannel.node")'
    const folder = await withPackage('webtorrent', code)
    const line = `cd ${folder} && ${[process.execPath, join(root, 'dist', 'cli.js')].join(' ')} doctor --no-stun --no-trackers`
    const cli = new Demo('sh', ['-c', line])
    expect(await cli.ended).toBe(1)
    expect(cli.out).toContain(
      `✘ WebTorrent: it is there, but a program in ${folder} cannot import it (Cannot find module node_datachannel.node).`,
    )
  })
})

describe('the swarmlink command', () => {
  it.each<[string[], number, RegExp, RegExp]>([
    [[], 0, /^Usage: swarmlink doctor/, /^$/],
    [['--help'], 0, /^Usage: swarmlink doctor/, /^$/],
    [['doctor', '--help'], 0, /--tracker URL/, /^$/],
    [['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    [['nurse'], 2, /^$/, /^error: there is no command "nurse"\n\nUsage: swarmlink doctor/],
    [['doctor', '--fast'], 2, /^$/, /^error: Unknown option '--fast' \(swarmlink --help says more\)\n$/],
    [
      ['doctor', '--tracker', 'udp://x.test'],
      2,
      /^$/,
      /^error: got "udp:\/\/x\.test": a tracker must be a ws: or wss: URL [^\n]+\n$/,
    ],
  ])('swarmlink %j exits with %i [X8]', async (args, code, out, err) => {
    const cli = run(...args)
    expect(await cli.ended).toBe(code)
    expect(cli.out).toMatch(out)
    expect(cli.err).toMatch(err)
  })
})
