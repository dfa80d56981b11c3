// @ts-check
/** `npm run demo:outlive`: four clients on this machine, whose only tracker dies as soon as the first two have met. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionManager } from 'swarmlink'
// @ts-ignore -- ships no types
import WebTorrent from 'webtorrent'
import { readArguments } from './support/arguments.js'
import { duration, megabytes, shortId } from './support/format.js'
import { Failure, runProgram, unlessAborted } from './support/program.js'
import { sha256Of, writeRandomFile } from './support/random-file.js'
import { startTracker } from './support/tracker.js'

const COMMAND = {
  usage: 'npm run demo:outlive',
  about: `Two clients meet at a local tracker, which is then killed. Two more join by hand, each invited by one of the first two,
and connected peers introduce each other. Nothing leaves this machine.`,
  options: {},
}

const NAMES = /** @type {const} */ (['alice', 'bob', 'carol', 'dave'])
const LINKS = (NAMES.length * (NAMES.length - 1)) / 2
const FILE_BYTES = 2_000_000
/** All of it takes a second or two. */
const PATIENCE = 20_000
/** Turns off all other ways to find peers. */
const NOTHING_ELSE = { dht: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, utp: false, webSeeds: false }

/** @typedef {import('swarmlink').PeerSource} PeerSource */
/** How two of them met. @type {Record<PeerSource, string>} */
const WAYS = {
  tracker: 'at the tracker',
  signaling: 'by hand',
  exchange: 'introduced by another peer',
  connection: 'over an existing connection',
}

/** The events of the four clients, line by line on the terminal. */
class Story {
  /** Names by peer id. @type {Map<string, string>} */
  names = new Map()
  /** @type {Map<string, PeerSource>} */
  links = new Map()
  greetings = 0
  lastLinkAt = 0
  #began = performance.now()
  #changed = () => {}

  /** Milliseconds since the beginning. */
  get clock() {
    return performance.now() - this.#began
  }

  /** @param {string} text */
  tell(text) {
    console.log(`${duration(this.clock).padStart(8)}  ${text}`)
  }

  /** @param {string} name @param {string} peerId @param {PeerSource} source */
  link(name, peerId, source) {
    const pair = [name, this.names.get(peerId) ?? shortId(peerId)].toSorted().join(' and ')
    if (this.links.has(pair)) return // reported by the other end
    this.links.set(pair, source)
    this.lastLinkAt = this.clock
    this.tell(`${pair} are connected, ${WAYS[source]}`)
    this.#changed()
  }

  greeted() {
    this.greetings++
    this.#changed()
  }

  /** @param {() => boolean} isSo @returns {Promise<void>} */
  until(isSo) {
    return new Promise(resolve => {
      this.#changed = () => isSo() && resolve()
      this.#changed()
    })
  }
}

/** One of the four. */
class Client {
  /** @param {string} name @param {string} tracker @param {string} folder @param {Story} story */
  constructor(name, tracker, folder, story) {
    this.name = name
    this.folder = join(folder, name)
    this.webtorrent = new WebTorrent(NOTHING_ELSE)
    this.manager = new ConnectionManager(this.webtorrent, { trackers: [tracker], rtcConfig: { iceServers: [] } })
    this.ready = new Promise((resolve, reject) => {
      this.manager.once('ready', ({ peerId }) => resolve(story.names.set(peerId, name)))
      this.manager.once('warning', reject)
    })
    this.manager.on('peer', ({ peerId, source }) => story.link(name, peerId, source))
    this.manager.on('connection', connection => {
      connection.on('data', () => story.greeted())
      connection.send(`hello from ${name}`)
    })
  }

  /** Resolves with the torrent as soon as it can find peers. @param {string} magnet @returns {Promise<any>} */
  add(magnet) {
    const torrent = this.webtorrent.add(magnet, { path: this.folder })
    return new Promise(resolve => torrent.once('infoHash', () => resolve(torrent)))
  }

  async close() {
    await this.manager.destroy()
    await new Promise(resolve => this.webtorrent.destroy(resolve))
  }
}

await runProgram(async signal => {
  if (readArguments(COMMAND) === undefined) return
  const folder = await mkdtemp(join(tmpdir(), 'swarmlink-demo-'))
  const { url, close } = await startTracker()
  /** @type {Promise<void> | undefined} */
  let dead
  const killTracker = () => (dead ??= close())
  const story = new Story()
  const clients = NAMES.map(name => new Client(name, url, folder, story))
  try {
    const late = sleep(PATIENCE, undefined, { ref: false }).then(() => {
      throw new Failure(`after ${PATIENCE / 1_000} s there are ${story.links.size} of ${LINKS} connections`)
    })
    await unlessAborted(signal, Promise.race([show({ clients, killTracker, folder, story }), late]))
  } finally {
    await Promise.all(clients.map(client => client.close()))
    await killTracker()
    await rm(folder, { recursive: true })
  }
})

/** @param {{ clients: Client[], killTracker: () => Promise<void>, folder: string, story: Story }} stage */
async function show({ clients, killTracker, folder, story }) {
  const [alice, bob, carol, dave] = /** @type {[Client, Client, Client, Client]} */ (clients) // as many as there are names
  await Promise.all(clients.map(client => client.ready))
  const path = join(folder, 'random.bin')
  const hash = await writeRandomFile(path, FILE_BYTES)
  const { magnetURI } = await new Promise(resolve => alice.webtorrent.seed(path, { announce: [] }, resolve))
  story.tell(`alice offers ${megabytes(FILE_BYTES)}; bob has the magnet link, and both ask the tracker`)
  const torrents = [await bob.add(magnetURI)]
  await story.until(() => story.links.size === 1)

  await killTracker()
  const killedAt = story.clock
  story.tell('the tracker is dead, and does not come back')
  torrents.push(...(await Promise.all([carol, dave].map(client => client.add(magnetURI)))))
  await Promise.all([invite(alice, carol, story), invite(bob, dave, story)])
  await story.until(() => story.links.size === LINKS && story.greetings === 2 * LINKS)
  await Promise.all(torrents.map(torrent => torrent.done || new Promise(resolve => torrent.once('done', resolve))))

  const copies = await Promise.all([bob, carol, dave].map(client => sha256Of(join(client.folder, basename(path)))))
  if (copies.some(copy => copy !== hash)) throw new Failure('a file that arrived is not the one that was sent')
  const ways = [...story.links.values()]
  const counts = [...new Set(ways)].map(way => `${ways.filter(other => other === way).length} ${WAYS[way]}`)
  console.log(`
Connected  ${ways.length} of ${LINKS}: ${counts.join(', ')}
Complete   ${duration(story.lastLinkAt - killedAt)} after the tracker's death
Messages   ${story.greetings} greetings, two on each connection
SHA-256    the same for all four: ${shortId(hash)}…`)
}

/**
 * The signals are plain JSON. Here an assignment carries them, elsewhere a chat, a mail or a QR code.
 *
 * @param {Client} member
 * @param {Client} newcomer
 * @param {Story} story
 */
async function invite({ name, manager, webtorrent }, newcomer, story) {
  const invitation = JSON.stringify(await manager.invite(webtorrent.torrents[0].infoHash))
  const answer = JSON.stringify(await newcomer.manager.connect(invitation))
  story.tell(`${name} invited ${newcomer.name}: ${invitation.length} characters out, ${answer.length} back`)
  await manager.connect(answer)
}
