/**
 * Switches WebTorrent's own WebSocket trackers off while the manager runs, and on again for every torrent when it does not: two
 * clients on one tracker would meet themselves. Knows WebTorrent 3's `torrent-discovery` 11 and `bittorrent-tracker` 11.
 */
import { logger } from '../core/log.js'
import type { Client, Torrent } from './webtorrent.js'

const log = logger('manager')

/** Marks tracker options that are switched off here, and keeps what `wrtc` was before. */
const TAKEN = Symbol('swarmlink takeover')

type TrackerOptions = object & { wrtc?: unknown; [TAKEN]?: { readonly wrtc: unknown } }

/** One tracker of a torrent in `bittorrent-tracker`. */
interface OneTracker {
  /** The {@link TrackerClient} that it belongs to. */
  client: unknown
  readonly announceUrl: string
  /** Of a WebSocket tracker that lost its socket: `destroy()` forgets to clear it, and it would dial once more. */
  readonly reconnectTimer?: ReturnType<typeof setTimeout> | null
  announce(options: object): void
  destroy(): void
}

/** All trackers of one torrent: the `Client` of `bittorrent-tracker`. */
interface TrackerClient {
  readonly destroyed: boolean
  readonly _trackers: OneTracker[]
  _wrtc: unknown
  _defaultAnnounceOpts(): object
}

/** What finds a torrent's peers: the `Discovery` of `torrent-discovery`. */
interface Discovery {
  readonly tracker: TrackerClient
  _trackerOpts: TrackerOptions
  readonly _announce: string[]
  /** Makes a {@link TrackerClient} from the options, wired to this discovery and started. */
  _createTracker(): TrackerClient
}

export class Takeover {
  readonly #client: Client
  /** The client's own tracker options while they are replaced. */
  #replaced: { readonly own: unknown; readonly resting: object } | undefined

  constructor(client: Client) {
    this.#client = client
  }

  /** Torrents that start discovery from now on leave their WebSocket trackers to us. DHT, UDP and HTTP trackers, LSD and PEX stay. */
  begin(): void {
    const { tracker } = this.#client
    if (this.#replaced !== undefined || typeof tracker !== 'object' || tracker === null) return // or all trackers are off already
    const { wrtc } = tracker as TrackerOptions
    if (wrtc === false) return
    // A new object, because the client's own may be shared with other clients, and belongs to the application.
    const resting = { ...tracker, wrtc: false, [TAKEN]: { wrtc } }
    this.#client.tracker = resting
    this.#replaced = { own: tracker, resting }
  }

  /** The same for torrents that are there already. */
  rest(): void {
    this.begin()
    for (const torrent of this.#client.torrents) attempt(torrent, rest)
  }

  /** Every torrent has its own WebSocket trackers again, and new torrents will. */
  end(): void {
    // What the application set in the meantime stays.
    if (this.#replaced !== undefined && this.#client.tracker === this.#replaced.resting) this.#client.tracker = this.#replaced.own
    this.#replaced = undefined
    for (const torrent of this.#client.torrents) attempt(torrent, giveBack)
  }
}

/** What is changed here is no public part of WebTorrent: another version of it must not break the manager. */
function attempt(torrent: Torrent, change: (discovery: Discovery) => void): void {
  try {
    const { discovery } = torrent
    // It is there from the moment that the torrent looks for peers until it is destroyed; a client without trackers has none in it.
    if ((discovery as Partial<Discovery> | undefined)?.tracker) change(discovery as Discovery) // of WebTorrent 3
  } catch (error) {
    log('%s: trackers stay: %o', torrent.infoHash, error)
  }
}

/** The WebSocket trackers say goodbye and go; all others are not touched. */
function rest(discovery: Discovery): void {
  const { tracker, _trackerOpts: options } = discovery
  const { wrtc } = options
  if (wrtc === false) return // by us, or by the application
  const goodbye = { ...tracker._defaultAnnounceOpts(), event: 'stopped' }
  discovery._trackerOpts = { ...options, wrtc: false, [TAKEN]: { wrtc } }
  for (const one of [...tracker._trackers]) {
    if (!hasSocket(one.announceUrl)) continue
    tracker._trackers.splice(tracker._trackers.indexOf(one), 1)
    one.announce(goodbye)
    clearTimeout(one.reconnectTimer ?? undefined)
    one.destroy()
  }
}

/** Makes WebSocket trackers anew and adds them to the torrent's tracker client; all others are not touched, nor asked twice. */
function giveBack(discovery: Discovery): void {
  const { tracker, _trackerOpts: options, _announce } = discovery
  const taken = options[TAKEN]
  if (taken === undefined) return
  delete options[TAKEN]
  options.wrtc = taken.wrtc
  const announce = _announce.filter(hasSocket)
  if (tracker.destroyed || announce.length === 0) return // a destroyed one is made anew from these options
  // The discovery itself in all but the list of trackers: it hears what the new ones say, and is asked what to announce.
  const view = Object.create(discovery, { _announce: { value: announce } }) as Discovery // has all that its prototype has
  const fresh = view._createTracker()
  for (const one of fresh._trackers.splice(0)) {
    one.client = tracker
    tracker._trackers.push(one)
  }
  tracker._wrtc = fresh._wrtc
}

function hasSocket(url: string): boolean {
  return /^wss?:/i.test(url)
}
