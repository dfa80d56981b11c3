/** Findings as lines of text. Pure. */
import { printable } from '../core/text.js'
import type { CheckName, Finding, Verdict } from './finding.js'

const TITLES: Record<CheckName, string> = {
  node: 'Node',
  webrtc: 'WebRTC',
  connection: 'Connection',
  data: 'Data',
  identity: 'Identity',
  webtorrent: 'WebTorrent',
  tracker: 'Tracker',
  stun: 'STUN',
  nat: 'NAT',
  turn: 'TURN',
}

/** A mark, and the number by which terminals know its colour. */
const MARKS: Record<Verdict, [mark: string, colour: number]> = {
  works: ['✔', 32],
  limited: ['!', 33],
  fails: ['✘', 31],
}

/** One finding, one line, with its end. */
export function lineOf({ check, server, verdict, says, advice }: Finding, { color }: { color: boolean }): string {
  const [mark, colour] = MARKS[verdict]
  const title = server === undefined ? TITLES[check] : `${TITLES[check]} ${server}`
  const text = `${title}: ${says}.${advice === undefined ? '' : ` ${advice}.`}`
  // A server's words may be in it, which must not steer a terminal.
  return `${color ? `\u001B[${colour}m${mark}\u001B[0m` : mark} ${printable(text)}\n`
}

export function summaryOf(findings: readonly Finding[]): string {
  const failed = findings.filter(({ verdict }) => verdict === 'fails').length
  const limited = findings.filter(({ verdict }) => verdict === 'limited').length
  if (failed > 0) return `\n${failed} of ${findings.length} checks failed.\n`
  return limited > 0 ? '\nWhat was asked for works; see the lines with a !\n' : '\nEverything works.\n'
}

/** The same for programs. */
export function jsonOf(findings: readonly Finding[]): string {
  return `${JSON.stringify({ works: works(findings), findings }, undefined, 2)}\n`
}

export function works(findings: readonly Finding[]): boolean {
  return findings.every(({ verdict }) => verdict !== 'fails')
}
