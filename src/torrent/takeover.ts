/**
 * Switches WebTorrent's own WebSocket trackers off while the manager runs, and on again for every torrent when it does not: otherwise
 * WebTorrent and the manager would find each other. Knows WebTorrent 3's `torrent-discovery` 11 and `bittorrent-tracker` 11.
 */
import { logger } from '../core/log.js'
import type { Client, Torrent } from './webtorrent.js'

const log = logger('manager')

/** Marks tracker options that were switched off here, and holds the previous `wrtc`. */
const TAKEN = Symbol('swarmlink takeover')

type TrackerOptions = object & { wrtc?: unknown; [TAKEN]?: { readonly wrtc: unknown } }

/** One tracker of a torrent in `bittorrent-tracker`. */
interface OneTracker {
  /** Its {@link TrackerClient}. */
  client: unknown
  readonly announceUrl: string
  /** Set while a WebSocket tracker waits to reconnect; bittorrent-tracker 11 does not clear it in `destroy()`, and would dial once more. */
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

/** The `Discovery` of `torrent-discovery`, which finds a torrent's peers. */
interface Discovery {
  readonly tracker: TrackerClient
  _trackerOpts: TrackerOptions
  readonly _announce: string[]
  /** Makes and starts a {@link TrackerClient} from the options, with this discovery as its listener. */
  _createTracker(): TrackerClient
}

export class Takeover {
  readonly #client: Client
  /** The client's own tracker options while they are replaced. */
  #replaced: { readonly own: unknown; readonly off: object } | undefined

  constructor(client: Client) {
    this.#client = client
  }

  /** Torrents that start discovery from now on have no WebSocket trackers. DHT, UDP and HTTP trackers, LSD and PEX stay. */
  begin(): void {
    const { tracker } = this.#client
    if (this.#replaced !== undefined || typeof tracker !== 'object' || tracker === null) return // active already, or all trackers are off
    const { wrtc } = tracker as TrackerOptions
    if (wrtc === false) return
    // A copy, because the object belongs to the application, which may share it between clients.
    const off = { ...tracker, wrtc: false, [TAKEN]: { wrtc } }
    this.#client.tracker = off
    this.#replaced = { own: tracker, off }
  }

  /** The same for existing torrents, whose trackers are running. */
  disable(): void {
    this.begin()
    for (const torrent of this.#client.torrents) attempt(torrent, disable)
  }

  /** Gives every torrent its own WebSocket trackers back, also torrents that are added later. */
  end(): void {
    // Unless the application set other tracker options in the meantime.
    if (this.#replaced !== undefined && this.#client.tracker === this.#replaced.off) this.#client.tracker = this.#replaced.own
    this.#replaced = undefined
    for (const torrent of this.#client.torrents) attempt(torrent, restore)
  }
}

/** Changes private fields of WebTorrent, so it catches errors: another version of WebTorrent must not break the manager. */
function attempt(torrent: Torrent, change: (discovery: Discovery) => void): void {
  try {
    const { discovery } = torrent
    // `discovery` exists from the torrent's start until its end; its `tracker` is missing in a client without trackers.
    if ((discovery as Partial<Discovery> | undefined)?.tracker) change(discovery as Discovery) // of WebTorrent 3
  } catch (error) {
    log('%s: cannot change its trackers: %o', torrent.infoHash, error)
  }
}

/** Stops the WebSocket trackers with a `stopped` announcement; leaves all others alone. */
function disable(discovery: Discovery): void {
  const { tracker, _trackerOpts: options } = discovery
  const { wrtc } = options
  if (wrtc === false) return // switched off already, here or by the application
  const stopped = { ...tracker._defaultAnnounceOpts(), event: 'stopped' }
  discovery._trackerOpts = { ...options, wrtc: false, [TAKEN]: { wrtc } }
  for (const one of [...tracker._trackers]) {
    if (!hasSocket(one.announceUrl)) continue
    tracker._trackers.splice(tracker._trackers.indexOf(one), 1)
    one.announce(stopped)
    clearTimeout(one.reconnectTimer ?? undefined)
    one.destroy()
  }
}

/** Makes new WebSocket trackers and adds them to the torrent's tracker client; leaves all others alone, without a second announcement. */
function restore(discovery: Discovery): void {
  const { tracker, _trackerOpts: options, _announce } = discovery
  const taken = options[TAKEN]
  if (taken === undefined) return
  delete options[TAKEN]
  options.wrtc = taken.wrtc
  const announce = _announce.filter(hasSocket)
  if (tracker.destroyed || announce.length === 0) return // a destroyed tracker client is remade from these options
  // Inherits everything but the list of trackers, so that the new trackers use this discovery as their listener and its announce options.
  const view = Object.create(discovery, { _announce: { value: announce } }) as Discovery // it inherits all fields of its prototype
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
