// @ts-check
/** One tile for each participant: the picture, the name, how well the connection works, and what is muted. */
import { play } from 'swarmlink/media'

/** @typedef {{ element: HTMLElement, video: HTMLVideoElement, name: HTMLElement, note: HTMLElement, dot: HTMLElement, muted: Set<string>, waits: boolean }} Tile */

/** @type {Record<string, string>} */
const QUALITIES = { good: 'good connection', fair: 'fair connection', poor: 'poor connection', lost: 'no connection' }

export class Tiles {
  #list
  #soundBlocked
  /** @type {Map<string, Tile>} */
  #tiles = new Map()

  /** @param {HTMLElement} list @param {{ soundBlocked: (playing: Promise<boolean>) => unknown }} options */
  constructor(list, { soundBlocked }) {
    this.#list = list
    this.#soundBlocked = soundBlocked
  }

  /** The number of other participants. */
  get size() {
    return this.#tiles.size - (this.#tiles.has('own') ? 1 : 0)
  }

  /** The own picture is a mirror, but for a screen. @param {MediaStream} stream @param {string} name @param {boolean} isScreen */
  showOwn(stream, name, isScreen) {
    const tile = this.#tileOf('own')
    tile.element.classList.toggle('mirror', !isScreen)
    tile.video.muted = true
    tile.name.textContent = `${name} (you)`
    void play(tile.video, stream)
  }

  /** @param {string} id @param {string} name */
  add(id, name) {
    this.#tileOf(id).name.textContent = name
  }

  /** @param {string} id @param {MediaStream} stream @param {string} name */
  async show(id, stream, name) {
    const tile = this.#tileOf(id)
    tile.name.textContent = name
    tile.video.setAttribute('aria-label', `Video of ${name}`)
    const { isBlocked, playing } = await play(tile.video, stream)
    if (isBlocked) this.#soundBlocked(playing)
  }

  /** @param {string} id @param {string} name */
  rename(id, name) {
    const tile = this.#tiles.get(id)
    if (tile !== undefined) tile.name.textContent = name
  }

  /** @param {string} id @param {string} kind @param {boolean} isMuted */
  mute(id, kind, isMuted) {
    const tile = this.#tileOf(id)
    if (isMuted) tile.muted.add(kind)
    else tile.muted.delete(kind)
    this.#describe(tile)
  }

  /** @param {string} id @param {string} quality */
  rate(id, quality) {
    const tile = this.#tiles.get(id)
    if (tile === undefined) return
    tile.dot.dataset['quality'] = quality
    tile.dot.title = tile.dot.textContent = QUALITIES[quality] ?? quality
  }

  /** The path of a participant was lost, or works again. @param {string} id @param {boolean} waits */
  wait(id, waits) {
    const tile = this.#tiles.get(id)
    if (tile === undefined) return
    tile.waits = waits
    this.#describe(tile)
  }

  /** @param {string} id */
  remove(id) {
    this.#tiles.get(id)?.element.remove()
    this.#tiles.delete(id)
  }

  clear() {
    for (const id of [...this.#tiles.keys()]) this.remove(id)
  }

  /** @param {Tile} tile */
  #describe({ element, note, muted, waits }) {
    element.classList.toggle('waits', waits)
    element.classList.toggle('dark', muted.has('video'))
    const texts = [waits && 'reconnecting …', muted.has('audio') && 'microphone off', muted.has('video') && 'camera off']
    note.textContent = texts.filter(Boolean).join(', ')
  }

  /** @param {string} id @returns {Tile} */
  #tileOf(id) {
    const known = this.#tiles.get(id)
    if (known !== undefined) return known
    const element = document.createElement('figure')
    const video = Object.assign(document.createElement('video'), { autoplay: true, playsInline: true })
    const caption = document.createElement('figcaption')
    const [name, note, dot] = ['span', 'small', 'small'].map(type => document.createElement(type))
    if (name === undefined || note === undefined || dot === undefined) throw new Error('three elements were made')
    dot.className = 'dot'
    caption.append(name, note, dot)
    element.append(video, caption)
    this.#list.append(element)
    const tile = { element, video, name, note, dot, muted: new Set(), waits: false }
    this.#tiles.set(id, tile)
    return tile
  }
}
