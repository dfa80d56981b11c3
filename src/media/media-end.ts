/** What Sender and Receiver have in common: a room that is entered and left, connections by id, statistics. */
import { systemEnv, type Env } from '../core/env.js'
import { Counter } from '../core/counter.js'
import { asError, SwarmlinkError } from '../core/errors.js'
import { logger } from '../core/log.js'
import { readRtcConfig } from '../engine/ice-servers.js'
import type { Identity } from '../identity/identity.js'
import { checkMessage, type MessageData } from './application-data.js'
import type * as lazyCall from './lazy-call.js'
import type { MediaConnection, MediaConnectionDeps, MediaConnectionEvents } from './connection/media-connection.js'
import type { CallEventMap } from './call-event-map.js'
import { MediaEvents } from './media-events.js'
import { checkName, checkOptions, MAX_ROOM, type MediaOptions } from './media-options.js'
import type { MediaStats } from './tracks/media-stats.js'
import { PageWatch } from './page-watch.js'
import type { QualityMonitor } from './tracks/quality-monitor.js'
import type { Arrival, BusDropReason, EndRole, RoomBus } from './bus/room-bus.js'
import type { RtcPlatform } from './rtc-platform.js'
import type { StatsReader } from './tracks/stats-reader.js'

const log = logger('media')

const DEFAULT_ROOM = 'default'
/** In milliseconds. When an end is full, a connection that never worked makes room after this time. */
const HALF_OPEN = 5_000

/** Why an end ignored something. */
export type MediaDropReason = BusDropReason | 'refused' | 'full' | 'self' | 'replayed'

/** From `start` to `stop`. */
interface Session {
  readonly room: string
  readonly abort: AbortController
  bus?: RoomBus
  platform?: RtcPlatform
}

export abstract class MediaEnd<
  Events extends CallEventMap,
  Connection extends MediaConnection,
  Options extends MediaOptions,
> extends MediaEvents<Events> {
  protected readonly options: Options
  protected readonly env: Env
  protected readonly connections = new Map<string, Connection>()
  protected readonly dropped = new Counter<MediaDropReason>()
  protected session: Session | undefined
  readonly #role: EndRole
  readonly #rtcConfig: RTCConfiguration
  #identity: Promise<Identity> | undefined
  #stats: StatsReader | undefined
  #quality: QualityMonitor | undefined
  readonly #page: PageWatch
  /** The room that was left last is left completely. */
  #left: Promise<void> = Promise.resolve()
  /** Undefined until the first room is entered. */
  protected call: typeof lazyCall | undefined

  constructor(role: EndRole, options: Options, names: readonly string[]) {
    super()
    checkOptions(options, names)
    this.#role = role
    this.options = options
    this.env = options.env ?? systemEnv
    this.#rtcConfig = readRtcConfig(options)
    this.#prepare().catch(() => {}) // entering a room does it again
    let left: string | undefined
    this.#page = new PageWatch({
      left: () => {
        left = this.session?.room
        this.#leave()
      },
      back: () => this.enter(left),
      online: () => this.networkChanged(),
    })
  }

  /** The id of this end in its room; undefined while it is stopped. */
  get id(): string | undefined {
    return this.session?.bus?.id
  }

  /** Messages and connections that were ignored, by reason. */
  get dropReasons(): Partial<Record<MediaDropReason, number>> {
    return { ...this.session?.bus?.dropped.counts(), ...this.dropped.counts() }
  }

  /**
   * Sends a message to every connected end, or to one. False: at least one end did not take it yet. While a channel opens, the newest
   * `queueSize` messages are kept; when a buffer is full, wait for `drain`.
   */
  send(data: MessageData, id?: string): boolean {
    checkMessage(data)
    if (id === undefined) return this.sendTo([...this.connections.values()], data)
    const target = this.connections.get(id)
    return target !== undefined && this.sendTo([target], data)
  }

  /**
   * The figures of one connection, or of all. Rates are those since the call before.
   *
   * @example
   * const [stats] = await receiver.getStats()
   * console.log(stats?.path, stats?.roundTrip, stats?.tracks.map(({ kind, bitrate }) => `${kind} ${bitrate}`))
   */
  async getStats(id?: string): Promise<MediaStats[]> {
    const chosen = [...this.connections.values()].filter(connection => id === undefined || connection.id === id)
    const all = await Promise.all(chosen.map(async connection => await this.#stats?.read(connection)))
    return all.filter(stats => stats !== undefined)
  }

  /** Leaves the room: the other ends are told and close the connections, which end within half a second. Resolves when the bus was left. */
  stop(): Promise<void> {
    this.#page.stop()
    this.#leave()
    return this.#left
  }

  #leave(): void {
    if (this.session !== undefined) this.#left = this.#end(this.session)
  }

  async #end(session: Session): Promise<void> {
    this.session = undefined
    this.#quality?.run(false)
    session.abort.abort()
    for (const connection of [...this.connections.values()]) connection.end('stopped')
    this.connections.clear()
    this.stopped()
    await session.bus?.flush()
    session.bus?.close()
  }

  /** Enters a room. What fails later is reported by `error`. */
  protected enter(room = DEFAULT_ROOM): void {
    checkName('room', room, MAX_ROOM)
    if (this.session !== undefined)
      throw new SwarmlinkError(
        'ERR_INVALID_ARGUMENT',
        `it is started already, in room ${JSON.stringify(this.session.room)}: call stop() before start()`,
      )
    const session: Session = { room, abort: new AbortController() }
    this.session = session
    this.#page.start()
    void this.#open(session)
  }

  /** What a connection needs. */
  protected connectionDeps<ConnectionEvents extends MediaConnectionEvents>(
    id: string,
    { isSwarmlink, peerId }: { isSwarmlink: boolean; peerId: string | undefined },
    events: ConnectionEvents,
  ): (MediaConnectionDeps & { events: ConnectionEvents; call: typeof lazyCall }) | undefined {
    const { call, session: { bus, platform } = {} } = this
    if (bus === undefined || platform === undefined || call === undefined) return undefined
    const { connectionTimeout = 30, queueSize = 10 } = this.options
    return {
      call,
      env: this.env,
      platform,
      rtcConfig: this.#rtcConfig,
      bus,
      id,
      isSwarmlink,
      peerId,
      timeout: 1_000 * connectionTimeout,
      queueSize,
      events,
    }
  }

  /** The events of one connection, as those of this end. */
  protected eventsOf(id: string, connection: () => Connection | undefined): MediaConnectionEvents {
    const state = () => this.stateOf(connection())
    let last: RTCPeerConnection | undefined
    const peer = () => (last = connection()?.peer ?? last)
    return {
      up: isFirst => {
        const current = peer()
        if (current === undefined) return
        if (isFirst) this.fire('connect', { id, peer: current, peerId: connection()?.peerId, ...state() })
        else this.fire('reconnected', { id, peer: current })
      },
      down: () => {
        const current = peer()
        if (current !== undefined) this.fire('reconnecting', { id, peer: current })
      },
      ended: (reason, error) => {
        const ended = connection()
        const detail = { id, peer: peer(), reason, ...(error && { error }), ...state() }
        if (ended !== undefined && this.connections.get(id) === ended) this.connections.delete(id)
        this.#quality?.forget(id)
        this.fire('dispose', detail)
      },
      message: message => this.fire('message', { id, message, ...state() }),
      channel: () => {},
      drain: () => this.fire('drain', { id }),
      error: error => this.report(error, id),
    }
  }

  protected get codecs(): { audio: readonly string[]; video: readonly string[] } {
    const { audioCodecs = [], videoCodecs = [] } = this.options
    return { audio: audioCodecs, video: videoCodecs }
  }

  protected report(error: SwarmlinkError, id = this.id ?? ''): void {
    log('%s', error.message)
    this.fire('error', { id, error })
  }

  protected drop(reason: MediaDropReason, id: string): void {
    this.dropped.add(reason)
    log('ignored %s: %s', id, reason)
  }

  /** Whether the other end belongs to this participant. */
  protected isSelf(participant: string | undefined): boolean {
    return participant !== undefined && participant === this.options.participant
  }

  /** False if there are `most` connections and none of them is old enough to be given up. */
  protected hasRoom(most: number): boolean {
    if (this.connections.size < most) return true
    const now = this.env.now()
    const halfOpen = [...this.connections.values()].find(({ wasUp, startedAt }) => !wasUp && now - startedAt > HALF_OPEN)
    halfOpen?.end('timeout')
    return halfOpen !== undefined
  }

  /** The bus is open, for the first time or again. */
  protected abstract opened(bus: RoomBus): void
  protected abstract arrived(arrival: Arrival): void
  /** The room was left. */
  protected abstract stopped(): void
  /** The network of this machine changed. */
  protected abstract networkChanged(): void
  /** What the events of a connection add. */
  protected abstract stateOf(connection: Connection | undefined): object
  protected abstract sendTo(targets: Connection[], data: MessageData): boolean

  protected override listenersChanged(name: string): void {
    if (name === 'quality') this.#quality?.run(this.session !== undefined && this.isHeard('quality'))
  }

  async #load(): Promise<typeof lazyCall> {
    this.call ??= await import('./lazy-call.js')
    return this.call
  }

  /** Loads the code and makes a key, so that a start waits for neither. Credentials of the application are read when a room is entered. */
  async #prepare(): Promise<void> {
    const { resolveCredentials } = await this.#load()
    if (this.options.identity !== undefined || this.#identity !== undefined) return
    const identity = resolveCredentials(undefined, this.env)
    this.#identity = identity
    identity.catch(() => {
      if (this.#identity === identity) this.#identity = undefined
    })
  }

  async #open(session: Session): Promise<void> {
    const { env, options } = this
    try {
      const call = await this.#load()
      this.#identity ??= call.resolveCredentials(options.identity, env)
      const [identity, platform] = await Promise.all([this.#identity, call.findRtc(options.wrtc)])
      if (session.abort.signal.aborted) return
      session.platform = platform
      this.#stats ??= new call.StatsReader()
      this.#quality ??= new call.QualityMonitor(this.env, {
        connections: () => this.connections.values(),
        changed: detail => this.fire('quality', detail),
      })
      this.#quality.run(this.isHeard('quality'))
      const bus: RoomBus = new call.RoomBus({
        driver: options.driver,
        env,
        role: this.#role,
        room: session.room,
        id: call.newAnnounceId(identity, env),
        identity,
        // The bus of a room that was left delivers what it had begun to check.
        arrived: arrival => void (this.session === session && this.arrived(arrival)),
        opened: () => void (this.session === session && this.opened(bus)),
        warn: error => this.report(error),
      })
      session.bus = bus
      bus.open()
    } catch (error) {
      this.#identity = undefined
      if (session.abort.signal.aborted) return
      this.session = undefined
      this.#page.stop()
      this.#quality?.run(false)
      this.report(asError(error, 'ERR_ENGINE', 'it cannot start'))
    }
  }
}
