// @ts-check
/** `npm run demo:seed -- FILE`: offers a file, prints the command that fetches it, and chats with its peers. */
import { basename, resolve } from 'node:path'
import { checkFile, PEER_OPTIONS, readArguments } from './support/arguments.js'
import { reportOn, startChat } from './support/chat.js'
import { megabytes, statsTable } from './support/format.js'
import { runProgram } from './support/program.js'
import { Terminal } from './support/terminal.js'
import { startTracker } from './support/tracker.js'

const COMMAND = {
  usage: 'npm run demo:seed -- FILE [options]',
  about: `Offers FILE until Ctrl-C. Without --tracker it starts a tracker of its own on this machine.
What you type goes to all connected peers.`,
  argument: 'FILE',
  options: PEER_OPTIONS,
}

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { tracker: given, ...options } = line.values
  const path = resolve(line.argument)
  const size = await checkFile(path)

  // Loading WebTorrent takes half a second, so a wrong command line is reported before.
  const { Peer } = await import('./support/peer.js')
  const terminal = new Terminal()
  const tracker = given === undefined ? await startTracker() : undefined
  const trackers = given ?? [tracker?.url]
  /** @type {import('./support/peer.js').Peer | undefined} */
  let peer
  try {
    peer = await Peer.open({ ...options, trackers }, reportOn(terminal), signal)
    const torrent = await peer.seed(path, trackers, signal)
    terminal.line(`Seeding ${basename(path)}, ${megabytes(size)}, as peer ${peer.peerId}`)
    terminal.line(`Announced at ${trackers.join(', ')}${tracker === undefined ? '' : ' (local, for this machine only)'}`)
    terminal.line(`\nIn another terminal:\n\n  npm run demo:leech -- "${torrent.magnetURI}"\n`)
    terminal.line('Type to chat; Ctrl-C ends.')
    startChat(terminal, peer)
    await peer.untilStopped(signal)
  } finally {
    terminal.close()
    if (peer !== undefined && signal.aborted) console.log(`\n${statsTable({ seeder: peer.stats() })}`)
    await peer?.close()
    await tracker?.close()
  }
})
