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
  _trackers: OneTracker[]
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
    if (isDiscovery(discovery)) change(discovery)
  } catch (error) {
    log("the WebSocket trackers of %s stay as they are: WebTorrent's discovery refused the change: %o", torrent.infoHash, error)
  }
}

/** False also for a torrent that has not begun, was destroyed, or has no tracker options. */
function isDiscovery(value: unknown): value is Discovery {
  const { tracker, _trackerOpts, _announce, _createTracker } = (value ?? {}) as Partial<Record<keyof Discovery, unknown>> // any fields may be missing
  const { _trackers } = (tracker ?? {}) as Partial<Record<keyof TrackerClient, unknown>> // the same
  return (
    Array.isArray(_trackers) &&
    typeof _trackerOpts === 'object' &&
    _trackerOpts !== null &&
    Array.isArray(_announce) &&
    typeof _createTracker === 'function'
  )
}

/** The WebSocket trackers say goodbye and go; all others are not touched. */
function rest(discovery: Discovery): void {
  const { tracker, _trackerOpts: options } = discovery
  if (options.wrtc === false) return // by us, or by the application
  const goodbye = { ...tracker._defaultAnnounceOpts(), event: 'stopped' }
  discovery._trackerOpts = { ...options, wrtc: false, [TAKEN]: { wrtc: options.wrtc } }
  if (tracker.destroyed) return // a new one is made from these options
  const resting = tracker._trackers.filter(hasSocket)
  tracker._trackers = tracker._trackers.filter(one => !hasSocket(one))
  for (const one of resting) {
    one.announce(goodbye)
    clearTimeout(one.reconnectTimer ?? undefined)
    one.destroy()
  }
}

/** Makes WebSocket trackers anew and adds them to the torrent's tracker client; all others are not touched, nor asked twice. */
function giveBack(discovery: Discovery): void {
  const { tracker, _trackerOpts: options, _announce: urls } = discovery
  const taken = options[TAKEN]
  if (taken === undefined) return
  const { [TAKEN]: _, ...own } = options
  discovery._trackerOpts = { ...own, wrtc: taken.wrtc }
  const announce = urls.filter(announceUrl => hasSocket({ announceUrl }))
  if (tracker.destroyed || announce.length === 0) return
  // The discovery itself in all but the list of trackers: it hears what the new ones say, and is asked what to announce.
  const view = Object.create(discovery, { _announce: { value: announce } }) as Discovery // has all that its prototype has
  const fresh = view._createTracker()
  for (const one of fresh._trackers) one.client = tracker
  tracker._wrtc = fresh._wrtc
  tracker._trackers = [...tracker._trackers, ...fresh._trackers]
  fresh._trackers = []
}

function hasSocket({ announceUrl }: Pick<OneTracker, 'announceUrl'>): boolean {
  return /^wss?:/i.test(announceUrl)
}
