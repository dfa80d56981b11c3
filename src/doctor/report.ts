/** Formats findings as text and as JSON. Pure. */
import { printable } from '../core/text.js'
import { TITLES, type CheckResult, type Finding } from './finding.js'

/** A mark, and the ANSI code of its colour. */
const MARKS: Record<CheckResult, [mark: string, colour: number]> = {
  works: ['✔', 32],
  limited: ['!', 33],
  fails: ['✘', 31],
}

/** One line for a finding, with its line end. */
export function lineOf({ check, server, verdict, says, advice }: Finding, { color }: { color: boolean }): string {
  const [mark, colour] = MARKS[verdict]
  const title = server === undefined ? TITLES[check] : `${TITLES[check]} ${server}`
  const text = `${title}: ${says}.${advice === undefined ? '' : ` ${advice}.`}`
  // It may contain a server's text, which must not control the terminal.
  return `${color ? `\u001B[${colour}m${mark}\u001B[0m` : mark} ${printable(text)}\n`
}

export function summaryOf(findings: readonly Finding[]): string {
  const failed = findings.filter(({ verdict }) => verdict === 'fails').length
  const limited = findings.filter(({ verdict }) => verdict === 'limited').length
  if (failed > 0) return `\n${failed} of ${findings.length} checks failed.\n`
  return limited > 0 ? '\nEverything that was asked for works, with warnings: see the lines with a !\n' : '\nEverything works.\n'
}

/** The report for programs. */
export function jsonOf(findings: readonly Finding[]): string {
  return `${JSON.stringify({ works: works(findings), findings }, undefined, 2)}\n`
}

export function works(findings: readonly Finding[]): boolean {
  return findings.every(({ verdict }) => verdict !== 'fails')
}
