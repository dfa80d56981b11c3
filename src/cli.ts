#!/usr/bin/env node
/** The command `swarmlink`. Only this file uses the process and its terminal. */
import { readFileSync } from 'node:fs'
import { shown } from './core/arguments.js'
import { systemEnv } from './core/env.js'
import { SwarmlinkError } from './core/errors.js'
import { HELP, readCommand, type Command } from './doctor/command-line.js'
import { examine } from './doctor/doctor.js'
import { loadEngines } from './doctor/engines.js'
import type { Finding } from './doctor/finding.js'
import { tryImport } from './doctor/import-trial.js'
import { readPlace } from './doctor/place.js'
import { jsonOf, lineOf, summaryOf, works } from './doctor/report.js'
import { PUBLIC_TRACKERS } from './torrent/public-trackers.js'

const FAILED = 1
const MISUSED = 2
/** Milliseconds for output that is on its way; after them the process exits. */
const GRACE = 300

interface Manifest {
  version: string
  engines: { node: string }
  peerDependencies: { webtorrent: string }
  overrides: Record<string, string>
}

// The package.json of this package has these fields.
const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Manifest

async function main(): Promise<number> {
  const command = read()
  switch (command?.name) {
    case undefined:
      return MISUSED
    case 'help':
      process.stdout.write(HELP)
      return 0
    case 'version':
      process.stdout.write(`${manifest.version}\n`)
      return 0
    case 'unknown':
      process.stderr.write(`error: there is no command ${shown(command.given)}\n\n${HELP}`)
      return MISUSED
    case 'doctor':
      return (await doctor(command)) ? 0 : FAILED
  }
}

function read(): Command | undefined {
  try {
    return readCommand(process.argv.slice(2), PUBLIC_TRACKERS)
  } catch (error) {
    if (!(error instanceof SwarmlinkError)) throw error
    process.stderr.write(`error: ${error.message} (swarmlink --help says more)\n`)
    return undefined
  }
}

async function doctor({ servers, timeout, json }: Extract<Command, { name: 'doctor' }>): Promise<boolean> {
  // A DNS lookup cannot be cancelled, and delays the end of the process; glibc's resolver reads its timeout from here.
  process.env['RES_OPTIONS'] ??= `timeout:${Math.ceil(timeout / 2_000)} attempts:2`
  // An empty value counts as unset: https://no-color.org
  const style = { color: process.stdout.isTTY && !process.env['NO_COLOR'] }
  const groups = examine(
    {
      env: systemEnv,
      timeout,
      engines: await loadEngines(),
      node: { version: process.versions.node, needed: manifest.engines.node },
      place: readPlace(process.cwd(), process.versions, manifest.overrides),
      webtorrent: { needed: manifest.peerDependencies.webtorrent, folder: process.cwd(), tryImport },
    },
    servers,
  )
  const findings: Finding[] = []
  for (const group of groups) {
    for (const finding of await group) {
      findings.push(finding)
      if (!json) process.stdout.write(lineOf(finding, style))
    }
  }
  process.stdout.write(json ? jsonOf(findings) : summaryOf(findings))
  return works(findings)
}

// A reader such as `head` closes the pipe early.
process.stdout.on('error', () => process.exit())
// The library's own timers keep no process alive.
const awake = setInterval(() => {}, 2 ** 30)
process.exitCode = await main()
clearInterval(awake)
setTimeout(() => process.exit(), GRACE).unref()
