/**
 * A small internet in network namespaces: a server (TURN, STUN, trackers) and two homes, each with a router and one host. Needs root.
 * Processes of the host run in its namespace: {@link StartOptions.namespace}.
 *
 * ```
 *   host 1 ── router 1 ─┐                  ┌─ router 2 ── host 2
 *   10.0.1.2            ├──── the bridge ──┤              10.0.2.2
 *            198.51.100.1        │         198.51.100.2
 *                          the server: 198.51.100.10 and .11
 * ```
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { requireProgram } from '../programs.js'

const run = promisify(execFile)

/** What a router does with the source port of outgoing packets. It admits only answers from a packet's destination (RFC 4787). */
export type Nat =
  /** Keeps the port, so that every destination sees the same address. */
  | 'port-preserving'
  /** Gives each destination another port. */
  | 'symmetric'

export interface LabOptions {
  /** The kind of both routers, or one for each. @default 'symmetric' */
  nat?: Nat | [Nat, Nat]
  /** One router for both hosts: a LAN. @default false */
  lan?: boolean
  /** Both homes use the same private addresses. @default false */
  twins?: boolean
  /**
   * What the server's system does with packets to private addresses: it sends them to its provider, which drops them, or it has no route
   * and refuses them. coturn closes an allocation when its system refuses a packet. @default 'dropped'
   */
  privatePackets?: 'dropped' | 'refused'
  /** Private peers are forbidden in the TURN server's configuration. @default false */
  deniesPrivate?: boolean
}

/** Addresses of RFC 5737. None here is private. */
const SERVER = '198.51.100.10'
const SECOND = '198.51.100.11'
/** An address without a host: frames to it go nowhere. */
const NOWHERE = '198.51.100.254'
const UNUSED_MAC = '02:00:00:00:00:fe'
const USER = { username: 'user', credential: 'pass' }

/** Longer than any test, so that a server that never becomes ready does not hold up a run. */
const PATIENCE = 20_000

export const STUN: RTCIceServer = { urls: [`stun:${SERVER}:3478`] }
export const STUN_TWICE: RTCIceServer = { urls: [`stun:${SERVER}:3478`, `stun:${SECOND}:3478`] }
export const TURN: RTCIceServer = { urls: `turn:${SERVER}:3478`, ...USER }

let labs = 0

/** Checks whether the lab can be built here. Otherwise it logs what is missing, or throws with `CI` set. */
export async function requireNatLab(): Promise<{ missing?: string }> {
  const programs = [
    { command: 'ip', package: 'iproute2' },
    { command: 'nft', package: 'nftables' },
    { command: 'turnserver', package: 'coturn' },
  ]
  if (process.getuid?.() !== 0) return lacks('network namespaces need root: run it as root')
  for (const program of programs)
    if ((await requireProgram(program)) === undefined) return { missing: `${program.command} (Debian: ${program.package})` }
  await sweep()
  const trial = `${prefix()}trial`
  try {
    await script(`ip netns add ${trial}\nip netns exec ${trial} nft list tables\n`)
  } catch (error) {
    return lacks(`network namespaces cannot be made here: ${String((error as { stderr?: unknown }).stderr ?? error).trim()}`)
  } finally {
    await run('ip', ['netns', 'del', trial]).catch(() => {}) // it may not exist
  }
  return {}
}

function lacks(missing: string): { missing: string } {
  if (process.env['CI']) throw new Error(missing)
  process.stderr.write(`skipped: ${missing}\n`)
  return { missing }
}

export class NatLab {
  readonly #name: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'swarmlink-nat-'))
  readonly #namespaces: string[]
  readonly #remover: ChildProcess
  #turnLog = ''

  private constructor(name: string, lan: boolean) {
    this.#name = name
    this.#namespaces = ['server', 'router1', ...(lan ? [] : ['router2']), 'host1', 'host2'].map(part => `${name}-${part}`)
    this.#remover = remover(this.#namespaces)
  }

  /**
   * @example
   * const { missing } = await requireNatLab()
   * describe.skipIf(missing !== undefined)('…', () => {
   *   const lab = await NatLab.open({ nat: 'symmetric' })
   *   try { await processes.client(options, { namespace: lab.host1 }) … } finally { await lab.close() }
   * })
   */
  static async open(options: LabOptions = {}): Promise<NatLab> {
    const { nat = 'symmetric', lan = false, twins = false, privatePackets = 'dropped', deniesPrivate = false } = options
    const lab = new NatLab(`${prefix()}${++labs}`, lan)
    try {
      const nats = typeof nat === 'string' ? ([nat, nat] as const) : nat
      await script(
        [
          serverScript(lab.server, privatePackets),
          ...(lan
            ? [lanScript(lab.#name, nats[0])]
            : nats.map((kind, at) => homeScript(lab.#name, at + 1, kind, twins ? 1 : at + 1))),
        ].join('\n'),
      )
      await lab.#serve(deniesPrivate)
      return lab
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  /** The namespace for trackers. They listen at {@link address}. */
  get server(): string {
    return `${this.#name}-server`
  }

  get host1(): string {
    return `${this.#name}-host1`
  }

  get host2(): string {
    return `${this.#name}-host2`
  }

  get address(): string {
    return SERVER
  }

  /** The output of coturn so far. */
  get turnLog(): string {
    return this.#turnLog
  }

  /** UDP bytes that the server received, including relayed ones. */
  async udpBytes(): Promise<number> {
    const { stdout } = await run('ip', ['netns', 'exec', this.server, 'nft', 'list', 'counter', 'ip', 'lab', 'received'])
    return Number(/bytes (\d+)/.exec(stdout)?.[1])
  }

  /** Drops every packet between the two hosts. They still reach the server. */
  async cut(): Promise<void> {
    await script(
      inside(
        this.host2,
        `nft add table inet cut
         nft add chain inet cut incoming '{ type filter hook input priority 0; }'
         nft add chain inet cut outgoing '{ type filter hook output priority 0; }'
         nft add rule inet cut incoming ip saddr 10.0.0.0/8 drop
         nft add rule inet cut outgoing ip daddr 10.0.0.0/8 drop
         nft add rule inet cut incoming meta nfproto ipv6 drop`,
      ),
    )
  }

  /** Lets packets between the hosts pass again. */
  async mend(): Promise<void> {
    await script(inside(this.host2, 'nft delete table inet cut'))
  }

  /** Ends every process in the lab and removes it. */
  async close(): Promise<void> {
    const gone = new Promise<void>(resolve => this.#remover.once('exit', () => resolve()))
    this.#remover.stdin?.end()
    if (this.#remover.exitCode === null) await gone
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #serve(deniesPrivate: boolean): Promise<void> {
    const options = {
      'listening-ip': SERVER,
      'relay-ip': SERVER,
      'min-port': 50_000,
      'max-port': 59_999,
      realm: 'lab',
      user: `${USER.username}:${USER.credential}`,
      userdb: join(this.#folder, 'turn.db'),
      pidfile: join(this.#folder, 'turn.pid'),
      'log-file': 'stdout',
    }
    const denied = deniesPrivate
      ? ['--denied-peer-ip=10.0.0.0-10.255.255.255', '--denied-peer-ip=192.168.0.0-192.168.255.255']
      : []
    const given = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    const flags = ['-n', '--verbose', '--lt-cred-mech', '--no-tls', '--no-dtls', '--no-cli', `--listening-ip=${SECOND}`]
    const args = ['netns', 'exec', this.server, 'turnserver', ...flags, ...given, ...denied]
    const turn = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`turnserver is not ready:\n${this.#turnLog}`)), PATIENCE)
      const read = (data: Buffer) => {
        this.#turnLog += String(data)
        if (!this.#turnLog.includes('SQLite DB connection success')) return // the last line before it serves
        clearTimeout(timer)
        resolve()
      }
      turn.stdout.on('data', read)
      turn.stderr.on('data', read)
      turn.once('error', reject)
      turn.once('exit', () => {
        clearTimeout(timer)
        reject(new Error(`turnserver ended:\n${this.#turnLog}`))
      })
    })
  }
}

/** The name prefix of this process's namespaces: its number and its start time, because numbers are reused. */
function prefix(): string {
  return `swarmlink-nat-${process.pid}-${bornAt(process.pid)}-`
}

/** In ticks since the machine started. Undefined when there is no such process. */
function bornAt(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]
  } catch {
    return undefined
  }
}

/** Removes namespaces of runs whose processes were all killed, including those that clean up. */
async function sweep(): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'list'])
  const left = stdout.split('\n').flatMap(line => {
    const [name = '', pid, born] = /^swarmlink-nat-(\d+)-(\d+)-\S+/.exec(line) ?? []
    return pid === undefined || bornAt(Number(pid)) === born ? [] : [name]
  })
  if (left.length === 0) return
  const child = remover(left)
  child.stdin?.end()
  await new Promise(resolve => child.once('exit', resolve))
}

/** A process that removes the namespaces when its input ends: on request, or because its parent is gone. */
function remover(namespaces: string[]): ChildProcess {
  const clear = 'for name in "$@"; do ip netns pids "$name" | xargs -r kill -9; ip netns del "$name"; done'
  return spawn('sh', ['-c', `cat >/dev/null; { ${clear}; } 2>/dev/null; exit 0`, 'sh', ...namespaces], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // ignores an interrupt from the keyboard
  })
}

function script(text: string): Promise<unknown> {
  return run('sh', ['-ec', text])
}

const inside = (namespace: string, commands: string) =>
  commands
    .trim()
    .split('\n')
    .map(command => `ip netns exec ${namespace} ${command.trim()}`)
    .join('\n')

function serverScript(server: string, privatePackets: 'dropped' | 'refused'): string {
  return `
    ip netns add ${server}
    ${inside(
      server,
      `ip link set lo up
       ip link add lan type bridge
       ip addr add ${SERVER}/24 dev lan
       ip addr add ${SECOND}/24 dev lan
       ip link set lan up
       nft add table ip lab
       nft add counter ip lab received
       nft add chain ip lab incoming '{ type filter hook input priority 0; }'
       nft add rule ip lab incoming ip protocol udp counter name received`,
    )}
    ${privatePackets === 'dropped' ? inside(server, `ip route add default via ${NOWHERE} dev lan\nip neigh add ${NOWHERE} lladdr ${UNUSED_MAC} dev lan`) : ''}
  `
}

/** A router between the bridge and a network of its own. */
function routerScript(server: string, router: string, nth: number, kind: Nat, lan: string): string {
  return `
    ip netns add ${router}
    ip -n ${server} link add home${nth} type veth peer name wan netns ${router}
    ip -n ${server} link set home${nth} master lan up
    ${inside(
      router,
      `ip link set lo up
       ip link add lan type bridge
       ip addr add ${lan}.1/24 dev lan
       ip link set lan up
       ip addr add 198.51.100.${nth}/24 dev wan
       ip link set wan up
       ip route add default via ${NOWHERE} dev wan
       ip neigh add ${NOWHERE} lladdr ${UNUSED_MAC} dev wan
       sysctl -qw net.ipv4.ip_forward=1
       nft add table ip lab
       nft add chain ip lab outgoing '{ type nat hook postrouting priority 100; }'
       nft add rule ip lab outgoing oifname wan masquerade ${kind === 'symmetric' ? 'fully-random' : ''}
       nft add chain ip lab incoming '{ type filter hook input priority 0; }'
       nft add rule ip lab incoming iifname wan ct state new drop
       nft add chain ip lab forwarded '{ type filter hook forward priority 0; }'
       nft add rule ip lab forwarded iifname wan ct state new drop`,
    )}
  `
}

function hostScript(router: string, host: string, link: string, lan: string, nth: number): string {
  return `
    ip netns add ${host}
    ip -n ${router} link add ${link} type veth peer name eth0 netns ${host}
    ip -n ${router} link set ${link} master lan up
    ip -n ${host} link set lo up
    ip -n ${host} addr add ${lan}.${nth}/24 dev eth0
    ip -n ${host} link set eth0 up
    ip -n ${host} route add default via ${lan}.1
  `
}

function homeScript(name: string, nth: number, kind: Nat, network: number): string {
  const [server, router, host] = [`${name}-server`, `${name}-router${nth}`, `${name}-host${nth}`]
  const lan = `10.0.${network}`
  return routerScript(server, router, nth, kind, lan) + hostScript(router, host, 'host', lan, 2)
}

function lanScript(name: string, kind: Nat): string {
  const [server, router] = [`${name}-server`, `${name}-router1`]
  return (
    routerScript(server, router, 1, kind, '10.0.1') +
    [1, 2].map(nth => hostScript(router, `${name}-host${nth}`, `host${nth}`, '10.0.1', nth + 1)).join('')
  )
}
