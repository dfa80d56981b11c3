// @ts-check
/** A page with ends of calls, by name. A scenario drives it through `globalThis.bench`. Clocks are `Date.now()`, which all pages share. */
import { makeSource } from './call-sources.js'
import { Tiles } from './call-tiles.js'

/** @typedef {import('./call-sources.js').Kind} Kind */
/** @typedef {import('./call-sources.js').Source} Source */
/** @typedef {import('../types.js').CallSide} CallSide */
/** @typedef {{ side: CallSide, tiles: Tiles, heard: number[], heardAt: number, left: number[] }} End */
/** @typedef {{ end?: string }} Named */

/** Imports by a name that no bundler follows. @param {string} url @returns {Promise<any>} */
const load = url => import(url)

/** @type {Map<string, End>} */
const ends = new Map()
/** @type {Map<Kind, Source>} */
const sources = new Map()

/** All connections that the page has opened. @type {WeakRef<RTCPeerConnection>[]} */
const opened = []
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  /** @param {RTCConfiguration} [configuration] */
  constructor(configuration) {
    super(configuration)
    opened.push(new WeakRef(this))
  }
}

addEventListener('pagehide', () => sessionStorage.setItem('left', String(Date.now())))

/** @param {Named} options @returns {End} */
function endOf({ end = 'it' }) {
  const found = ends.get(end)
  if (found === undefined) throw new Error(`there is no end ${end}`)
  return found
}

/** The source of this kind, which runs until the page is closed. @param {Kind} kind */
async function sourceOf(kind) {
  const source = sources.get(kind) ?? (await makeSource(kind))
  sources.set(kind, source)
  return source
}

const bench = {
  /** Makes an end, which is not started. @param {Named & { system: string, role: string, room: string, source?: Kind, isRead?: boolean, options?: object }} options */
  async prepare({ end = 'it', system, role, room, source = 'barcode', isRead = false, options = {} }) {
    const { createSender, createReceiver } = await load(`/call-${system}.js`)
    const tiles = new Tiles({ isRead })
    /** @type {Omit<End, 'side'>} */
    const entry = { tiles, heard: [], heardAt: 0, left: [] }
    const { left } = entry
    const gone = (/** @type {string} */ id) =>
      (left.push(Date.now()), tiles.remove(id))
    const common = { room, gone, ...options }
    const side =
      role === 'sender'
        ? await createSender({ ...common, stream: (await sourceOf(source)).stream })
        : await createReceiver({
            ...common,
            streamed: (/** @type {string} */ id, /** @type {MediaStream} */ stream) => tiles.show(id, stream),
            heard(/** @type {string} */ text) {
              entry.heard.push(Number.parseInt(text, 10))
              entry.heardAt = Date.now()
            },
          })
    ends.set(end, Object.assign(entry, { side }))
  },

  /** Returns when it was started. @param {Named} options */
  start(options) {
    const at = Date.now()
    endOf(options).side.start()
    return at
  },

  /** Returns when so many pictures were shown. @param {Named & { count?: number }} options */
  async frames({ count = 1, ...options }) {
    const { tiles } = endOf(options)
    await tiles.frames(count)
    return tiles.times[count - 1]
  },

  /** How old each picture was. @param {Named} options */
  delays: options => endOf(options).tiles.log.delays,

  /** Pictures that were shown until now. @param {Named} options */
  shown: options => endOf(options).tiles.times.length,

  /** When each picture was shown. @param {Named} options */
  times: options => endOf(options).tiles.times,

  /** @param {Named} options */
  tiles: options => endOf(options).tiles.count,

  /** When another end was gone. @param {Named} options */
  left: options => endOf(options).left,
  /** When the page was last left. */
  leftPage: () => Number(sessionStorage.getItem('left')),

  /** Switches to another source. Returns when that began. @param {Named & { source: Kind }} options */
  async setStream({ source, ...options }) {
    const { stream } = await sourceOf(source)
    const at = Date.now()
    await endOf(options).side.setStream?.(stream)
    return at
  },

  /** @param {Named & { on: boolean }} options */
  enable: ({ on, ...options }) => endOf(options).side.enable?.(on),
  /** @param {Named & { demand: 'off' | 'low' | 'high' }} options */
  want: ({ demand, ...options }) => endOf(options).side.want?.(demand),
  /** @param {Named} options */
  monitor: options => endOf(options).side.monitor?.(),

  /** Signalling of this page until now, over the bus and the control channels. Only for swarmlink. */
  async signals() {
    return (await load('/call-swarmlink.js')).signals()
  },

  /** Characters of the local descriptions. @param {Named} options */
  descriptions: options =>
    endOf(options)
      .side.peers()
      .map(({ localDescription }) => localDescription?.sdp.length ?? 0),
  /** Connections of the page that are not closed. */
  connections: () => opened.filter(peer => ![undefined, 'closed'].includes(peer.deref()?.connectionState)).length,

  /** Frames and bytes that all encoders of this kind have produced. @param {Named & { kind?: string }} options */
  async sent({ kind = 'video', ...options }) {
    const total = { frames: 0, bytes: 0, at: performance.now() }
    for (const peer of endOf(options).side.peers())
      for (const entry of (await peer.getStats()).values())
        if (entry.type === 'outbound-rtp' && entry.kind === kind) {
          total.frames += entry.framesEncoded ?? 0
          total.bytes += entry.bytesSent
        }
    return total
  },

  /** Sends numbers. Returns when that began. @param {Named & { count: number }} options */
  async flood({ count, ...options }) {
    const { side } = endOf(options)
    const at = Date.now()
    for (let number = 0; number < count; number++) await side.send?.(`${number} ${'x'.repeat(90)}`)
    return at
  },

  /** What arrived of numbers. @param {Named} options */
  heard(options) {
    const { heard, heardAt } = endOf(options)
    const misplaced = heard.filter((number, at) => at > 0 && number <= (heard[at - 1] ?? 0)).length
    return { count: new Set(heard).size, misplaced, at: heardAt }
  },

  /** @param {Named} options */
  async stop(options) {
    const { side, tiles } = endOf(options)
    await side.stop()
    tiles.clear()
    ends.delete(options.end ?? 'it')
  },
}

Object.assign(globalThis, { bench })
