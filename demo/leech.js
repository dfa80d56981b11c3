// @ts-check
/** `npm run demo:leech -- MAGNET`: fetches a file from its seeders, and chats with them. */
import { mkdir, mkdtemp, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PEER_OPTIONS, readArguments } from './support/arguments.js'
import { reportOn, startChat } from './support/chat.js'
import { duration, megabytes, statsTable } from './support/format.js'
import { readMagnet } from './support/magnet.js'
import { Failure, messageOf, runProgram } from './support/program.js'
import { Terminal } from './support/terminal.js'

const COMMAND = {
  usage: 'npm run demo:leech -- "MAGNET" [options]',
  about: `Fetches the torrent of MAGNET, which must be quoted, and ends when it is complete.
What you type goes to all connected peers.`,
  argument: 'MAGNET',
  options: {
    ...PEER_OPTIONS,
    out: { value: 'DIR', help: 'put the file there (a new folder among the temporary ones)' },
    stay: { help: 'keep seeding and chatting when the file is complete, until Ctrl-C' },
  },
}

const DRAW_INTERVAL = 100

await runProgram(async signal => {
  const line = readArguments(COMMAND)
  if (line === undefined) return
  const { tracker: trackers = [], out, stay = false, ...options } = line.values
  const magnet = readMagnet(line.argument, trackers)
  const folder = await openFolder(out)

  // Loading WebTorrent takes half a second, so a wrong command line is reported before.
  const { Peer } = await import('./support/peer.js')
  const terminal = new Terminal()
  let startedAt = performance.now()
  let wires = 0
  const report = {
    ...reportOn(terminal),
    wired: () => {
      if (wires++ === 0) terminal.line(`First wire after ${duration(performance.now() - startedAt)}`)
    },
  }
  /** @type {import('./support/peer.js').Peer | undefined} */
  let peer
  try {
    peer = await Peer.open({ ...options, trackers }, report, signal)
    startChat(terminal, peer)
    startedAt = performance.now()
    const torrent = await peer.leech(magnet, folder, signal)
    terminal.line(`Looking for peers as ${peer.peerId}; Ctrl-C ends.`)
    await peer.until(signal, torrent, 'metadata')
    await download(peer, torrent, terminal, signal)
    terminal.line(`${megabytes(torrent.length)} in ${duration(performance.now() - startedAt)}: ${join(folder, torrent.name)}`)
    if (stay) {
      terminal.line('Seeding now. Type to chat; Ctrl-C ends.')
      await peer.untilStopped(signal)
    }
    console.log(`\n${statsTable({ leecher: peer.stats() })}`)
  } finally {
    terminal.close()
    await peer?.close()
    if (out === undefined) await rmdir(folder).catch(() => {}) // kept when it is not empty
  }
})

/**
 * @param {import('./support/peer.js').Peer} peer
 * @param {any} torrent
 * @param {Terminal} terminal
 * @param {AbortSignal} signal
 */
async function download(peer, torrent, terminal, signal) {
  const bar = terminal.bar(torrent.name, torrent.length)
  const draw = () => bar.update(torrent.downloaded, torrent.downloadSpeed)
  const timer = setInterval(draw, DRAW_INTERVAL)
  try {
    await peer.until(signal, torrent, 'done')
    draw()
  } finally {
    clearInterval(timer)
    terminal.endBars()
  }
}

/** @param {string | undefined} out */
async function openFolder(out) {
  if (out === undefined) return mkdtemp(join(tmpdir(), 'swarmlink-'))
  const folder = resolve(out)
  await mkdir(folder, { recursive: true }).catch(error => {
    throw new Failure(`--out ${folder} cannot be used: ${messageOf(error)}`)
  })
  return folder
}
