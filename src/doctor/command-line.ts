/** Parses the command line. Pure. */
import { parseArgs } from 'node:util'
import { invalid, MAX_PORT, shown } from '../core/arguments.js'
import { misuse, reasonOf } from '../core/errors.js'
import { PUBLIC_ICE_SERVERS } from '../engine/ice-servers.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import type { CheckName } from './finding.js'
import type { Servers } from './doctor.js'

const DEFAULT_TIMEOUT = 5_000
/** Milliseconds: 10 minutes. */
const MAX_TIMEOUT = 600_000
const STUN_PORT = 3478

export const HELP = `Usage: swarmlink doctor [options]

Checks what works from here: Node, WebRTC, a connection and data through it, identity, WebTorrent,
trackers, STUN and TURN servers.

  --tracker URL      check this ws: or wss: tracker instead of the public ones; may be repeated
  --no-trackers      check no tracker
  --stun SERVER      check this STUN server, stun:host:port, instead of the public ones; two show the kind of NAT
  --no-stun          check no STUN server: in a LAN, or without internet
  --turn SERVER      check this TURN server, turn:host:port; may be repeated
  --username NAME    of the TURN servers
  --credential WORD  of the TURN servers
  --timeout MS       timeout of each check in milliseconds (${DEFAULT_TIMEOUT})
  --json             print the findings as JSON
  --help             print this help
  --version          print the version

Exits with 0 if everything that was asked for works (of the public servers, one of each kind), with 1 if anything fails,
with 2 if the command line is invalid.
`

export type Command =
  | { name: 'help' }
  | { name: 'version' }
  | { name: 'unknown'; given: string }
  | { name: 'doctor'; servers: Servers; timeout: number; json: boolean }

/** Throws `ERR_INVALID_ARGUMENT` for an invalid command line. */
export function readCommand(args: string[], publicTrackers: readonly string[]): Command {
  const { values, positionals } = parse(args)
  const [command, ...more] = positionals
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  if (command === undefined) {
    if (args.length === 0) return { name: 'help' }
    throw misuse('the command is missing: say swarmlink doctor')
  }
  if (command !== 'doctor') return { name: 'unknown', given: command }
  if (more[0] !== undefined) throw misuse(`one argument too many: ${shown(more[0])}`)

  const { turn = [], username, credential, timeout = String(DEFAULT_TIMEOUT), json = false } = values
  const tracker = listOf(values.tracker, '--tracker', values['no-trackers'], '--no-trackers')
  const stun = listOf(values.stun, '--stun', values['no-stun'], '--no-stun')
  if (
    turn.length > 0 !== (username !== undefined && credential !== undefined) ||
    (username === undefined) !== (credential === undefined)
  )
    throw misuse('--turn, --username and --credential belong together: give all three of them')
  const anyOf = new Set<CheckName>()
  if (tracker === undefined) anyOf.add('tracker')
  if (stun === undefined) anyOf.add('stun')
  return {
    name: 'doctor',
    servers: {
      trackers: distinct((tracker ?? publicTrackers).map(validateTrackerUrl)),
      stun: distinct(stun ?? PUBLIC_ICE_SERVERS.flatMap(({ urls }) => urls)).map(readStun),
      turn: distinct(turn).map(url => ({ url: checkTurn(url), username: username ?? '', credential: credential ?? '' })),
      anyOf,
    },
    timeout: readTimeout(timeout),
    json,
  }
}

/** The named servers, or an empty list with `--no-…`; undefined means the public servers. */
function listOf(given: string[] | undefined, name: string, none: boolean | undefined, noName: string): string[] | undefined {
  if (none !== true) return given
  if (given !== undefined) throw misuse(`${name} and ${noName} contradict each other: leave one of them out`)
  return []
}

function parse(args: string[]) {
  const text = { type: 'string' } as const
  const list = { type: 'string', multiple: true } as const
  const flag = { type: 'boolean' } as const
  const options = {
    tracker: list,
    'no-trackers': flag,
    stun: list,
    'no-stun': flag,
    turn: list,
    username: text,
    credential: text,
    timeout: text,
    json: flag,
    help: { ...flag, short: 'h' },
    version: flag,
  } as const
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (cause) {
    // The second sentence of Node's message is about file names that begin with a dash.
    throw misuse(reasonOf(cause).split('. ', 1)[0] ?? '')
  }
}

function checkTurn(url: string): string {
  if (!/^turns?:[^\s@]+$/i.test(url)) throw invalid('--turn', 'turn:host:port or turns:host:port', url)
  return url
}

function readTimeout(text: string): number {
  const ms = Number(text)
  if (!/^\d+$/.test(text) || ms < 1 || ms > MAX_TIMEOUT)
    throw invalid('--timeout', `a number of milliseconds from 1 to ${MAX_TIMEOUT}`, text)
  return ms
}

function readStun(url: string): Servers['stun'][number] {
  const [, name = '', digits = String(STUN_PORT)] = /^stun:(\[[0-9a-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i.exec(url) ?? []
  const port = Number(digits)
  if (name === '' || port < 1 || port > MAX_PORT) throw invalid('--stun', 'stun:host or stun:host:port', url)
  return { url, host: name.replace(/^\[|\]$/g, ''), port }
}

function distinct(texts: string[]): string[] {
  return [...new Set(texts)]
}
