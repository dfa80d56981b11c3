/** The command line: what was typed in, what is wanted out. Pure. */
import { parseArgs } from 'node:util'
import { invalid, shown } from '../core/arguments.js'
import { reasonOf, SwarmlinkError } from '../core/errors.js'
import { PUBLIC_ICE_SERVERS } from '../engine/ice-servers.js'
import { validateTrackerUrl } from '../signaling/tracker/tracker.js'
import type { CheckName } from './finding.js'
import type { Servers } from './doctor.js'

const DEFAULT_TIMEOUT = 5_000
/** Nobody watches a check for longer than ten minutes. */
const MAX_TIMEOUT = 600_000
const STUN_PORT = 3478
const MAX_PORT = 65_535

export const HELP = `Usage: swarmlink doctor [options]

Says what works from here: Node, WebRTC, a connection and data through it, identity, WebTorrent,
trackers, STUN and TURN servers.

  --tracker URL      look at this ws: or wss: tracker instead of the public ones; may be given several times
  --no-trackers      look at no tracker
  --stun SERVER      ask this STUN server, stun:host:port, instead of the public ones; two of them know the kind of NAT
  --no-stun          ask no STUN server: in a LAN, or without internet
  --turn SERVER      try this TURN server, turn:host:port; may be given several times
  --username NAME    for the TURN servers
  --credential WORD  for the TURN servers
  --timeout MS       how long each check may take, in milliseconds (${DEFAULT_TIMEOUT})
  --json             print the findings as JSON
  --help             print this
  --version          print the version

Exits with 0 when everything works that was asked for (of the public servers, one of each kind), with 1 when something
does not, with 2 when the command line cannot be meant.
`

export type Command =
  | { name: 'help' }
  | { name: 'version' }
  | { name: 'unknown'; given: string }
  | { name: 'doctor'; servers: Servers; timeout: number; json: boolean }

/** Throws `ERR_INVALID_ARGUMENT` for what cannot be meant. */
export function readCommand(args: string[], publicTrackers: readonly string[]): Command {
  const { values, positionals } = parse(args)
  const [command, ...more] = positionals
  if (values.help === true) return { name: 'help' }
  if (values.version === true) return { name: 'version' }
  if (command === undefined) {
    if (args.length === 0) return { name: 'help' }
    throw wrong('the command is missing: say swarmlink doctor')
  }
  if (command !== 'doctor') return { name: 'unknown', given: command }
  if (more[0] !== undefined) throw wrong(`one argument too many: ${shown(more[0])}`)

  const { turn = [], username, credential, timeout = String(DEFAULT_TIMEOUT), json = false } = values
  const tracker = listOf(values.tracker, '--tracker', values['no-trackers'], '--no-trackers')
  const stun = listOf(values.stun, '--stun', values['no-stun'], '--no-stun')
  if (
    turn.length > 0 !== (username !== undefined && credential !== undefined) ||
    (username === undefined) !== (credential === undefined)
  )
    throw wrong('--turn, --username and --credential belong together: give all three of them')
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

/** What was named, nothing where nothing is wanted; undefined stands for the public ones. */
function listOf(given: string[] | undefined, name: string, none: boolean | undefined, noName: string): string[] | undefined {
  if (none !== true) return given
  if (given !== undefined) throw wrong(`${name} and ${noName} contradict each other: leave one of them out`)
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
    // Its second sentence is about file names that begin with a dash.
    throw wrong(reasonOf(cause).split('. ', 1)[0] ?? '')
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

function wrong(message: string): SwarmlinkError {
  return new SwarmlinkError('ERR_INVALID_ARGUMENT', message)
}
